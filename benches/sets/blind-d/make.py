"""Generates the contexts of the set blind-d and the set file itself. Standard library only; the
same bytes on every run (fixed seed). Usage: make.py [FOLDER]  (default: beside this file)
Writes FOLDER/data/blind-d-1.0.0/*, FOLDER/blind-d.toml, FOLDER/blind-d.questions.json.
Held out: `make.py FOLDER`, then `suite --registry FOLDER/data run benches/sets/blind-d/blind-d.toml`."""
import csv, hashlib, io, json, os, random, sys
from collections import Counter, defaultdict
from datetime import datetime, timedelta

ROOT = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
NAME = "blind-d-1.0.0"
OUT = os.path.join(ROOT, "data", NAME)
os.makedirs(OUT, exist_ok=True)
FILES, ASKS = {}, []

def rng(part): return random.Random(f"blind-d 7201 {part}")
def pick(r, weighted):
    x = r.random() * sum(w for _, w in weighted)
    for v, w in weighted:
        x -= w
        if x < 0: return v
    return weighted[-1][0]
def write(name, text): FILES[name] = text; open(os.path.join(OUT, name), "w", newline="").write(text)
def ask(file, id, family, question, expect, reject=(), evidence=()):
    ASKS.append(dict(file=file, id=id, family=family, question=question, expect=expect, reject=list(reject), evidence=list(evidence)))
def number(v, tol=None):
    e = {"kind": "number", "value": v}
    if tol: e["tolerance"] = tol
    return e
def top(counter, k):
    """The k greatest, with a clear gap between each and the next."""
    best = sorted(counter.items(), key=lambda kv: (-kv[1], kv[0]))
    for a, b in zip(best[:k], best[1:k + 1]): assert a[1] > b[1], (a, b)
    return [n for n, _ in best[:k]]

# ---- gateway.log: key=value, with a quoted message --------------------------------------------
r = rng("gateway")
SVC = [("checkout", 22), ("billing", 14), ("search", 30), ("catalog", 18), ("profile", 9), ("export", 7)]
ROUTES = {"checkout": ["/cart/add", "/cart/pay"], "billing": ["/invoice", "/invoice/pdf"], "search": ["/find", "/suggest"],
          "catalog": ["/item", "/item/similar"], "profile": ["/me", "/me/avatar"], "export": ["/export/csv", "/export/zip"]}
FAILW = {"checkout": 0.055, "billing": 0.12, "search": 0.025, "catalog": 0.06, "profile": 0.04, "export": 0.21}
MSG = {200: ["ok", "served from cache", "ok after retry, earlier status=503"], 404: ["no such thing", "unknown id"],
       500: ["handler panicked", "unexpected end of input"], 502: ["upstream reset", "bad gateway"], 503: ["no healthy backend", "queue full"]}
t, G, lines = datetime(2031, 3, 4, 0, 0, 3), [], []
for i in range(8200):
    t += timedelta(seconds=r.randrange(1, 19))
    svc = pick(r, SVC); bad = r.random() < FAILW[svc]
    status = pick(r, [(500, 3), (502, 4), (503, 5)]) if bad else pick(r, [(200, 95), (404, 5)])
    ms = int(8 + r.random() ** 4 * 5200) + (r.randrange(300, 2500) if bad else 0)
    if svc == "export": ms += r.randrange(200, 1500)
    x = dict(t=t, svc=svc, route=r.choice(ROUTES[svc]), status=status, ms=ms, bytes=r.randrange(90, 48000), trace="%08x" % r.randrange(1 << 32),
             user="u%04d" % int(r.random() ** 2 * 1800), zone=r.choice(["north", "south", "west"]))
    G.append(x)
    level = "error" if bad else ("warn" if status == 404 or ms > 4000 else "info")
    lines.append(f'ts={t:%Y-%m-%dT%H:%M:%SZ} level={level} svc={svc} zone={x["zone"]} route={x["route"]} status={status} dur_ms={ms} bytes={x["bytes"]} user={x["user"]} trace={x["trace"]} msg="{r.choice(MSG[status])}"')
