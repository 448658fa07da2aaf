"""Generates the contexts of the set blind-e and the set file itself. The same bytes on every run
(fixed seed). Usage: make.py [FOLDER]  (default: beside this file)
Writes FOLDER/data/blind-e-1.0.0/*, FOLDER/blind-e.toml, FOLDER/blind-e.questions.json; at the end
every counted answer is worked out a second time, from the written files alone (`again`).
Needs: the crate chrono-tz 0.8.6 in the cargo registry (real text, CARGO_HOME or ~/.cargo) and, to
write hashes, the Python package blake3; without it blind-e.toml is compared, not written anew.
Held out: `make.py FOLDER`, then `suite --registry FOLDER/data run benches/sets/blind-e/blind-e.toml`."""
import csv, glob, hashlib, io, json, os, random, re, sys
from collections import Counter
from datetime import date, datetime, timedelta

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = sys.argv[1] if len(sys.argv) > 1 else HERE
NAME = "blind-e-1.0.0"
OUT = os.path.join(ROOT, "data", NAME)
os.makedirs(OUT, exist_ok=True)
FILES, ASKS = {}, []

def rng(part): return random.Random(f"blind-e 8305 {part}")
def pick(r, weighted):
    x = r.random() * sum(w for _, w in weighted)
    for v, w in weighted:
        x -= w
        if x < 0: return v
    return weighted[-1][0]
def write(name, text):
    FILES[name] = text
    with open(os.path.join(OUT, name), "w", newline="", encoding="utf-8") as f: f.write(text)
def ask(file, id, family, question, expect, reject=(), evidence=()):
    ASKS.append(dict(file=file, id=id, family=family, question=question, expect=expect, reject=list(reject), evidence=list(evidence)))
def number(v, tol=None):
    e = {"kind": "number", "value": v}
    if tol: e["tolerance"] = tol
    return e
def one_of(*names): return {"kind": "one_of", "any": list(names)}
def top(counter, k):
    """The k greatest, with a clear gap between each and the next."""
    best = sorted(counter.items(), key=lambda kv: (-kv[1], kv[0]))
    for a, b in zip(best[:k], best[1:k + 1]): assert a[1] > b[1], (a, b)
    return [n for n, _ in best[:k]]
def alone(best):
    """The first of a sorted list, which nothing else equals."""
    assert best[0][0] != best[1][0], best[:2]
    return best[0][1]

# ---- harbour.log: key=value, quoted ship names and remarks ------------------------------------
r = rng("harbour")
PILOTS = [("Ohlsen", 13), ("Olsen", 11), ("Baptiste", 17), ("Quist", 9), ("Marr", 15), ("Tveit", 7), ("Okoro", 12), ("Lund", 10)]
FIRST = ["Anna", "Bruno", "Clara", "Dag", "Elsa", "Frida", "Gustav", "Helga", "Ivo", "Jutta"]
LAST = ["Voss", "Brand", "Tanker", "Lyng", "Draught", "Holm", "Sund", "Krag", "Maar", "Ryd"]
SHIPS = [f"{a} {b}" for a in FIRST for b in LAST]
KIND = {s: pick(r, [("tanker", 3), ("bulk", 4), ("ferry", 2), ("reefer", 2)]) for s in SHIPS}
REMARK = ["", "", "", "refused yesterday for draught, tanker behind it", "swell from the north", "tug late", "was to take berth B3", "papers came by boat", "discharge of 900 tonnes put off"]
t, H, lines = datetime(2034, 4, 28, 0, 4), [], []
for i in range(6600):
    t += timedelta(minutes=r.randrange(1, 16))
    ship = r.choice(SHIPS)
    event = pick(r, [("arrive", 34), ("depart", 33), ("discharge", 17), ("shift", 6), ("refused", 10)])
    reason = pick(r, [("draught", 4), ("wind", 4), ("berth-taken", 3), ("papers", 2)]) if event == "refused" else "-"
    x = dict(t=t, berth=r.choice(["B1", "B2", "B3", "B4", "B13", "B30"]), ship=ship, kind=KIND[ship], event=event, reason=reason,
             draught=r.randrange(420, 1390), tonnes=r.randrange(40, 2600) if event in ("arrive", "discharge") else 0,
             pilot=pick(r, PILOTS) if event in ("arrive", "depart", "shift") else "-")
    H.append(x)
    lines.append(f'time={t:%Y-%m-%dT%H:%M} event={event} berth={x["berth"]} ship="{ship}" kind={x["kind"]} reason={reason} draught_cm={x["draught"]} tonnes={x["tonnes"]} pilot={x["pilot"]} remark="{r.choice(REMARK)}"')
