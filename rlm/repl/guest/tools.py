"""search, ask and label: what we add to the names of the peers. All are built on one search of the
host and on batched model calls."""

import html
import json
import re

import calls
import finals
import reading
import wording
from wire import BLOCK, CONFIG, chars, ctx

SEARCH_SMALL, SEARCH_CAPABLE = 8, 5
ASK_TOKENS, LABEL_TOKENS, LABEL_CHARS = 60, 12, 500
# A small reader gets only hits that score this share of the best; so many more for a second fact,
# which are read beside so many of the first.
SCORE_SHARE, BRIDGED, BESIDE = 0.4, 2, 4
DOCUMENT_MAX = 80
# Initials are looked for in contexts up to this many characters: each takes a walk over the text.
INITIALS_CHARS = 64_000_000
# A question that was asked so often is not read for again: the root only varies its search words.
ROUNDS = 2
# A name that is in the context so often, or once in so many characters, is what it is about.
TOPIC_COUNT, TOPIC_LEAST, TOPIC_CHARS, TOPIC_RIVALS = 20, 5, 3000, 3
# So does the head of a document, its title and first lines, say what it is about.
HEAD_CHARS, HEAD_SHARE = 300, 10
STRICT = (
    "Answer from the passages in one short sentence. Names must match exactly. "
    "If no passage says it, answer: not in the text."
)
LENIENT = (
    "Answer in a few words that are in the passages. "
    "If they do not say it, answer: not in the text."
)
PLAIN = "Answer in a few words from the passages."
READ_ALL = "Nothing more can be found. Call FINAL(answer) now."
ANSWERED = "This is answered already. Call FINAL(answer) now."
ASKS_LINK = re.compile(r"(?i)\b(url|link|address|web|website|site|page)s?\b")
# A link of Markdown with its text, `[text](target)`, which can be in another, and a target alone.
LINK = re.compile(r"!?\[((?:[^\[\]]|\[[^\[\]]*\])*)\](?:\([^()\s]*\)|\[[^\[\]]*\])")
LINK_TARGET = re.compile(r"\s*\[[^\]]+\]:\s*\S+$")
LINK_DEPTH = 2
COMMENT = re.compile(r"(?m)^#+(?: |$)")
TAG = re.compile(
    r"(?is)<!--.*?-->|</?(?:a|abbr|acronym|address|article|b|blockquote|body|br|caption|center|cite"
    r"|code|col|dd|del|details|dfn|div|dl|dt|em|font|footer|h[1-6]|head|header|hr|html|i|img|ins"
    r"|kbd|li|link|main|meta|nav|ol|p|pre|q|s|samp|script|section|small|span|strong|style|sub"
    r"|summary|sup|table|tbody|td|tfoot|th|thead|time|title|tr|tt|u|ul|var)"
    r"(?:\s+[a-z-]+(?:=(?:\"[^\"]*\"|'[^']*'|[^\s<>\"']+))?)*\s*/?>"
)
# For each question the passages that were read for it in each round: a second search reads new ones.
READ = {}
# Questions for which there is nothing more to read, as the root was told.
OVER = set()
# For each question the answer that was supported, and the one that was so only faintly.
FOUND, FAINT = {}, {}
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

    def __repr__(self):
        return wording.numbered(wording.clip(" ".join(told(p).split()), 300) for p in self)

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
    k = int(k or (SEARCH_SMALL if small else SEARCH_CAPABLE))
    found = ctx("search", words=with_initials(words), k=k)
    made = Hits(map(Passage, with_bridge(words, found) if small else found))
    if small:
        PENDING.append(made)
    else:
        BLOCK["shown"].extend(made)
    return made


def with_initials(words):
    """The words, and what the context shortens some of them to."""
    if CONFIG["context"].get("chars", 0) > INITIALS_CHARS:
        return words
    return " ".join([words] + [short for short in wording.initials(words) if occurrences(short)])


def with_bridge(words, found):
    """The better hits, and those for the names that lead from them to a second fact."""
    if not found:
        return found
    found = [hit for hit in found if hit["score"] >= SCORE_SHARE * found[0]["score"]]
    names = reading.bridge(words, [hit["text"] for hit in found], occurrences)
    if not names:
        return found
    more = ctx("search", words=reading.bridge_words(words, names), k=BRIDGED + len(found))
    have = {hit["text"] for hit in found}
    more = [hit for hit in more if hit["text"] not in have][:BRIDGED]
    return found + [{**hit, "bridged": True} for hit in more]


def occurrences(needle):
    return ctx("count", needle=needle)


def flush_pending():
    """search() prints by itself, unless ask() takes its passages."""
    while PENDING:
        found = PENDING.pop()
        BLOCK["shown"].extend(map(told, found))
        print(found)


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
    if CONFIG.get("small"):
        return ask_small(str(question), passages, model)
    texts = [told(p) if isinstance(p, str) else text_of(p) for p in passages]
    BLOCK["shown"].extend(texts)
    made = calls.call(asking(texts, question, STRICT), model, max_tokens=ASK_TOKENS)
    return calls.single(made).strip()