write("gateway.log", "\n".join(lines) + "\n")
v = sum(x["svc"] == "billing" and x["status"] == 503 for x in G)
ask("gateway.log", "gateway-billing-503", "count", "How many requests to the billing service were answered with status 503?", number(v))
names = top(Counter(x["svc"] for x in G if x["status"] >= 500), 3)
ask("gateway.log", "gateway-top-failing", "top", "Which three services had the most requests that ended with a status of 500 or more? Name them, most first.", {"kind": "names_in_order", "names": names})
sel = sorted((x for x in G if x["svc"] == "catalog" and x["status"] == 200), key=lambda x: -x["ms"])
assert sel[0]["ms"] > sel[1]["ms"]
ask("gateway.log", "gateway-slowest-catalog", "extreme", "What is the trace id of the slowest request to the catalog service that still got status 200?", {"kind": "one_of", "any": [sel[0]["trace"]]}, [sel[1]["trace"], max(G, key=lambda x: x["ms"])["trace"]])
v = sum(x["bytes"] for x in G if x["zone"] == "west" and x["route"] == "/export/zip")
ask("gateway.log", "gateway-west-zip-bytes", "sum", "How many bytes in total did the route /export/zip send in the zone west?", number(v))

# ---- access.log: nginx, combined form ---------------------------------------------------------
r = rng("access")
IPS = ["10.%d.%d.%d" % (r.randrange(4, 60), r.randrange(1, 250), r.randrange(2, 250)) for _ in range(160)]
PATHS = [("/", 30), ("/login", 12), ("/downloads/manual.pdf", 6), ("/downloads/manual-de.pdf", 4), ("/api/v2/items", 22), ("/api/v2/items/404", 3), ("/robots.txt", 2), ("/assets/app.js", 14), ("/search?q=POST+404", 3), ("/feed.xml", 4)]
UA = ["Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15", "curl/8.6.0", "FeedFetcher/2.1 (+https://feeds.example/about)"]
t, A, lines = datetime(2032, 6, 11, 4, 0, 0), [], []
for i in range(6400):
    t += timedelta(seconds=r.randrange(0, 12))
    path = pick(r, PATHS); method = "GET"
    if path == "/login": method = pick(r, [("POST", 7), ("GET", 3)])
    if path.startswith("/api"): method = pick(r, [("GET", 6), ("POST", 4), ("DELETE", 1)])
    status = pick(r, [(200, 80), (304, 7), (404, 8), (500, 1)])
    if path == "/login" and method == "POST": status = pick(r, [(302, 6), (401, 4)])
    ip = IPS[int(r.random() ** 1.7 * len(IPS))]
    x = dict(t=t, ip=ip, method=method, path=path, status=status, bytes=0 if status == 304 else r.randrange(150, 260000))
    A.append(x)
    user = pick(r, [("-", 9), ("maud", 1)])
    lines.append(f'{ip} - {user} [{t:%d/%b/%Y:%H:%M:%S} +0000] "{method} {path} HTTP/1.1" {status} {x["bytes"]} "{r.choice(["-", "https://shop.example/"])}" "{r.choice(UA)}"')
write("access.log", "\n".join(lines) + "\n")
v = sum(x["method"] == "POST" and x["status"] == 404 for x in A)
ask("access.log", "access-post-404", "count", "How many POST requests were answered with 404?", number(v))
c401 = Counter(x["ip"] for x in A if x["status"] == 401)
best = top(c401, 1)[0]
ask("access.log", "access-most-401", "top", "From which address did the most refused logins (status 401) come?", {"kind": "one_of", "any": [best]}, [n for n, _ in c401.most_common(3) if n != best])
v = len({x["ip"] for x in A if x["path"] == "/robots.txt"})
ask("access.log", "access-robots-addresses", "distinct", "How many different addresses asked for /robots.txt?", number(v))

