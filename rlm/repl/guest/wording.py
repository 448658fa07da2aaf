"""Words and sentences of passages and questions: what they are, how they are compared and shown.
Pure."""

import re

STOP = frozenset("""the a an of in on at is are was were be been to and or for by with from as it
its that this which who whom what when where why how many much does do did done has have had into
than then there their his her long tell me give name i my you your can may must should would could if
so they them he she we us our whose whether no not nor only also any all each both some such very
out off up down over back under again ever never""".split())
SHOWN_MAX = 220
# Initials of so many words in a row may stand for them: `minimum supported Rust version`, `MSRV`.
INITIALS = range(3, 6)

# A number keeps its points: a version is one word.
WORD = re.compile(r"\d+(?:[.,]\d+)+|\w+")
UNIT = re.compile(r"(\d+)([^\W\d_]+)")
SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[^a-z])")
# Lines that begin something new: table rows, list items, headings, options, quotes.
NEW_LINE = re.compile(r"\s*(?:[|#>*•=-]|\d{1,3}[.)]\s|\[)")
WRAPPED_MIN = 40


def stem(word):
    for ending in ("ing", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            return word[: -len(ending)]
    return word


# Words of a question that say how it is asked, not what about: a text need not have them.
ASKING = frozenset(map(stem, """instead use used using people author authors tell told say said ask asked
happen kind type thing things way need want take taken get make made let lets mean called call
still longer exactly without""".split()))


def stems(text):
    """The stems of a text; `64kB` is also its number and its unit."""
    words = WORD.findall(text.lower())
    return {stem(part) for word in words for part in [word, *unit_parts(word)]}


def unit_parts(word):
    """The number and the unit of a word such as `64kB`."""
    match = UNIT.fullmatch(word)
    return match.groups() if match else ()


def is_missing(word, have):
    """Whether stems have neither a word nor, of `64kB`, its number and its unit."""
    parts = unit_parts(word.lower())
    return stem(word.lower()) not in have and not (parts and {stem(p) for p in parts} <= have)


def asked_words(question):
    """The words of a question that say what it is about, in order."""
    words = enumerate(WORD.findall(question))
    kept = [w for i, w in words if w.lower() not in STOP and not (i == 0 and w[0].isupper())]
    return list(dict.fromkeys(kept))


def initials(words):
    """What words in a row would be shortened to, in capitals, and the stems that it stands for."""
    said = WORD.findall(words)
    found = {}
    for many in INITIALS:
        for i in range(len(said) - many + 1):
            row = [w.lower() for w in said[i : i + many]]
            if all(w.isalpha() for w in row) and not {row[0], row[-1]} & STOP:
                short = "".join(w[0] for w in row).upper()
                found.setdefault(short, {stem(w) for w in row if w not in STOP})
    return found


def glossed(question, texts):
    """The question with the initials beside the words that the texts shorten."""
    said = {word for text in texts for word in WORD.findall(text)}
    for short in initials(question):
        if short in said and short not in WORD.findall(question):
            spelt = r"[\W_]+".join(rf"{letter}\w*" for letter in short)
            question = re.sub(rf"\b({spelt})", rf"\1 ({short})", question, count=1, flags=re.I)
    return question


def is_name(word):
    """Capitals, numbers, and words with a digit or a line inside, such as `x64` and `max_len`."""
    return word[0].isupper() or not word.isalpha()


def alike(word, other):
    """Whether two stems are forms of one word: `environment` and `environmental`."""
    short, long = sorted((word, other), key=len)
    return len(short) >= 4 and long.startswith(short)


def clip(text, limit=SHOWN_MAX):
    return text if len(text) <= limit else text[:limit] + "..."


def marked(text, missing):
    return text.rstrip() + (f" (missing: {', '.join(missing)})" if missing else "")


def numbered(texts):
    return "\n".join(f"[{i}] {text}" for i, text in enumerate(texts, 1)) or "(no match)"


def sentences(paragraph):
    """The sentences of one paragraph; lines that were wrapped are joined first."""
    lines = []
    for line in paragraph.splitlines():
        flows = lines and len(lines[-1]) >= WRAPPED_MIN and not lines[-1].endswith("|")
        if flows and lines[-1].endswith(":"):
            flows = line.lstrip()[:1].islower()
        if flows and line.strip() and not NEW_LINE.match(line):
            lines[-1] += " " + " ".join(line.split())
        elif line.strip():
            lines.append(" ".join(line.split()))
    return [piece for line in lines for piece in SENTENCE_END.split(line) if piece.strip("#|- ")]
