"""search, ask and label: what we add to the names of the peers. All are built on one search of the
host and on batched model calls."""

import json

import calls
import reading
from wire import BLOCK, CONFIG, ctx

SEARCH_SMALL, SEARCH_CAPABLE, SENTENCES = 8, 5, 4
ASK_TOKENS, LABEL_TOKENS, LABEL_CHARS = 80, 12, 500
# A search of a small root whose hits were neither shown nor read yet.
PENDING = []


class Passage(str):
    """A passage's text, with where it stands: path, section, start, line, score."""

    def __new__(cls, hit):
        made = str.__new__(cls, hit["text"])
        made.__dict__.update(hit)
        return made

    def __getitem__(self, key):
        return self.__dict__[key] if isinstance(key, str) else str.__getitem__(self, key)

    def get(self, key, default=None):
        return self.__dict__.get(key, default)

    def __reduce__(self):
        return (Passage, (self.__dict__,))


class Hits(list):
    """The passages of a search; printed and echoed as a numbered list."""

    words = ""

    def __repr__(self):
        return reading.numbered(map(told, self))

    __str__ = __repr__


class Said(str):
    """A reply that was printed already: not echoed again."""


def told(passage):
    path = getattr(passage, "path", "")
    return f"{path}\n{passage}" if path else str(passage)


def search(words, k=None, **_ignored):
    """search(words, k) -> the k passages that match best."""
    if not isinstance(words, str):
        words = " ".join(map(str, words))
    flush_pending()
    small = CONFIG.get("small")
    found = ctx("search", words=words, k=int(k or (SEARCH_SMALL if small else SEARCH_CAPABLE)))
    made = Hits(map(Passage, found))
    made.words = words
    made.wanted = k
    if small:
        PENDING.append(made)
    else:
        BLOCK["shown"].extend(made)
    return made


def flush_pending():
    """search() prints by itself, unless ask() takes its passages: sentences with their marks."""
    while PENDING:
        found = PENDING.pop()
        k = int(found.wanted or SENTENCES)
        texts = [hit["text"] for hit in ctx("search", words=found.words, k=k, sentences=True)]
        BLOCK["shown"].extend(map(reading.clip, texts))
        print(reading.hits(found.words, texts))


def finish():
    """At a block's end."""
    flush_pending()


def ask(question, passages=None, model=None, **_ignored):
    """ask(question, passages) -> str: a model answers from the passages."""
    if passages is None:
        passages = search(question)
    if isinstance(passages, str):
        passages = [passages]
    if PENDING and passages is PENDING[-1]:
        PENDING.pop()
    passages = [told(passage) if isinstance(passage, str) else text_of(passage)
                for passage in passages]
    BLOCK["shown"].extend(passages)
    prompt = (
        f"Passages:\n{reading.numbered(passages)}\n\nQuestion: {question}\n"
        "Answer from the passages in one short sentence. Names must match exactly. "
        "If no passage says it, answer: not in the text."
    )
    answer = calls.single(calls.call(prompt, model, max_tokens=ASK_TOKENS)).strip()
    if not CONFIG.get("small"):
        return answer
    print("\n".join(reading.support(str(question), answer, passages)))
    return Said(answer)


def text_of(item):
    """A row as its line, anything else as its text."""
    if isinstance(item, dict):
        return str(item.get("line") or item.get("text") or item)
    return str(item)


def label(items, question, labels, model=None, **_ignored):
    """label(items, question, labels) -> list: one of the labels for each item."""
    if isinstance(items, str):
        items = items.splitlines()
    items = list(items)
    calls.guard("label", items)
    labels = [part.strip() for part in labels.split(",")] if isinstance(labels, str) else labels
    labels = list(dict.fromkeys(str(name) for name in labels))
    if not labels:
        raise ValueError("label() needs at least one label")
    grammar = "root ::= " + " | ".join(json.dumps(name, ensure_ascii=False) for name in labels)
    texts = [text_of(item) for item in items]
    once = list(dict.fromkeys(texts))
    made = [
        calls.call(
            f"{question}\nText: {text[:LABEL_CHARS]}\nAnswer with one of: {', '.join(labels)}.",
            model, grammar=grammar, max_tokens=LABEL_TOKENS,
        )
        for text in once
    ]
    replies = dict(zip(once, calls.batch("label", made)))
    return [matching(replies[text], labels) for text in texts]


def matching(reply, labels):
    """The label that was meant; engines without grammars add signs or change case."""
    if isinstance(reply, calls.LMError) or reply in labels:
        return reply
    bare = reply.strip().strip(".\"'` ").lower()
    for name in labels:
        if name.lower() == bare:
            return name
    for name in labels:
        if bare.startswith(name.lower()):
            return name
    return reply.strip()


def names():
    return {"search": search, "ask": ask, "label": label}


def is_told(value):
    """Values whose text was printed when they were made."""
    return isinstance(value, Said) or (isinstance(value, Hits) and bool(CONFIG.get("small")))