# ---- auth.log: syslog with free text ----------------------------------------------------------
r = rng("auth log")
HOSTS = ["amber", "cobalt", "fern", "gale", "heron"]
USERS = ["root", "root2", "deploy", "mira", "otto", "backup", "admin"]
t, L, lines = datetime(2031, 11, 7, 0, 0, 9), [], []
for i in range(7600):
    t += timedelta(seconds=r.randrange(1, 20))
    host = pick(r, [("amber", 5), ("cobalt", 4), ("fern", 3), ("gale", 6), ("heron", 4)])
    kind = pick(r, [("fail", 22), ("invalid", 14), ("accept", 12), ("key", 14), ("cron", 20), ("oom", 3), ("sudo", 9), ("link", 6)])
    user, ip, port = r.choice(USERS), "192.168.%d.%d" % (r.randrange(0, 12), r.randrange(2, 250)), r.randrange(1024, 65000)
    pid = r.randrange(300, 32000); victim = r.choice(["postgres", "java", "node", "redis-server"])
    L.append(dict(t=t, host=host, kind=kind, user=user, victim=victim, ip=ip))
    text = {"fail": f"sshd[{pid}]: Failed password for {user} from {ip} port {port} ssh2",
            "invalid": f"sshd[{pid}]: Failed password for invalid user {user} from {ip} port {port} ssh2",
            "accept": f"sshd[{pid}]: Accepted password for {user} from {ip} port {port} ssh2",
            "key": f"sshd[{pid}]: Accepted publickey for {user} from {ip} port {port} ssh2: ED25519 SHA256:{r.randrange(1 << 60):015x}",
            "cron": f"CRON[{pid}]: ({user}) CMD (/usr/local/bin/rotate --keep {r.randrange(3, 30)})",
            "oom": f"kernel: [{r.randrange(9000, 99000)}.{r.randrange(100000, 999999)}] Out of memory: Killed process {pid} ({victim}) total-vm:{r.randrange(100000, 900000)}kB",
            "sudo": f"sudo:   {user} : TTY=pts/{r.randrange(0, 9)} ; PWD=/srv ; USER=root ; COMMAND=/usr/bin/systemctl restart {victim}",
            "link": f"kernel: [{r.randrange(9000, 99000)}.{r.randrange(100000, 999999)}] eth0: link is {r.choice(['up', 'down'])}"}[kind]
    lines.append(f"{t:%b} {t.day:2d} {t:%H:%M:%S} {host} {text}")
write("auth.log", "\n".join(lines) + "\n")
v = sum(x["kind"] == "fail" and x["user"] == "root" and x["host"] == "gale" for x in L)
ask("auth.log", "auth-root-gale", "count", "How often was a wrong password given for the existing user root on the host gale? Lines about an invalid user do not count.", number(v))
oom = Counter(x["host"] for x in L if x["kind"] == "oom" and x["victim"] == "postgres")
best = top(oom, 1)[0]
ask("auth.log", "auth-oom-postgres", "top", "On which host did the kernel kill postgres most often because memory had run out?", {"kind": "one_of", "any": [best]}, [h for h in HOSTS if h != best])
sel = [x for x in L if x["kind"] == "key" and x["user"] == "backup" and x["host"] == "fern"]
ask("auth.log", "auth-last-backup-key", "extreme", "From which address did the user backup last log in with a public key on the host fern?", {"kind": "one_of", "any": [sel[-1]["ip"]]}, [sel[-2]["ip"], sel[0]["ip"]])

