"""Sentences and the words that they lack: how search hits and answers of `ask` are shown to a root
model, so that it sees when a sentence is about another thing. Pure."""

import math
import re

from wording import (
    ASKING,
    STOP,
    WORD,
    alike,
    asked_words,
    clip,
    initials,
    is_missing,
    is_name,
    marked,
    numbered,
    sentences,
    stem,
    stems,
)

NEAR_MAX = 160
# Names that are rarer than this in the context lead from one fact to the next.
BRIDGE_COUNT_MAX = 20
# So many sentences are read again alone.
NEAREST = 4
# What a reader said that could not refuse needs a sentence with this share of the question.
SHARE_LEAST = 0.5
# A sentence with less than this part of the most that any has is read against the others. What is
# then found in single sentences needs this share, and more when the reader could not refuse.
WEAK, SHARE_AGAIN, SHARE_PRESSED = 0.6, 0.5, 0.75
# A sentence supports an answer that has this share of its words: readers add words of their own.
SHARE_SAID = 0.6

# "A is less than B" says that B is more: neither word in the other's place is another thing.
COMPARING = frozenset("""more less most least fewer better worse higher lower larger smaller bigger
greater faster slower earlier later""".split())
# Who asks for one of these may find it in a heading.
TITLES = frozenset("release version section chapter part article clause heading step".split())

NAME = re.compile(r"\b[A-Z][a-z]\w+(?: [A-Z][a-z]\w+)*")
# A sentence with so many of these is code.
CODE, CODE_LEAST = re.compile(r"[{}();=<>]"), 4
# Inside of a sentence, not at its start or after a sign.
PROPER = re.compile(r"(?<=\w )[A-Z][a-z]{2,}\b")
BLANK = re.compile(r"\n\s*\n")


def near_misses(question, sentence, pressed):
    """Lower-case words of the question in whose place the sentence has another, after the same
    name: `Toledo museum` and `Toledo library`. Of a reader that was pressed also before the same
    word: `north harbour` and `south harbour`; but a text calls many things by other words."""
    if len(CODE.findall(sentence)) >= CODE_LEAST:
        return []  # where a name stands before anything
    asked, said = WORD.findall(question), WORD.findall(sentence)
    known, have = stems(question), [stem(w.lower()) for w in said]

    def lacks(word):
        return not any(alike(word, w) or word == w for w in have)

    if {"do", "does", "did"} & {w.lower() for w in asked}:
        asked = asked[:-1]  # the verb: a text may say it in another way

    def other(i):
        return (0 <= i < len(said) and have[i] not in known and said[i].lower() not in STOP
                and not said[i][0].isdigit())

    found = []
    for first, second in zip(asked, asked[1:]):
        if {first.lower(), second.lower()} & (STOP | COMPARING):
            continue
        a, b = stem(first.lower()), stem(second.lower())
        if a in have and lacks(b) and is_name(first) and not is_name(second):
            found += [second] * any(other(i + 1) for i, w in enumerate(have) if w == a)
        if pressed and b in have and lacks(a) and not is_name(first):
            found += [first] * any(other(i - 1) for i, w in enumerate(have) if w == b)
    return list(dict.fromkeys(found))


def headed(sentence, paragraph):
    """A row of a table with the table's head; other sentences as they are."""
    head = paragraph.lstrip().split("\n", 1)[0]
    return f"{head} {sentence}" if sentence.startswith("|") else sentence


def doubts(question, answer, at, path, is_topic):
    """Names and numbers of the question that neither the sentence nor its paragraph (both `at`) nor
    the headings have (of a table: the row alone and the head). A paragraph's name counts for no
    sentence that has another one in its place. A name that the whole context is about goes without
    saying."""
    sentence, paragraph = at
    row = sentence.startswith("|")
    named = others(sentence, f"{question} {answer}")
    have = stems(f"{path} {headed(sentence, paragraph) if row or named else paragraph}")
    have = have.union(*(of for short, of in initials(question).items() if short.lower() in have))
    names = [w for w in asked_words(question) if is_name(w) and is_missing(w, have)]
    return [w for w in names if w[0].isdigit() or not is_topic(w, named)]