write("harbour.log", "\n".join(lines) + "\n")
v = sum(x["kind"] == "tanker" and x["event"] == "refused" and x["reason"] == "draught" for x in H)
assert v != sum("tanker" in s and "refused" in s and "draught" in s for s in lines)
ask("harbour.log", "harbour-deep-tankers", "count", "How many times was a tanker refused because of its draught?", number(v))
names = top(Counter(x["pilot"] for x in H if x["event"] == "arrive"), 3)
ask("harbour.log", "harbour-pilots-in", "top", "Which three pilots took the most ships into the harbour (arrivals only)? Name them, most first.", {"kind": "names_in_order", "names": names})
v = sum(x["tonnes"] for x in H if x["event"] == "discharge" and x["berth"] == "B3" and date(2034, 5, 10) <= x["t"].date() <= date(2034, 5, 24))
ask("harbour.log", "harbour-b3-may", "sum", "How many tonnes were discharged at berth B3 from 10 May 2034 up to and including 24 May 2034?", number(v))

# ---- trams.log: positional columns ------------------------------------------------------------
r = rng("trams")
STOPS = ["Alter-Markt", "Neuer-Markt", "Ostbad", "Kastanienplatz", "Zeughaus", "Lindenhof", "Werft", "Sternwarte"]
LINES = [("L1", 16), ("L4", 20), ("L9", 18), ("L11", 11), ("L12", 10), ("L14", 9)]
POOL = {l: r.sample(range(2001, 2180), 26 + 7 * i) for i, (l, _) in enumerate(LINES)}
NOTES = ["-", "-", "-", "-", "ramp-out", "as-L11-from-Werft", "late-by-300", "full-210", "driver-changed"]
t, T, lines = datetime(2035, 1, 12, 4, 31, 0), [], ["# date time line vehicle stop delay_seconds passengers note"]
for i in range(15000):
    t += timedelta(seconds=r.randrange(2, 110))
    line = pick(r, LINES); rush = t.hour in (7, 8, 16, 17)
    delay = int(r.gauss(190 if rush else 90, 130)) // 5 * 5
    x = dict(t=t, line=line, vehicle=r.choice(POOL[line]), stop=r.choice(STOPS), delay=delay, pax=int(4 + r.random() ** 3 * (205 if rush else 130)))
    T.append(x)
best = max((x for x in T if x["line"] == "L9" and x["t"].date() == date(2035, 1, 18)), key=lambda x: x["pax"]); best["pax"] += 5
for x in T: lines.append(f'{x["t"]:%Y-%m-%d %H:%M:%S} {x["line"]} {x["vehicle"]} {x["stop"]} {x["delay"]:+d} {x["pax"]} {r.choice(NOTES)}')
write("trams.log", "\n".join(lines) + "\n")
v = sum(x["line"] == "L4" and x["stop"] == "Alter-Markt" and x["delay"] > 300 for x in T)
assert v != sum(x["line"] == "L4" and x["stop"] == "Alter-Markt" and x["delay"] >= 300 for x in T)
ask("trams.log", "trams-l4-late", "count", "How many departures of line L4 from the stop Alter-Markt were more than 300 seconds late?", number(v))
sel = sorted(((x["pax"], x["vehicle"]) for x in T if x["line"] == "L9" and x["t"].date() == date(2035, 1, 18)), reverse=True)
v = alone(sel)
over = max((x for x in T if x["line"] == "L9"), key=lambda x: x["pax"])["vehicle"]
assert v not in (over, sel[1][1]), "the near misses must be others"
ask("trams.log", "trams-l9-fullest", "extreme", "Which vehicle of line L9 carried the most passengers at one departure on 18 January 2035? Give its number.", one_of(str(v)), [str(over), str(sel[1][1])])
v = len({x["vehicle"] for x in T if x["line"] == "L11"})
ask("trams.log", "trams-l11-vehicles", "distinct", "How many different vehicles ran on line L11?", number(v))

# ---- loans.csv: quoted authors, empty cells ---------------------------------------------------
r = rng("loans")
AUTHORS = {"Lindqvist, Maja": ["Salt", "The Long Pier", "Nine Rooms"], "Lindqvist, Mats": ["Engines, Large and Small", "Rails"], "Obi, Chidi": ["Harmattan", "A Ladder, a Well"],
           "Ferrand, Luc": ["Les Ormes", "Winter Quarters"], "Yamane, Ko": ["Paper Boats", "The Inn at Kiso"], "Dorn, Hedwig": ["Hafen", "Letters to Nordstern"],
           "Castell, Pia": ["Figs", "Under the Tiles"], "Brandt, Ole": ["Moss", "Fieldbook, vol. 2"], "Achterberg, Jo": ["Low Water", "The Sluice"], "Ruiz, Amparo": ["Eleven Saints", "Almond Year"]}