# ---- orders.csv: quoted fields with commas ----------------------------------------------------
r = rng("orders")
CITY = ["Bergen, west", "Bergen, north", "Turku", "Aarhus", "Malmö", "Tartu", "Gdańsk"]
CAT = [("lamps", 9), ("chairs", 12), ("tables", 8), ("rugs", 6), ("mirrors", 4), ("shelves", 10)]
BASE = {"lamps": 3.6, "chairs": 3.2, "tables": 3.9, "rugs": 3.4, "mirrors": 4.15, "shelves": 3.0}
COUNTRY = {"Bergen, west": "NO", "Bergen, north": "NO", "Turku": "FI", "Aarhus": "DK", "Malmö": "SE", "Tartu": "EE", "Gdańsk": "PL"}
t, O = datetime(2030, 1, 2), []
buf = io.StringIO(); w = csv.writer(buf, lineterminator="\n")
w.writerow(["order", "date", "city", "country", "class", "category", "quantity", "cents", "status", "rating", "note"])
for i in range(9800):
    t += timedelta(minutes=r.randrange(5, 70)); city = r.choice(CITY); cat = pick(r, CAT)
    rating = max(1, min(5, round(r.gauss(BASE[cat], 1.0))))
    x = dict(order=f"B{410000 + i}", date=t.strftime("%Y-%m-%d"), city=city, country=COUNTRY[city], cls=pick(r, [("retail", 8), ("wholesale", 2), ("staff", 1)]),
             category=cat, quantity=int(1 + r.random() ** 5 * 900), cents=r.randrange(900, 240000), status=pick(r, [("paid", 12), ("refunded", 2), ("open", 3), ("cancelled", 1)]), rating=rating)
    O.append(x)
    w.writerow([x["order"], x["date"], city, x["country"], x["cls"], cat, x["quantity"], x["cents"], x["status"], rating,
                r.choice(["", "", "", "leave at the door", "call first, then ring", 'ask for "Pia", second floor', "was refunded before, now paid"])])
write("orders.csv", buf.getvalue())
v = sum(x["cents"] for x in O if x["country"] == "NO" and x["status"] == "refunded")
ask("orders.csv", "orders-norway-refunds", "sum", "What do the refunded orders from Norway (country NO) add up to, in cents?", number(v))
g = defaultdict(list)
for x in O: g[x["category"]].append(x["rating"])
means = {k: sum(q) / len(q) for k, q in g.items()}
best = top(means, 1)[0]
ask("orders.csv", "orders-best-rated", "top", "Which category of goods has the highest average rating?", {"kind": "one_of", "any": [best]}, [c for c, _ in CAT if c != best])
sel = sorted((x for x in O if x["cls"] == "wholesale" and x["status"] == "open"), key=lambda x: -x["quantity"])
assert sel[0]["quantity"] > sel[1]["quantity"]
ask("orders.csv", "orders-biggest-open", "extreme", "What is the number of the open wholesale order with the largest quantity?", {"kind": "one_of", "any": [sel[0]["order"]]}, [sel[1]["order"], max(O, key=lambda x: x["quantity"])["order"]])

# ---- devices.jsonl: nested objects, missing fields --------------------------------------------
r = rng("devices")
DEV = ["dev-%03d" % i for i in range(1, 241)]
FWS = [("4.2.0", 6), ("4.2.1", 9), ("4.3.0", 12), ("5.0.0", 4), ("5.0.1", 7)]
FW = {d: pick(r, FWS) for d in DEV}
RB = {"4.2.0": 4, "4.2.1": 2, "4.3.0": 3, "5.0.0": 14, "5.0.1": 3}
LOW = set(r.sample(DEV, 57))
t, J, lines = datetime(2033, 2, 1), [], []
for i in range(7400):
    t += timedelta(seconds=r.randrange(10, 90)); d = r.choice(DEV)
    ev = pick(r, [("report", 70), ("reboot", RB[FW[d]]), ("update", 3), ("alarm", 5)])
    x = {"at": t.strftime("%Y-%m-%dT%H:%M:%SZ"), "device": d, "firmware": FW[d], "event": ev, "where": {"site": r.choice(["quay", "mill", "tower", "depot"]), "floor": r.randrange(0, 5)}}
    if ev == "report":
        x["power"] = {"battery": r.randrange(2, 10) if d in LOW and r.random() < 0.3 else r.randrange(10, 101), "mains": r.random() < 0.6}
        if r.random() < 0.8: x["temperature"] = round(r.gauss(19, 4), 1)
    if ev == "alarm": x["reason"] = r.choice(["smoke", "door", "reboot loop", "battery"])
    J.append(x); lines.append(json.dumps(x))