def others(sentence, known):
    """Names such as `Toledo` inside of a sentence that are not in the known text."""
    if len(CODE.findall(sentence)) >= CODE_LEAST:
        return []
    have = stems(known)
    return [w for w in PROPER.findall(sentence) if stem(w.lower()) not in have]


def is_refusal(answer):
    return "not in the text" in answer.lower()


class Pool:
    """The sentences of the passages (pairs of heading path and text) of a document, and how much
    each of the question's words tells: rare ones more, those that no sentence has nothing."""

    def __init__(self, question, passages, document=""):
        self.question, self.passages, self.document = question, passages, document
        self.items = [(sentence, paragraph, path) for path, text in passages
                      for paragraph in BLANK.split(text) for sentence in sentences(paragraph)]
        self.words = {stem(w.lower()) for w in asked_words(question)}
        self.short = {short.lower(): of for short, of in initials(question).items()}
        self.held = [self.holds(f"{document} {path} {headed(s, paragraph)}")
                     for s, paragraph, path in self.items]
        times = {w: sum(w in has for has in self.held) for w in self.words}
        self.weight = {w: math.log(1 + len(self.items) / n) if n else 0 for w, n in times.items()}

    def holds(self, text):
        """The question's words that a text has, also by their initials."""
        have = stems(text)
        long = [of for short, of in self.short.items() if short in have]
        return self.words & have.union(*long)

    def share(self, i):
        """The share of the question in the sentence and its headings; its paragraph counts half."""
        beside = self.holds(self.items[i][1]) - self.held[i]
        has = self.worth(self.held[i]) + self.worth(beside) / 2
        return has / (self.worth(self.words) or 1)

    def worth(self, words):
        return sum(self.weight[w] for w in words)


def added(answer, words):
    """The words that an answer adds to those of the question."""
    said = {stem(w.lower()) for w in WORD.findall(answer) if w.lower() not in STOP}
    return (said - words - TITLES) or said


def is_said(answer, new, have):
    """Whether a sentence's stems have the names and numbers that an answer adds to the question,
    and most of the other words."""
    names = {stem(w.lower()) for w in WORD.findall(answer)[1:] if is_name(w)} & new
    names |= {w for w in new if w[0].isdigit()}
    return bool(new) and names <= have and len(new & have) >= SHARE_SAID * len(new)


def best_support(answer, pool, is_topic, pressed=False):
    """The sentence that has the words which the answer adds to the question, fewest doubts first,
    then most of the question; its doubts; its share of the question; whether it is only faint: it
    lacks rare words, no name, and says no other word in their place. None when no sentence has
    them. Who asks for a release or a section may find it in the headings. A reader that was pressed
    (it could not refuse) takes what is near: there, near misses and rare words count, too."""
    new = added(answer, pool.words)
    titled = bool(pool.words & TITLES)
    best = None
    for i, (sentence, paragraph, path) in enumerate(pool.items):
        have = stems(f"{path} {sentence}" if titled else sentence)
        if is_said(answer, new, have):
            above = f"{pool.document} {path}"
            lacks = doubts(pool.question, answer, (sentence, paragraph), above, is_topic)
            share = pool.share(i)
            lacks += near_misses(pool.question, sentence, pressed)
            faint = pressed and not lacks and share < SHARE_LEAST
            if faint:
                rare = pool.words - pool.held[i] - ASKING
                lacks = sorted(rare, key=lambda w: (-pool.weight[w], w))[:2]
            if best is None or (-len(lacks), share) > (-len(best[1]), best[2]):
                best = (sentence, lacks, share, faint)
    return best


class Reading:
    """An answer, the sentence that it is from, what makes it doubtful, and the share of the
    question that the sentence has. Weak: other sentences have far more of the question, or another
    reading of the same passages says something else."""

    def __init__(self, answer, found=None, most=0.0):
        self.answer = answer
        self.sentence, self.doubts, self.share, self.faint = found or (None, [], 0.0, False)
        self.holds = found is not None and not self.doubts
        self.weak = self.share < WEAK * most