def ask_small(question, passages, model):
    """Reads the best passages; when these do not hold a supported answer, or only a weak one, the
    nearest sentences of all. The root sees the answer and the sentence that it is from."""
    if CONFIG.get("query") in FOUND:
        return done(CONFIG["query"], FOUND[CONFIG["query"]], ANSWERED)
    pairs = [(getattr(p, "path", ""), trim(text_of(p), question)) for p in passages]
    apart = {pair for pair, p in zip(pairs, passages) if getattr(p, "bridged", False)}
    rounds = READ.setdefault(question, [])
    known = {pair for read in rounds for pair in read}
    pairs = [pair for pair in dict.fromkeys(pairs) if pair not in known]
    # Without any passage yet, other words of search may find some.
    if rounds and (not pairs or len(rounds) == ROUNDS):
        return nothing_more(question)
    said, pool = reading.REFUSED, reading.Pool(question, pairs, document())
    if pairs:
        rounds.append(pairs)
        said = read_small(question, pool, apart, model)
        if said.holds and not said.weak:
            FOUND[question] = said.answer
    if not said.holds:
        BLOCK["shown"].extend(f"{path}\n{text}" if path else text for path, text in pairs)
    print("\n".join(reading.told(said, pool)))
    return Said(said.answer)


def keep_faint(question, readings):
    """A small root forgets what it was told a turn ago, and gives up."""
    answer = reading.faintly(readings)
    for asked in (question, CONFIG.get("query")):
        if answer is not None:
            FAINT.setdefault(asked, answer)


def found_before(answer):
    """For a refusal of a small root that was told an answer to the very question: that one."""
    query = CONFIG.get("query")
    if CONFIG.get("small") and isinstance(answer, str) and reading.is_refusal(answer):
        return FOUND.get(query) or FAINT.get(query) or answer
    return answer


finals.INSTEAD.append(found_before)


def read_small(question, pool, apart, model):
    """The best passages whole; then the nearest sentences of all alone, and the passages of a
    second fact beside the first ones: among all at once they lead the reader away."""
    first = [pair for pair in pool.passages if pair not in apart]
    answers = replies(question, [(first, STRICT), (first, PLAIN)], model)
    said = reading.choose(pool, answers, is_topic)
    near = reading.nearest(pool) if not said.holds or said.weak else None
    if not near:
        return said
    again = [(near, LENIENT), (near, PLAIN)]
    if apart:
        again.append((first[:BESIDE] + [pair for pair in pool.passages if pair in apart], STRICT))
    answers = replies(question, again, model)
    made = reading.judged(pool, answers[:2], is_topic)
    made += reading.judged(pool, answers[2:], is_topic)
    said = reading.better(said, made)
    if not said.holds:
        keep_faint(question, [said, *made])
    return said


def nothing_more(question):
    """Says so once; for a root that asks on all the same that is the answer."""
    return done(question, FAINT.get(question, reading.REFUSED.answer), READ_ALL)


def done(question, answer, why):
    if question in OVER:
        finals.give(answer)
    OVER.add(question)
    print("\n".join([answer, why]))
    return Said(answer)


def replies(question, readings, model):
    """Passages read in one batch, each in its way. A call that fails refuses."""
    made = []
    for pairs, how in readings:
        texts = [f"{path}\n{text}" if path else text for path, text in pairs]
        made.append(calls.call(asking(texts, question, how), model, max_tokens=ASK_TOKENS))
    found = calls.batch("ask", made)
    if all(isinstance(reply, calls.LMError) for reply in found):
        raise RuntimeError(f"the model calls of ask() failed: {found[0].error}")
    failed = reading.REFUSED.answer
    return [failed if isinstance(reply, calls.LMError) else reply.strip() for reply in found]


def is_topic(name, rivals=()):
    """Whether the context as a whole is about what has this name: it stands at the head of a
    document, or again and again; far more often than the other names beside it."""
    if any(occurrences(name) < TOPIC_RIVALS * occurrences(rival) for rival in rivals):
        return False
    length = CONFIG["context"].get("chars", 0)
    long = document() and length >= HEAD_SHARE * HEAD_CHARS
    if long and name.lower() in chars(None, 0, HEAD_CHARS).lower():
        return True
    count = occurrences(name)
    often = count >= TOPIC_LEAST and count * TOPIC_CHARS >= length
    return count > TOPIC_COUNT or often


def document():
    """The name of the context where it is one file: its passages rarely say what they are about."""
    facts = CONFIG["context"]
    names = [name for name, _ in facts["sections"]]
    return wording.clip(names[0], DOCUMENT_MAX) if len(names) == 1 else ""


def asking(texts, question, how):
    of = f" of {document()}" if document() else ""
    asked = wording.glossed(question, texts)
    return f"Passages{of}:\n{wording.numbered(texts)}\n\nQuestion: {asked}\n{how}"


def trim(text, question=""):
    """Without the padding of tables, the rules under their heads, the signs of comments and, unless
    it is asked for one, tags and where links lead: half of the tokens of some documents."""
    text = uncommented(text)
    lines = [re.sub(r"(?<=\S)[ \t]{2,}", " ", line) for line in text.splitlines()]
    lines = [line for line in lines if not re.fullmatch(r"[|:\s-]*-{3}[|:\s-]*", line)]
    if ASKS_LINK.search(question):
        return "\n".join(lines)
    text = "\n".join(line for line in lines if not LINK_TARGET.match(line))
    for _ in range(LINK_DEPTH):
        text = LINK.sub(r"\1", text)
    return untagged(text)


def uncommented(text):
    """Without the `#` before lines where two stand together: their sentences go on behind it."""
    lines = text.splitlines()
    together = any(a[:1] == b[:1] == "#" for a, b in zip(lines, lines[1:]))
    return COMMENT.sub("", text) if together else text


def untagged(text):
    """Without the tags of HTML. Other text in angle brackets, such as a type's parameters, stays."""
    bare = TAG.sub("", text)
    return bare if bare == text else html.unescape(bare)


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
    # What all have in common comes first, and is computed once.
    system = f"{question} Answer with one of: {', '.join(labels)}."
    made = [
        calls.call(
            text[:LABEL_CHARS], model, system=system, grammar=grammar, max_tokens=LABEL_TOKENS,
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


