#!/bin/bash
# Recomputes the answers of blind-d from the files alone, with awk, grep and jq/csv: shares no code with the generator.
cd "$(dirname "$0")/data/blind-d-1.0.0" || exit 1
kv='function g(k){ if (match(pre, "(^| )" k "=[^ ]+")) { s=substr(pre,RSTART,RLENGTH); sub("^.*" k "=","",s); return s } return "" } { pre=$0; sub(/ msg=".*$/,"",pre) }'
echo "gateway-billing-503 $(awk "$kv"' g("svc")=="billing" && g("status")=="503"{n++} END{print n}' gateway.log)"
echo "gateway-top-failing $(awk "$kv"' g("status")+0>=500{c[g("svc")]++} END{for(k in c)print c[k],k}' gateway.log | sort -rn | head -4 | tr '\n' ';')"
echo "gateway-slowest-catalog $(awk "$kv"' g("svc")=="catalog" && g("status")=="200"{print g("dur_ms"),g("trace")}' gateway.log | sort -rn | head -2 | tr '\n' ';')"
echo "gateway-west-zip-bytes $(awk "$kv"' g("zone")=="west" && g("route")=="/export/zip"{n+=g("bytes")} END{printf "%d",n}' gateway.log)"
echo "access-post-404 $(grep -cE '\] "POST [^"]+" 404 ' access.log)   (loose grep POST.*404: $(grep -c 'POST.*404' access.log))"
echo "access-most-401 $(grep -E '" 401 [0-9]+ "' access.log | awk '{print $1}' | sort | uniq -c | sort -rn | head -3 | tr '\n' ';')"
echo "access-robots-addresses $(awk '$7=="/robots.txt"{print $1}' access.log | sort -u | wc -l)   (requests: $(grep -c /robots.txt access.log))"
echo "auth-root-gale $(grep -cE ' gale sshd\[[0-9]+\]: Failed password for root from ' auth.log)   (with invalid: $(grep -cE ' gale sshd.*Failed password for (invalid user )?root from' auth.log))"
echo "auth-oom-postgres $(grep 'Out of memory' auth.log | grep '(postgres)' | awk '{print $4}' | sort | uniq -c | sort -rn | tr '\n' ';')"
echo "auth-last-backup-key $(grep -E ' fern sshd.*Accepted publickey for backup from' auth.log | tail -1)"
python3 - <<'P'
import csv
r = list(csv.DictReader(open("orders.csv", newline="")))
print("orders-norway-refunds", sum(int(x["cents"]) for x in r if x["country"] == "NO" and x["status"] == "refunded"))
m = {}
for x in r: a = m.setdefault(x["category"], [0, 0]); a[0] += int(x["rating"]); a[1] += 1
print("orders-best-rated", sorted(((round(a / b, 3), k) for k, (a, b) in m.items()), reverse=True)[:3])
print("orders-biggest-open", sorted(((int(x["quantity"]), x["order"]) for x in r if x["class"] == "wholesale" and x["status"] == "open"), reverse=True)[:3])
P
echo "devices-low-battery $(grep -E '"battery": [0-9][,}]' devices.jsonl | grep -oE '"device": "[^"]+"' | sort -u | wc -l)"
echo "devices-reboot-firmware $(grep '"event": "reboot"' devices.jsonl | grep -oE '"firmware": "[^"]+"' | sort | uniq -c | sort -rn | tr '\n' ';')"
echo "gazette $(grep -oE '[^.]*Orrin[^.]*\.' gazette.txt | tr '\n' ';') $(grep -oE '[^.]*Tarn bridge[^.]*\.' gazette.txt | tr '\n' ';') $(grep -oE '[^.]*Skjold mine[^.]*\.' gazette.txt | tr '\n' ';') $(grep -oE '[^.]*is kept by[^.]*\.' gazette.txt | tr '\n' ';')"
echo "bytes each fact stands at: $(grep -obE 'Ilse Tamm|pays 14 pence|at the Blue Heron|Sunniva Dahl' gazette.txt | tr '\n' ' ')"
