"""Sentences and the words that they lack: how search hits and answers of `ask` are shown to a root
model, so that it sees when a sentence is about another thing. Pure."""

import re

STOP = frozenset("""the a an of in on at is are was were be been to and or for by with from as it
its that this which who whom what when where why how many much does do did done has have had into
than then there their his her long tell me give name i my you your can may must should""".split())
SHOWN_MAX = 220
SENTENCE_MAX = 300
NEAR_MAX = 160
# Names that are rarer than this in the context lead from one fact to the next.
BRIDGE_COUNT_MAX = 20

_WORD = re.compile(r"\w+")
_END = re.compile(r"(?<=[.!?])\s+(?=[^a-z])")
_NAME = re.compile(r"\b[A-Z][a-z]\w+(?: [A-Z][a-z]\w+)*")
_BLANK = re.compile(r"\n\s*\n")
# Lines that begin something new: table rows, list items, headings, options, quotes.
_NEW_LINE = re.compile(r"\s*(?:[|#>*•=-]|\d{1,3}[.)]\s|\[)")
WRAPPED_MIN = 40


def stem(word):
    for ending in ("ing", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            return word[: -len(ending)]
    return word


def stems(text):
    return {stem(word) for word in _WORD.findall(text.lower())}


def asked_words(question):
    """The words of a question that say what it is about, in order."""
    words = enumerate(_WORD.findall(question))
    kept = [w for i, w in words if w.lower() not in STOP and not (i == 0 and w[0].isupper())]
    return list(dict.fromkeys(kept))


def is_name(word):
    return word[0].isupper() or word[0].isdigit()


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
        flows = lines and len(lines[-1]) >= WRAPPED_MIN and not lines[-1].endswith((":", "|"))
        if flows and line.strip() and not _NEW_LINE.match(line):
            lines[-1] += " " + " ".join(line.split())
        elif line.strip():
            lines.append(" ".join(line.split()))
    return [piece for line in lines for piece in _END.split(line) if piece.strip("#|- ")]


def near_misses(question, sentence):
    """Lower-case words of the question in whose place, after the same name or before the same
    word, the sentence has another: `Toledo museum` and `Toledo library`, `north harbour` and
    `south harbour`."""
    asked, said = _WORD.findall(question), _WORD.findall(sentence)
    known, have = stems(question), [stem(w.lower()) for w in said]
    if {"do", "does", "did"} & {w.lower() for w in asked}:
        asked = asked[:-1]  # the verb: a text may say it in another way

    def other(i):
        return (0 <= i < len(said) and have[i] not in known and said[i].lower() not in STOP
                and not said[i][0].isdigit())

    found = []
    for first, second in zip(asked, asked[1:]):
        if first.lower() in STOP or second.lower() in STOP:
            continue
        a, b = stem(first.lower()), stem(second.lower())
        if a in have and b not in have and is_name(first) and not is_name(second):
            found += [second] * any(other(i + 1) for i, w in enumerate(have) if w == a)
        if b in have and a not in have and not is_name(first):
            found += [first] * any(other(i - 1) for i, w in enumerate(have) if w == b)
    return list(dict.fromkeys(found))


def doubts(question, sentence, paragraph, path):
    """Names and numbers of the question that neither the sentence nor its paragraph nor the
    headings have (of a table: the row alone), and near misses."""
    row = sentence.startswith("|")
    have = stems(f"{path} {sentence if row else paragraph}")
    names = [w for w in asked_words(question) if is_name(w) and stem(w.lower()) not in have]
    return names + near_misses(question, sentence)


def is_refusal(answer):
    return "not in the text" in answer.lower()


def best_support(question, answer, pool):
    """The sentence that has all words which the answer adds to the question, fewest doubts first,
    and its doubts; None when no sentence has them."""
    words = {stem(w.lower()) for w in asked_words(question)}
    said = {stem(w.lower()) for w in _WORD.findall(answer) if w.lower() not in STOP}
    new = (said - words) or said
    best = None
    for sentence, paragraph, path in pool:
        if new and new <= stems(sentence):
            lacks = doubts(question, sentence, paragraph, path)
            score = (-len(lacks), len(words & stems(f"{path} {sentence}")))
            if best is None or score > best[0]:
                best = (score, sentence, lacks)
    return best and best[1:]


def support(question, answers, passages):
    """Chooses of a strict and a lenient answer, and says what the root is told: the answer, the
    sentence that it is from, and what makes it doubtful; for a doubtful one or a refusal also the
    sentences that came nearest. The lenient answer counts only when a sentence supports it without
    doubt. `passages` are pairs of heading path and text. Gives the answer and the lines."""
    words = {stem(w.lower()) for w in asked_words(question)}
    pool = [(sentence, paragraph, path) for path, text in passages
            for paragraph in _BLANK.split(text) for sentence in sentences(paragraph)]
    answer, *lenient = answers
    found = None if is_refusal(answer) else best_support(question, answer, pool)
    if is_refusal(answer) or (found and found[1]):
        for other in lenient:
            held = None if is_refusal(other) else best_support(question, other, pool)
            if held and not held[1]:
                answer, found = other, held
    told = [answer]
    if found:
        kind = "doubtful" if found[1] else "supported"
        told.append(marked(f"{kind}: {clip(found[0])}", found[1]))
    if is_refusal(answer) or (found and found[1]):
        near = [s for s in dict.fromkeys(s for s, _, _ in pool) if not found or s != found[0]]
        near = sorted(near, key=lambda s: -len(words & stems(s)))[:2]
        near = [clip(s, NEAR_MAX) for s in near if words & stems(s)]
        told += [numbered(near)] if near else []
    return answer, told


def bridge(words, texts, count):
    """At most two names of the three best passages that lead on: rare, with a part that the words
    lack, from a sentence that shares two words with them."""
    asked = {stem(w.lower()) for w in asked_words(words)}
    found = []
    for text in texts[:3]:
        for sentence in (s for p in _BLANK.split(text) for s in sentences(p)):
            if len(asked & stems(sentence)) < 2:
                continue
            for match in _NAME.finditer(sentence):
                name = match[0]
                new = any(stem(w.lower()) not in asked for w in name.split())
                if match.start() and new and name not in found and count(name) <= BRIDGE_COUNT_MAX:
                    found.append(name)
    return found[:2]


def bridge_words(words, names):
    """What to search for the second fact: the names, and the lower-case words."""
    return " ".join(names + [w for w in asked_words(words) if not is_name(w)])