write("devices.jsonl", "\n".join(lines) + "\n")
v = len({x["device"] for x in J if x.get("power", {}).get("battery", 100) < 10})
ask("devices.jsonl", "devices-low-battery", "distinct", "How many different devices reported a battery level below 10 at least once?", number(v))
names = top(Counter(x["firmware"] for x in J if x["event"] == "reboot"), 2)
ask("devices.jsonl", "devices-reboot-firmware", "top", "Which two firmware versions have the most reboot events? Name them, most first.", {"kind": "names_in_order", "names": names})

# ---- feedback.txt, hints.txt: one judgement a line --------------------------------------------
DELIVERY = ["The parcel turned up nine days after the promised date.", "Your driver left the box in the rain and drove off without ringing.", "I waited at home all Friday and nobody came with the sofa.",
 "The courier handed my package to a stranger two streets away.", "Tracking has said 'out for delivery' since Monday and I still have nothing.", "The carton arrived crushed, as if the van had rolled over it.",
 "Half of my order came, the other half seems lost on the road.", "They threw the parcel over the fence, into the pond.", "Shipped to my old address although I had changed it twice.",
 "The delivery man refused to carry the wardrobe past the kerb.", "Three weeks for a letter-sized package is a joke.", "Nobody told me that the van would come at five in the morning; I missed it, and now it goes back.", "It went to the wrong town and came back to you, so I am still without my lamp."]
PRAISE = ["Arrived a day early and well packed, thank you!", "The courier even carried the table up to the fourth floor, wonderful.", "Fast shipping as always.", "Delivered on time, and the driver was very kind."]
PRODUCT = ["The chair wobbles no matter how I tighten the screws.", "One of the mirrors has a blind spot in the glass.", "The lamp hums so loudly that I cannot read beside it.", "The colour is far darker than on the photo.", "A screw was missing from the bag of fittings.", "The drawer jams every time that I open it.", "After two washes the rug had lost its pattern."]
BILLING = ["I was charged twice for the same shelf.", "The voucher code was not accepted at the till.", "My refund is still not on my account after a month.", "The invoice shows the wrong tax number.", "Why do you keep billing me for a membership that I ended?"]
ASKING = ["Does the oak table come in a round shape too?", "Can I collect the order myself instead of having it sent?", "How long is the warranty on the lamps?", "Do you deliver to the islands?", "Which oil do you recommend for beech wood?", "What would express shipping cost to Tartu?"]
OTHER = ["The web page is hard to read on my phone.", "The lady in your shop in Turku explained everything with great patience.", "Please stop sending me the newsletter.", "Lovely rug, my cat approves.", "The manual could use larger drawings.", "I like the new colours of the spring range."]
r = rng("feedback")
F = [(x, True) for x in r.sample(DELIVERY, 12)] + [(x, False) for x in PRAISE + PRODUCT + BILLING + ASKING + OTHER]
r.shuffle(F)
write("feedback.txt", "".join(f"{i:02d}. {x}\n" for i, (x, _) in enumerate(F, 1)))
ask("feedback.txt", "feedback-delivery", "judge", "Each line is one message from a customer. How many of them complain about how their order was delivered?", number(sum(b for _, b in F), 1))

HAZARD = ["The guard on the big saw has come off and the blade runs open.", "There is a puddle of oil on the stairs to the boiler room; Per nearly fell.", "Bare wires hang out of the wall beside the sink.", "The fire door on floor two is chained shut.", "Smell of gas behind the kitchen since noon.",
 "The ladder in bay four has a cracked rung.", "The brake of the forklift does not hold on the ramp.", "Somebody has taken the smoke alarm down and not put it back.", "A pallet on the top rack leans over the walkway and may drop."]