REFUSED = Reading("not in the text")


def judged(pool, answers, is_topic):
    """A reading for each of two answers, the second by a reader that was pressed."""
    most = max(map(pool.share, range(len(pool.items))), default=0.0)
    found = [None if is_refusal(answer) else best_support(answer, pool, is_topic, pressed)
             for answer, pressed in zip(answers, (False, True))]
    return [Reading(answer, held, most) for answer, held in zip(answers, found)]


def choose(pool, answers, is_topic):
    """The reading that counts, the strict one first: the first answer that a sentence supports
    without doubt, else one that a sentence supports faintly, else the first."""
    made = judged(pool, answers, is_topic)
    best = next((reading for reading in made if reading.holds), None)
    best = best or next((reading for reading in made if reading.faint), made[0])
    said = added(best.answer, pool.words)
    for other in made:
        new = added(other.answer, pool.words)
        agrees = other.sentence and (new <= said or new >= said)
        best.weak |= best.holds and not (agrees or is_refusal(other.answer))
    return best


def better(first, others):
    """Of a reading that does not hold, or is weak, and others: of single sentences one where the
    reader could refuse and one where it could not, and one of passages on a second fact."""
    for second, least in zip(others, (SHARE_AGAIN, SHARE_PRESSED, SHARE_AGAIN)):
        if second.holds and second.share >= max(least, first.holds * first.share):
            return second
    return first


def faintly(readings):
    """Of readings that do not count the first answer that a sentence has and nothing speaks
    against, though it has little of the question."""
    return next((one.answer for one in readings if one.holds or one.faint), None)


def told(said, pool):
    """What the root is told: the answer, the sentence that it is from, and what makes it doubtful;
    for a doubtful one or a refusal also the sentences that came nearest."""
    lines = [said.answer]
    if said.sentence:
        kind = "doubtful" if said.doubts else "supported"
        lines.append(marked(f"{kind}: {clip(said.sentence)}", said.doubts))
    if is_refusal(said.answer) or said.doubts:
        near = [text for _, text in nearest(pool) if text != said.sentence][:2]
        lines += [numbered(clip(text, NEAR_MAX) for text in near)] if near else []
    return lines


def nearest(pool):
    """The sentences of the passages that share most with the question, as passages of their own:
    those that have most of its names, and of these the ones with most of its rare words."""
    names = {stem(w.lower()) for w in asked_words(pool.question) if is_name(w)}
    most = max((len(names & held) for held in pool.held), default=0)
    order = [i for i, held in enumerate(pool.held) if held and len(names & held) == most]
    order = sorted(order, key=lambda i: -pool.worth(pool.held[i]))[:NEAREST]
    heads = {path: text.split("\n", 1)[0] for path, text in pool.passages if text.startswith("|")}
    found = []
    for sentence, _, path in (pool.items[i] for i in order):
        head = heads.get(path, sentence) if sentence.startswith("|") else sentence
        found.append((path, sentence if head == sentence else f"{head}\n{sentence}"))
    return list(dict.fromkeys(found))


def bridge(words, texts, count):
    """At most two names of the three best passages that lead on: rare, with a part that the words
    lack, from a sentence that shares two words with them."""
    asked = {stem(w.lower()) for w in asked_words(words)}
    found = []
    for text in texts[:3]:
        for sentence in (s for p in BLANK.split(text) for s in sentences(p)):
            if len(asked & stems(sentence)) < 2:
                continue
            for match in NAME.finditer(sentence):
                name = match[0]
                new = any(stem(w.lower()) not in asked for w in name.split())
                if match.start() and new and name not in found and count(name) <= BRIDGE_COUNT_MAX:
                    found.append(name)
    return found[:2]


def bridge_words(words, names):
    """What to search for the second fact: the names, and the lower-case words."""
    return " ".join(names + [w for w in asked_words(words) if not is_name(w)])
