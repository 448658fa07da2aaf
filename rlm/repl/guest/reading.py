"""Sentences and the words that they lack: how search hits and answers of `ask` are shown to a root
model, so that it sees when a sentence is about another thing. Pure."""

import re

STOP = frozenset("""the a an of in on at is are was were be been to and or for by with from as
it its that this which who whom what when where why how many much does do did done has have had into than
then there their his her long tell me give name""".split())
SHOWN_MAX = 220
SENTENCE_MAX = 300

_WORD = re.compile(r"\w+")
_END = re.compile(r"(?<=[.!?])\s+(?=[^a-z])|\n+")


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


def lacking(question, texts):
    """For each text the question's words that it lacks: names, numbers, and words that another of
    the texts has."""
    words = asked_words(question)
    have = [stems(text) for text in texts]
    return [
        [w for w in words if stem(w.lower()) not in mine
         and (is_name(w) or any(stem(w.lower()) in other for other in have))]
        for mine in have
    ]


def clip(text, limit=SHOWN_MAX):
    return text if len(text) <= limit else text[:limit] + "..."


def marked(text, missing):
    return text.rstrip() + (f" (missing: {', '.join(missing)})" if missing else "")


def numbered(texts):
    return "\n".join(f"[{i}] {text}" for i, text in enumerate(texts, 1)) or "(no match)"


def hits(question, texts):
    """Numbered hits with their marks."""
    texts = [clip(text) for text in texts]
    return numbered([marked(t, m) for t, m in zip(texts, lacking(question, texts))])


def sentences(passages):
    found = []
    for passage in passages:
        for piece in _END.split(passage):
            piece = " ".join(piece.split())
            if piece and not piece.startswith("#"):
                found.append(clip(piece, SENTENCE_MAX))
    return list(dict.fromkeys(found))


def weight(words, have):
    return sum(2 if is_name(w) else 1 for w in words if stem(w.lower()) in have)


def is_refusal(answer):
    return "not in the text" in answer.lower()


def support(question, answer, passages):
    """What the root sees of an answer: the sentence that it is from, and where that sentence lacks
    a name, the sentence that has it; for a refusal, the sentences that came nearest."""
    pool = sentences(passages)
    words = asked_words(question)
    have = [stems(sentence) for sentence in pool]
    nearest = sorted(range(len(pool)), key=lambda i: (-weight(words, have[i]), i))
    nearest = [i for i in nearest if weight(words, have[i])]
    if is_refusal(answer):
        return [answer, *([numbered([pool[i] for i in nearest[:2]])] if nearest else [])]
    said = [w for w in dict.fromkeys(_WORD.findall(answer)) if w.lower() not in STOP]
    new = [w for w in said if stem(w.lower()) not in stems(question)] or said
    best = max(range(len(pool)), key=lambda i: (
        weight(new, have[i]), weight(words, have[i]), -i), default=None)
    if best is None or not weight(new, have[best]):
        return [answer]
    near = [pool[best]] + [pool[i] for i in nearest[:4] if i != best]
    missing = lacking(question, near)[0]
    told = [answer, "from: " + marked(pool[best], missing)]
    names = {stem(w.lower()) for w in missing if is_name(w)}
    bridge = [i for i in nearest if i != best and names & have[i]]
    if bridge:
        told.append(numbered([pool[bridge[0]]]))
    return told