BASEW = {"Lindqvist, Maja": 16, "Lindqvist, Mats": 9, "Obi, Chidi": 12, "Ferrand, Luc": 8, "Yamane, Ko": 15, "Dorn, Hedwig": 10, "Castell, Pia": 7, "Brandt, Ole": 6, "Achterberg, Jo": 9, "Ruiz, Amparo": 8}
WINTER = dict(BASEW, **{"Achterberg, Jo": 17, "Obi, Chidi": 14, "Yamane, Ko": 9, "Lindqvist, Maja": 11})
BRANCH = [("Hafen", 8), ("Hafen Süd", 6), ("Nordstern", 9), ("Kirchweg", 7), ("Mühle", 5)]
L, t = [], date(2028, 10, 2); buf = io.StringIO(); w = csv.writer(buf, lineterminator="\n")
w.writerow(["loan", "branch", "group", "title", "author", "lent", "due", "returned", "fee_cents", "note"])
for i in range(9400):
    if r.random() < 0.034: t += timedelta(days=1)
    weights = WINTER if (t.year, (t.month - 1) // 3) == (2029, 0) else BASEW
    author = pick(r, list(weights.items())); due = t + timedelta(days=28)
    back = None if r.random() < 0.07 else t + timedelta(days=int(1 + r.random() * 45))
    late = max(0, (back - due).days) if back else 0
    x = dict(loan=f"N{70311 + i}", branch=pick(r, BRANCH), group=pick(r, [("adult", 10), ("child", 6), ("school", 3), ("staff", 1)]), title=r.choice(AUTHORS[author]),
             author=author, lent=t, due=due, back=back, fee=late * 15 + (r.randrange(1, 9) * 50 if r.random() < 0.03 else 0))
    L.append(x)
    w.writerow([x["loan"], x["branch"], x["group"], x["title"], author, t, due, back or "", x["fee"],
                r.choice(["", "", "", "", "brought back at Hafen", "for a child, paid by an adult", "cover torn, seen", "wanted at Nordstern next"])])
write("loans.csv", buf.getvalue())
v = sum(x["fee"] for x in L if x["group"] == "child" and x["branch"] == "Nordstern")
ask("loans.csv", "loans-child-fees", "sum", "What do the fees of the group child at the branch Nordstern add up to, in cents?", number(v))
v = sum(x["branch"] == "Hafen" and x["back"] is None for x in L)
ask("loans.csv", "loans-hafen-out", "count", "How many loans from the branch Hafen have not been returned (the column returned is empty)? The branch Hafen Süd does not count.", number(v))
names = top(Counter(x["author"] for x in L if date(2029, 1, 1) <= x["lent"] <= date(2029, 3, 31)), 2)
assert set(names) != set(top(Counter(x["author"] for x in L), 2)) and not any("Lindqvist" in n for n in names)
ask("loans.csv", "loans-first-quarter", "top", "Which two authors were lent most often from 1 January to 31 March 2029 (column lent)? Name them, most first.", {"kind": "names_in_order", "names": [n.split(",")[0] for n in names]})

# ---- samples.tsv: drill holes -----------------------------------------------------------------
r = rng("samples")
HOLES = sorted({f"{a}-{n}" for a in ("KV", "KW", "LV") for n in r.sample(range(11, 130), 19)} | {"KV-17", "KV-117", "KW-17", "LV-17", "KV-71"})
RICH = {h: r.random() < 0.4 for h in HOLES}
S = []
for h in HOLES:
    rock = "gneiss"
    for depth in range(4, 4 + 2 * r.randrange(200, 270), 2):
        if r.random() < 0.12: rock = pick(r, [("gneiss", 4), ("basalt", 3), ("schist", 3), ("dyke", 1)])
        cu = int(r.random() ** 5 * (9400 if rock in ("schist", "dyke") else 7200)) + 12
        S.append(dict(hole=h, depth=depth, rock=rock, cu=cu, au=int(r.random() ** 6 * (985 if RICH[h] else 905)), lab=r.choice(["Arctos", "Pell", "TMS"])))
write("samples.tsv", "hole\tfrom_m\tto_m\trock\tcu_ppm\tau_ppb\tlab\n" + "".join(f'{x["hole"]}\t{x["depth"]}\t{x["depth"] + 2}\t{x["rock"]}\t{x["cu"]}\t{x["au"]}\t{x["lab"]}\n' for x in S))
sel = sorted(((x["cu"], x["depth"]) for x in S if x["hole"] == "KV-17" and x["rock"] == "basalt"), reverse=True)
v = alone(sel)
assert max((x for x in S if x["hole"] == "KV-17"), key=lambda x: x["cu"])["depth"] != v
ask("samples.tsv", "samples-kv17-basalt", "extreme", "At which depth (from_m) does the basalt of hole KV-17 have its highest copper value?", number(v))
v = len({x["hole"] for x in S if x["au"] > 900})
ask("samples.tsv", "samples-gold-holes", "distinct", "How many different holes have at least one sample with more than 900 ppb of gold?", number(v))

# ---- games.jsonl: nested objects --------------------------------------------------------------
r = rng("games")
PEOPLE = [(f"{a} {b}", r.random(), r.random()) for a, b in zip(["Iris", "Tomas", "Noor", "Hugo", "Lena", "Pavel", "Rosa", "Emil", "Wanda", "Idris", "Greta", "Milan"], ["Holm", "Reyes", "Aziz", "Stern", "Kovac", "Hruby", "Amado", "Lindh", "Zielinska", "Bello", "Fuchs", "Petrov"])]
OPEN = [("Sicilian Defence", 9), ("French Defence", 7), ("Caro-Kann", 6), ("Ruy Lopez", 8), ("Queen's Gambit", 8), ("English Opening", 4)]
G, t = [], date(2036, 1, 3)
for i in range(4550):
    if r.random() < 0.06: t += timedelta(days=1)
    a, b = r.sample(PEOPLE, 2)
    wv, bv = 1 + 2.0 * a[1], 0.8 + 2.0 * b[2]
    result = pick(r, [("1-0", wv), ("0-1", bv), ("1/2-1/2", 1.3)])
    ends = pick(r, [("draw agreed", 6), ("stalemate", 1), ("repetition", 3)]) if result == "1/2-1/2" else pick(r, [("resigns", 6), ("mate", 3), ("time", 2)])
    G.append(dict(id=f"g{20417 + 3 * i}", played=str(t), round=1 + i % 9, white=dict(name=a[0], rating=1700 + int(700 * a[1])), black=dict(name=b[0], rating=1700 + int(700 * b[2])),
                  opening=pick(r, OPEN), result=result, ends=ends, moves=int(11 + (r.random() + r.random()) * 45)))
low = min((g for g in G if g["opening"] == "Sicilian Defence" and g["result"] == "0-1" and g["ends"] == "mate"), key=lambda g: g["moves"]); low["moves"] -= 1
write("games.jsonl", "".join(json.dumps(g, ensure_ascii=False) + "\n" for g in G))
v = sum(g["opening"] == "French Defence" and g["result"] == "1/2-1/2" and g["moves"] > 60 for g in G)
assert v != sum(g["opening"] == "French Defence" and g["result"] == "1/2-1/2" and g["moves"] >= 60 for g in G)
ask("games.jsonl", "games-french-long", "count", "How many games with the French Defence were drawn and took more than 60 moves?", number(v))
names = top(Counter(g["black"]["name"] for g in G if g["result"] == "0-1"), 2)
won = Counter(g["black"]["name"] if g["result"] == "0-1" else g["white"]["name"] for g in G if g["result"] != "1/2-1/2")
assert names != top(won, 2)
ask("games.jsonl", "games-black-wins", "top", "Which two players won the most games with the black pieces? Name them, most first.", {"kind": "names_in_order", "names": names})
sel = sorted((g["moves"], g["id"]) for g in G if g["opening"] == "Sicilian Defence" and g["result"] == "0-1" and g["ends"] == "mate")
v = alone(sel)
near = [min((g for g in G if c(g)), key=lambda g: (g["moves"], g["id"]))["id"] for c in (lambda g: g["opening"] == "Sicilian Defence" and g["result"] == "1-0" and g["ends"] == "mate", lambda g: g["result"] == "0-1")]
ask("games.jsonl", "games-short-mate", "extreme", "What is the id of the shortest game (fewest moves) with the Sicilian Defence that Black won by mate?", one_of(v), [n for n in near + [sel[1][1]] if n != v])

# ---- judgement: short texts, each put into its heap by hand -----------------------------------
def judged(name, id, question, yes, no):
    r = rng(name); lines = [(s, True) for s in yes] + [(s, False) for s in no]
    assert 30 <= len(lines) <= 40 and len(set(s for s, _ in lines)) == len(lines)
    r.shuffle(lines)
    write(name, "".join(s + "\n" for s, _ in lines))
    ask(name, id, "judge", question, number(len(yes), 1))

judged("board.txt", "board-gifts", "Each line is a notice on a village board. In how many of them does somebody give a thing away without wanting anything in return?", [
    "Cot with mattress, clean, our youngest has outgrown it. Come and take it, Mill Lane 4.",
    "Apples! The tree is breaking. Bring a bag and help yourself, gate is open all week.",
    "Piano, a bit out of tune, free to whoever can carry it down one flight of stairs.",
    "We have moved and no longer need forty removal boxes. They stand in the porch, first come, first served.",
    "Three kittens, eight weeks old, looking for kind homes. We ask for no money.",
    "Old roof tiles, about two hundred, would be glad if someone fetched them. Nothing to pay.",
    "To be had for the asking: a stack of gardening magazines from the nineties.",
    "Sofa, green, one leg loose. Yours if you collect it before the bin men do.",
    "Surplus tomato seedlings on the wall by number 9. Please take as many as you like.",
    "My late father's tools go to a young carpenter who will use them; I would not take a penny.",
], [
    "Bicycle, gentleman's, 40 pounds or near offer.",
    "Wanted: a cot, will pay a fair price.",
    "Swap my wheelbarrow for your stepladder?",
    "Freezer for sale, works well, 60, buyer must collect.",
    "Looking for somebody to give my old dog a walk at noon, five pounds each time.",
    "Lost: one glove, brown leather, between the church and the pond.",
    "Free parking behind the hall ends on the first of May.",
    "Can anybody lend us a marquee for the fourteenth? It comes back the next day.",
    "Firewood, split and dry, 90 the load, delivery without charge.",
    "Room to let, quiet house, no pets.",
    "Kittens, pedigree, vaccinated, 350 each.",
    "The library sells off old novels on Saturday, fifty pence a book.",
    "I would love to have the jam jars that you throw away. I will come for them.",
    "Entry to the choir concert is free; a collection is taken for the roof.",
    "Found: a set of keys with a blue tag. Ask at the bakery.",
    "Trade: two laying hens against a day's help with the hedge.",
    "Garden shed, must go, best offer has it.",
    "Thank you to whoever left the pram for us, it is just right.",
    "Piano lessons, the first one costs nothing.",
    "Seeking a free or cheap desk for a student.",
    "Moving boxes for hire, a pound a week each.",
    "Please do not take apples from the parsonage garden.",
    "Car boot sale on Sunday, pitches 8 pounds.",
    "Our raffle: every ticket wins, tickets two pounds.",
])
judged("radio.txt", "radio-hurt", "Each line is a radio call noted by a mountain rescue post. In how many calls has a person been hurt?", [
    "Hut Seven: walker slipped on the scree, ankle the size of a melon, cannot stand on it.",
    "Piste patrol: two skiers ran into each other, one bleeding from the forehead, both talking.",
    "Climbing party at the Needle: second man hit by a stone, arm hangs down and he screams when we touch it.",
    "Farmer at Upper Alp: my boy fell from the hay loft and does not know what day it is.",
    "Guide Renz: client's hand went through the saw at the hut, wrapped in a towel, soaked already.",
    "Cable car crew: the door shut on a lady's fingers, two look broken.",
    "Bivouac East: man has burnt his face on the stove, blisters, eyes seem all right.",
    "Ridge party: our friend tumbled ten metres, says his ribs hurt with every breath.",
    "Forest warden: woodcutter under a branch, leg pinned, shin bone to be seen.",
], [
    "Hut Two: three walkers overdue since four o'clock, nothing known.",
    "Party on the north face: stuck on a ledge, both fine but cold, rope jammed.",
    "Farmer at Lower Alp: cow with a broken leg in the gully, can you winch?",
    "Post to all: tomorrow's drill uses a dummy with a make-believe head wound, do not be alarmed.",
    "Skier, lost in fog, hears the lift, is well, asks for the direction.",
    "Hut Seven: helicopter pad is iced over, send salt.",
    "Guide Renz: lost a client's rucksack down the couloir, client laughing.",
    "Cable car crew: cabin stopped with fourteen aboard, all calm, power back in ten minutes.",
    "Patrol: avalanche on the closed slope, searched with dogs, nobody under it.",
    "Bivouac East: stove leaking gas, we have put everybody outside in time.",
    "Walker asks whether the bridge is open again.",
    "Weather office: storm from three, gusts of a hundred.",
    "Ridge party: all down safely, thank you, stand down.",
    "Hut Five: dog has a cut paw, owner wants a vet's number.",
    "Post: batteries of set four are flat.",
    "Forest warden: tree across the track, nobody near when it fell.",
    "Tourist office: is it dangerous to go up in trainers?",
    "Climbers at the Needle: rockfall passed us by a hair, we turn back, no scratch.",
    "Hut Two: the overdue three have come in, tired and hungry.",
    "Pilot: cloud on the pass, returning empty.",
    "Lady at the car park: my husband has not come back, his telephone is off.",
    "Hut Five: we need more blankets, forty guests tonight.",
    "Patrol: fence torn at the quarry, somebody might fall there one day.",
    "Party on the glacier: a snow bridge gave way, man hung in the rope, pulled out unharmed.",
    "Guide Renz: please tell the hospital that we bring no one after all, it was only fright.",
])
judged("soup.txt", "soup-swaps", "Each line is a comment below a recipe for lentil soup. In how many comments has the writer put one ingredient in the place of another?", [
    "No red lentils in the house, so brown ones it was. Took longer, tasted fine.",
    "I used coconut milk where it says cream, since my son cannot have dairy.",
    "Lovely. Lime did the job of the lemon.",
    "Swapped the carrots for pumpkin and nobody noticed.",
    "Made it with leeks; onions disagree with me.",
    "Vegetable stock rather than chicken stock, and still a great success.",
    "The shop was out of cumin. I took caraway, and it was a different but nice soup.",
    "Ghee did instead of the olive oil. Very rich.",
    "We had only ground ginger, which stood in for the fresh root.",
    "Sweet potatoes in the role of potatoes: do it!",
    "I never buy parsley, so coriander went on top where the parsley should have been.",
], [
    "Followed it to the letter and would not change a thing.",
    "Could I take green lentils for the red ones? Has anybody tried?",
    "Too salty for us. Next time I shall halve the salt.",
    "Left out the chilli because of the children.",
    "Doubled the garlic, as always.",
    "Mine was thin; I let it boil for twenty minutes more.",
    "Added a handful of spinach at the end, as well as all the rest.",
    "My blender broke half way, so we ate it with lumps.",
    "Perfect for a rainy Sunday.",
    "How long does it keep in the fridge?",
    "I may try it with coconut milk one day, this time I kept to cream.",
    "The picture shows parsley but the list does not name it?",
    "Please write the amounts in grams.",
    "Used a pressure cooker in place of a pot: ready in twelve minutes.",
    "My grandmother made the same, in an iron pot over the fire.",
    "Without cream it is every bit as good, I just skip it.",
    "Served it with flatbread.",
    "It burnt because I went to answer the door.",
    "Do not replace the lemon with vinegar, my sister says. I used lemon and am glad.",
    "Half the quantity is plenty for two.",
    "Five stars from all four of us.",
    "I wanted to use turnips for the carrots but found carrots at the back of the drawer after all.",
    "What sort of paprika do you mean, hot or sweet?",
    "Froze well and thawed well.",
])
judged("tenants.txt", "tenants-noise", "Each line is a message from a tenant to the housing office. In how many messages does the tenant complain about noise?", [
    "The gentleman above me practises the drums until midnight. Please speak to him.",
    "Since the new boiler was put in, it bangs every hour on the hour and we lie awake.",
    "Their dog barks from the moment they leave for work until they come home. I work nights and need my sleep.",
    "Could somebody tell number 14 that walls are thin and that I do not wish to hear their television?",
    "Builders started drilling at six this morning, again. This is not what was agreed.",
    "The lift howls each time it passes the third floor. It drives us mad.",
    "Every Friday the same: singing, shouting and slamming doors in the stairwell till three.",
    "The fan of the restaurant hums under my bedroom all night, I cannot bear it any longer.",
    "Children racing up and down over my head in hard shoes, four hours each day. Enough.",
    "The pigeons on the sill? No, it is the loose gutter that rattles in the wind and wakes the baby. Please fix it.",
    "Again the alarm of the garage wailed from two until five. I have written about it before.",
    "Whoever moved in next door plays the trumpet on Sundays before breakfast. I ask you to step in.",
], [
    "My doorbell makes no sound at all. Please have it seen to.",
    "We shall have guests on Saturday and it may get late. We have told the neighbours.",
    "The tap in the kitchen drips, and the water bill is rising.",
    "Thank you, it has been wonderfully quiet since you spoke to number 9.",
    "At what time do the quiet hours begin?",
    "The stairwell smells of cooking oil every evening.",
    "My rent was taken twice this month.",
    "The heating stays cold in both rooms.",
    "May I keep a small dog?",
    "The lift has been out of order since Monday, and I am on the sixth floor.",
    "Somebody parks in my place every day.",
    "There is mould behind the wardrobe.",
    "I should like to play the cello between four and five. Is that allowed?",
    "The neighbours' smoke comes into my bedroom.",
    "Bins were not emptied for two weeks, we have rats.",
    "The light on the third floor flickers.",
    "Number 14 says that my piano disturbs them. I do not own a piano.",
    "The fire alarm was tested on Tuesday, all heard it, all went well.",
    "Please send me a copy of my contract.",
    "Water came through the ceiling last night.",
    "I am moving out at the end of June and give notice herewith.",
    "The intercom is so faint that I cannot hear who is below.",
    "The window in the bathroom does not shut.",
    "Your office's telephone was engaged for a whole morning.",
])

# ---- zones.txt: real text (the time zone database), a few notes set into it -------------------
PINS = {  # file of chrono-tz 0.8.6 -> sha256
    "europe": "cc7ced8b5713eaa780937839764daff17bbe9a226c289b709d1afd80d247e0ef",
    "asia": "5ee9bf22ce72cbd3da504be8a7332e87d9afab6b69a657121d885d91ef000d92",
    "northamerica": "f1e040f23c69f60e222a6784e9ab27fd5a45daedb3d8814145a7e52e962892ff",
    "australasia": "0d9b025e15e375c456cff94f7163cce7d308929baab3ab2b6037facd24d42359",
    "southamerica": "a10c7c13a735f657d1238d9832c4ce260b1c740dbae09d9a57fdece8cbe5b901",
    "africa": "d3ca90ea6e5171f2125eb81c53f4dc62d52c1c9189fd020774fdfff9b0e21c40",
    "backzone": "ba303c908628ffa84fe84e0d2445db3a932223e6132499877b48ad241243ba3c",
    "antarctica": "3226b844e9b7a35cedff813d20aba5fc07fcd6f0eea268e998f409bcb813868a",
    "theory.html": "d55ba0e8f284d124b7c6fd4ef4fde8407049a5fd7a88bea442dd140d5a2ea9e4",
    "tz-link.html": "e71f799ae860fb17545ff20f18187a5fe20565eac8e5a67776a7d263bbcc7c08",
}
base = glob.glob(os.path.join(os.environ.get("CARGO_HOME", os.path.expanduser("~/.cargo")), "registry", "src", "*", "chrono-tz-0.8.6", "tz"))
if not base: sys.exit("chrono-tz 0.8.6 is not in the cargo registry: run `cargo fetch` first")
real = []
for n, pin in PINS.items():
    with open(os.path.join(base[0], n), "rb") as f: raw = f.read()
    assert hashlib.sha256(raw).hexdigest() == pin, f"{n} is not the pinned text"
    real.append(raw.decode())
paras = "\n".join(real).split("\n\n")
def note(who, day, *lines): return "\n".join([f"# From {who} ({day}):"] + [f"# {s}" for s in lines])
GUN = "The noon gun of Port Ellery was fired by the lighthouse keeper Matthias Roe until the harbour office took it over in 1931."
HOP1 = "The Kestrel Line had its head office in Saint Orla, and all of its timetables were printed there."
HOP2 = "The station clock of Saint Orla was kept by the watchmaker Benedikt Quill until 1949."
SAY = [
    note("Aud Renner", "2014-05-11", GUN),
    note("Aud Renner", "2014-05-12", "The noon gun of Port Emory was fired by the postmaster Silas Crane until 1934, when the battery was sold."),
    note("Aud Renner", "2014-05-19", "Port Ellery took up standard time in 1908; the harbour office has fired the noon gun with its own clock since 1931.", "Its first gunner there was Jonas Whitlock."),
    note("Kees Aldous", "2017-02-02", "In Ellerby a bell was rung at noon by the sexton Abel Marsh. The town had no gun."),
    note("Kees Aldous", "2017-02-03", "The time ball of Port Ellery was dropped by the customs officer Edwin Frame from 1877 to 1912."),
    note("Mirela Toth", "2011-09-30", HOP1),
    note("Mirela Toth", "2011-10-04", "The Heron Line had its head office in Saint Odo and ran on the time of the capital."),
    note("Ilmari Stokke", "2019-03-21", HOP2),
    note("Ilmari Stokke", "2019-03-22", "The station clock of Saint Odo was kept by the watchmaker Viktor Lamb, and later by his daughter."),
    note("Ilmari Stokke", "2019-03-25", "The town clock of Saint Oswin was kept by the locksmith Rufus Penn; the Kestrel Line only had a depot there."),
    note("Mirela Toth", "2012-01-15", "The church clock of Saint Orla was wound by the organist Clemens Hart, and was often four minutes slow."),
]
r = rng("zones")
slots = r.sample(range(25, len(paras) - 25), len(SAY))
for s, at in zip(SAY, slots): paras[at] += "\n\n" + s
text = "\n\n".join(paras)
for s in (GUN, HOP1, HOP2): assert text.count(s) == 1
write("zones.txt", text)
ask("zones.txt", "zones-noon-gun", "fact", "Who let off the gun at midday in Port Ellery before the harbour office did it?", one_of("Matthias Roe", "Roe"), ["Silas Crane", "Jonas Whitlock", "Abel Marsh", "Edwin Frame"], [GUN])
ask("zones.txt", "zones-kestrel-clock", "two-hop", "Which watchmaker took care of the station clock in the town where the Kestrel Line had its head office?", one_of("Benedikt Quill", "Quill"), ["Viktor Lamb", "Rufus Penn", "Clemens Hart"], [HOP1, HOP2])

# ---- the answers once more, from the written files alone --------------------------------------
def read(name):
    with open(os.path.join(OUT, name), newline="", encoding="utf-8") as f: return f.read()
def again():
    out = {}
    h = [dict((k, a or b) for k, a, b in re.findall(r'(\w+)=(?:"([^"]*)"|(\S+))', s)) for s in read("harbour.log").splitlines()]
    out["harbour-deep-tankers"] = len([1 for x in h if (x["kind"], x["event"], x["reason"]) == ("tanker", "refused", "draught")])
    out["harbour-pilots-in"] = [n for n, _ in Counter(x["pilot"] for x in h if x["event"] == "arrive").most_common(3)]
    out["harbour-b3-may"] = sum(int(x["tonnes"]) for x in h if x["event"] == "discharge" and x["berth"] == "B3" and "2034-05-10" <= x["time"][:10] <= "2034-05-24")
    t = [s.split(" ") for s in read("trams.log").splitlines() if not s.startswith("#")]
    assert all(len(x) == 8 for x in t)
    out["trams-l4-late"] = sum(x[2] == "L4" and x[4] == "Alter-Markt" and int(x[5]) > 300 for x in t)
    out["trams-l9-fullest"] = max((int(x[6]), x[3]) for x in t if x[0] == "2035-01-18" and x[2] == "L9")[1]
    out["trams-l11-vehicles"] = len({x[3] for x in t if x[2] == "L11"})
    l = list(csv.DictReader(io.StringIO(read("loans.csv"))))
    out["loans-child-fees"] = sum(int(x["fee_cents"]) for x in l if x["group"] == "child" and x["branch"] == "Nordstern")
    out["loans-hafen-out"] = sum(x["branch"] == "Hafen" and x["returned"] == "" for x in l)
    out["loans-first-quarter"] = [n.split(",")[0] for n, _ in Counter(x["author"] for x in l if x["lent"][:7] in ("2029-01", "2029-02", "2029-03")).most_common(2)]
    s = [x.split("\t") for x in read("samples.tsv").splitlines()[1:]]
    out["samples-kv17-basalt"] = int(max((x for x in s if x[0] == "KV-17" and x[3] == "basalt"), key=lambda x: int(x[4]))[1])
    out["samples-gold-holes"] = len({x[0] for x in s if int(x[5]) > 900})
    g = [json.loads(x) for x in read("games.jsonl").splitlines()]
    out["games-french-long"] = sum(x["opening"] == "French Defence" and x["result"] == "1/2-1/2" and x["moves"] > 60 for x in g)
    out["games-black-wins"] = [n for n, _ in Counter(x["black"]["name"] for x in g if x["result"] == "0-1").most_common(2)]
    out["games-short-mate"] = min((x["moves"], x["id"]) for x in g if x["opening"].startswith("Sicilian") and x["result"] == "0-1" and x["ends"] == "mate")[1]
    z = read("zones.txt")
    out["zones-noon-gun"] = re.search(r"noon gun of Port Ellery was fired by the lighthouse keeper (\w+ \w+)", z)[1]
    town = re.search(r"Kestrel Line had its head office in (\w+ \w+)", z)[1]
    out["zones-kestrel-clock"] = re.search(rf"station clock of {town} was kept by the watchmaker (\w+ \w+)", z)[1]
    return out
second = again()
for a in ASKS:
    e = a["expect"]
    if a["family"] == "judge": continue
    got = second.pop(a["id"])
    assert got == (e["value"] if e["kind"] == "number" else e["names"] if e["kind"] == "names_in_order" else e["any"][0]), (a["id"], got, e)
assert not second and len(ASKS) == 20

# ---- the set ----------------------------------------------------------------------------------
def toml(e): return json.dumps(e, ensure_ascii=False) if not isinstance(e, dict) else "{ " + ", ".join(f"{k} = {toml(x)}" for k, x in e.items()) + " }"
try:
    import blake3
    digest = lambda b: blake3.blake3(b).hexdigest()
except ImportError: digest = lambda b: None
out = ['about = "generated by make.py, fifth held set: nobody fits a prompt to it"', "seed = 8305", ""]
for name in FILES:
    h = digest(FILES[name].encode())
    out += ["[[document]]", f'from = "{NAME}/{name}"', f'file = "{name}"'] + ([f'hash = "{h}"'] if h else []) + [""]
    for a in ASKS:
        if a["file"] != name: continue
        out += ["[[document.ask]]", f'id = "{a["id"]}"', f'family = "{a["family"]}"', f"question = {toml(a['question'])}", f"expect = {toml(a['expect'])}"]
        if a["reject"]: out.append(f"reject = {toml(a['reject'])}")
        if a["evidence"]: out.append(f"evidence = {toml(a['evidence'])}")
        out.append("")
made, kept = "\n".join(out), os.path.join(HERE, "blind-e.toml")
if digest(b"") is None and os.path.exists(kept):  # no hashes to write: the set file that lies here must say the same
    with open(kept, encoding="utf-8") as f: made = f.read()
    assert re.sub(r'(?m)^hash = .*\n', "", made) == "\n".join(out), "blind-e.toml differs from what make.py makes"
    print("no blake3: blind-e.toml compared, its hashes kept")
with open(os.path.join(ROOT, "blind-e.toml"), "w", encoding="utf-8") as f: f.write(made)
qs = [{k: v for k, v in dict(id=a["id"], family=a["family"], question=a["question"], context=[f"data/{NAME}/{a['file']}"], expect=a["expect"], reject=a["reject"]).items() if v or k != "reject"} for a in ASKS]
with open(os.path.join(ROOT, "blind-e.questions.json"), "w", encoding="utf-8") as f: json.dump(qs, f, indent=1, ensure_ascii=False)
for name in FILES: print(f"{len(FILES[name].encode()):8d} {hashlib.sha256(FILES[name].encode()).hexdigest()[:16]} {name}")
for a in ASKS: print(a["id"], "|", a["expect"], "|", a["reject"])
print(len(ASKS))