SAFE = ["Changed the bulbs in the corridor.", "The coffee machine is out of beans again.", "Painted the railing green, as agreed.", "The new fire door was fitted and closes as it should.", "Order forty boxes of screws for next week.", "Checked all the smoke alarms: every one of them works.",
 "The printer in the office prints streaks.", "Oiled the hinges of the yard gate.", "Swept bay four and stacked the empty crates.", "The forklift passed its yearly inspection without remarks.", "Lost: one blue lunch box, please return it to Per.", "The saw has a new blade and its guard was put back on.", "Meeting about the holiday list on Thursday at ten.",
 "Watered the plants in the entrance.", "The radio in the canteen gets only one station.", "Put fresh labels on the rack in bay two.", "Gas meter read: 4410.", "The electrician has covered the wires beside the door; all safe now.", "The clock in the hall is six minutes slow.", "Returned the borrowed ladder to the neighbours.", "The window cleaner comes on Monday.", "Sorted the old invoices into binders.", "Delivered two rolls of carpet to the showroom."]
r = rng("hints")
H = [(x, True) for x in r.sample(HAZARD, 8)] + [(x, False) for x in SAFE]
r.shuffle(H)
write("shiftbook.txt", "".join(f"{x}\n" for x, _ in H))
ask("shiftbook.txt", "shiftbook-danger", "judge", "Each line is an entry of a workshop's shift book. How many entries report something that could hurt somebody and has not been put right?", number(sum(b for _, b in H), 1))

# ---- gazette.txt: made-up prose with facts among near misses ----------------------------------
r = rng("gazette")
FIRST = "Anders Birte Carl Dagny Edvin Frida Gustav Helga Ivar Johanne Karsten Lovisa Magnus Nanna Oskar Petra Ragnar Sigrid Torben Ulla Viggo Ylva".split()
LAST = "Aasen Brandt Clausen Dreyer Ekdal Falk Gran Holst Iversen Juul Krogh Lund Moen Nyborg Olsen Prytz Rask Strand Thorsen Urdal Vang Wold".split()
PLACE = "Ostervik Hallgrim Mellby Sundre Torsholm Brekke Varnholm Lillesand Askim Rindal Fossum Gullvik Norheim Elvestad Kvamme Sandnes".split()
THING = ["the harbour wall", "the grain store", "the schoolhouse", "the mill race", "the market hall", "the rope walk", "the bell tower", "the tannery", "the post road", "the fish landing", "the common pasture", "the chapel roof"]
DID = ["was mended", "was measured anew", "was let for a year", "was argued over", "was painted", "was looked at by the council", "was closed for a week", "was insured", "was sold and bought back"]
WHEN = ["in the spring", "before the frost", "after the fair", "at midsummer", "in the week of the regatta", "when the ice broke", "towards the end of the month", "on the second market day"]
MORE = ["and nobody spoke against it", "although the clerk had doubts", "at a cost that the ledger does not give", "as it had been the year before", "with the help of two carpenters", "to the delight of the children", "while the bishop was away", "as the older people had foretold"]
def sentence():
    k = r.randrange(5); p = f"{r.choice(FIRST)} {r.choice(LAST)}"; pl = r.choice(PLACE); th = r.choice(THING)
    if k == 0: return f"{r.choice(WHEN).capitalize()} {th} of {pl} {r.choice(DID)}, {r.choice(MORE)}."
    if k == 1: return f"{p} wrote to the paper about {th} of {pl} and got {r.randrange(2, 90)} answers."
    if k == 2: return f"It was said in {pl} that {th} {r.choice(DID)} {r.choice(WHEN)}."
    if k == 3: return f"The {r.choice(['baker', 'miller', 'smith', 'sexton', 'pilot', 'teacher'])} {p} paid {r.randrange(3, 400)} crowns for a share in {th} of {pl}, {r.choice(MORE)}."
    return f"{p} and {r.choice(FIRST)} {r.choice(LAST)} walked from {pl} to {r.choice(PLACE)} {r.choice(WHEN)}, {r.choice(MORE)}."
SAY = ["After the flood the ferry licence for Lake Orrin was made over to the widow Ilse Tamm.",
 "Before the flood the ferry licence for Lake Orrin had been in the hands of Matti Kreutz.",
 "After the flood the ferry licence for Lake Orvin was made over to the brothers Ode and Nils Barth.",
 "After the flood the fishing licence for Lake Orrin was made over to Jonas Pell.",
 "A loaded cart pays 14 pence on the Tarn bridge.", "An empty cart pays 9 pence on the Tarn bridge.", "A loaded cart pays 17 pence on the Tarrow bridge.", "A loaded sledge pays 11 pence on the Tarn bridge.", "In the year of the comet the Tarn bridge took in 860 pence on one day.",
 "The surveyor of the Skjold mine has taken rooms at the Blue Heron.", "The surveyor of the Skjoldberg mine has taken rooms at the Green Plover.", "The paymaster of the Skjold mine has taken rooms at the White Swan.",
 "The Blue Heron is kept by Sunniva Dahl.", "The Green Plover is kept by Marius Eide.", "The White Swan is kept by Thea Roald.", "The Blue Herring is kept by Anton Wiik."]
paras = []; size = 0
while size < 760_000:
    p = " ".join(sentence() for _ in range(r.randrange(3, 9))); paras.append(p); size += len(p) + 2
slots = r.sample(range(40, len(paras) - 40), len(SAY))
for s, at in zip(SAY, slots): paras[at] += " " + s
write("gazette.txt", "\n\n".join(paras) + "\n")
ask("gazette.txt", "gazette-ferry", "fact", "Who was given the right to run the ferry on Lake Orrin once the flood was over?", {"kind": "one_of", "any": ["Ilse Tamm", "Tamm"]}, ["Kreutz", "Barth", "Pell"], [SAY[0]])
ask("gazette.txt", "gazette-toll", "fact", "How many pence does the driver of a full cart have to pay to cross the Tarn bridge?", number(14), (), [SAY[4]])
ask("gazette.txt", "gazette-inn", "two-hop", "Who keeps the inn in which the surveyor of the Skjold mine lives?", {"kind": "one_of", "any": ["Sunniva Dahl", "Dahl"]}, ["Eide", "Roald", "Wiik"], [SAY[9], SAY[12]])

# ---- the set ----------------------------------------------------------------------------------
def toml(e): return json.dumps(e, ensure_ascii=False) if not isinstance(e, dict) else "{ " + ", ".join(f"{k} = {toml(x)}" for k, x in e.items()) + " }"
try:
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".py")); import blake3
    digest = lambda b: blake3.blake3(b).hexdigest()
except ImportError: digest = lambda b: None
out = ['about = "generated by make.py, fourth held set: nobody fits a prompt to it"', "seed = 7201", ""]
for name in FILES:
    body = FILES[name].encode(); h = digest(body)
    out += ["[[document]]", f'from = "{NAME}/{name}"', f'file = "{name}"'] + ([f'hash = "{h}"'] if h else []) + [""]
    for a in ASKS:
        if a["file"] != name: continue
        out += ["[[document.ask]]", f'id = "{a["id"]}"', f'family = "{a["family"]}"', f"question = {toml(a['question'])}", f"expect = {toml(a['expect'])}"]
        if a["reject"]: out.append(f"reject = {toml(a['reject'])}")
        if a["evidence"]: out.append(f"evidence = {toml(a['evidence'])}")
        out.append("")
open(os.path.join(ROOT, "blind-d.toml"), "w").write("\n".join(out))
qs = [{k: v for k, v in dict(id=a["id"], family=a["family"], question=a["question"], context=[f"data/{NAME}/{a['file']}"], expect=a["expect"], reject=a["reject"]).items() if v or k != "reject"} for a in ASKS]
json.dump(qs, open(os.path.join(ROOT, "blind-d.questions.json"), "w"), indent=1, ensure_ascii=False)
for name in FILES: print(f"{len(FILES[name].encode()):8d} {hashlib.sha256(FILES[name].encode()).hexdigest()[:16]} {name}")
for a in ASKS: print(a["id"], "|", a["expect"], "|", a["reject"])
print(len(ASKS))
