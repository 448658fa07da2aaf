"""`re` over lazy texts: findall, finditer, search, match and fullmatch run on the host, over the
whole context, with the same matches; a pattern that would mean something else there runs in Python's
own `re` on a copy. sub, subn and split need a copy anyway. Real strings never come this way.
"""

import operator
import re

from textlike import Text, real
from wire import ctx

MATCHES = 512
_real = {name: getattr(re, name) for name in (
    "compile", "findall", "finditer", "search", "match", "fullmatch", "sub", "subn", "split")}
# The type of a list-like context, which views.py sets: it is searched as one text.
JOINED = {"type": ()}


def as_text(value):
    """A lazy text to search on the host, or None."""
    if type(value) is Text:
        return value
    if isinstance(value, JOINED["type"]) and type(value) in JOINED["type"]:
        return value.text
    return None


def flags_of(pattern):
    told = ((re.I, "i"), (re.M, "m"), (re.S, "s"), (re.X, "x"), (re.A, "a"))
    return "".join(letter for flag, letter in told if pattern.flags & flag)


class Match:
    """A match in a lazy text; what re.Match offers."""

    def __init__(self, pattern, text, groups, pos, endpos):
        self.re, self.string, self._groups = pattern, text, groups
        self.pos, self.endpos = pos, endpos

    __class__ = property(lambda self: re.Match)

    def _number(self, group):
        if isinstance(group, str):
            if group not in self.re.groupindex:
                raise IndexError("no such group")
            return self.re.groupindex[group]
        try:
            number = operator.index(group)
        except TypeError:
            raise IndexError("no such group") from None
        if not 0 <= number < len(self._groups):
            raise IndexError("no such group")
        return number

    def _text(self, group, default=None):
        found = self._groups[self._number(group)]
        if found is None:
            return default
        if len(found) == 2:
            found.append(self.string[found[0]:found[1]])
        return found[2]

    def group(self, *groups):
        if len(groups) < 2:
            return self._text(groups[0] if groups else 0)
        return tuple(self._text(group) for group in groups)

    __getitem__ = _text

    def groups(self, default=None):
        return tuple(self._text(n, default) for n in range(1, len(self._groups)))

    def groupdict(self, default=None):
        return {name: self._text(n, default) for name, n in self.re.groupindex.items()}

    def span(self, group=0):
        found = self._groups[self._number(group)]
        return (-1, -1) if found is None else (found[0], found[1])

    def start(self, group=0):
        return self.span(group)[0]

    def end(self, group=0):
        return self.span(group)[1]

    @property
    def regs(self):
        return tuple(self.span(n) for n in range(len(self._groups)))

    @property
    def lastindex(self):
        best = None
        for n in range(1, len(self._groups)):
            found = self._groups[n]
            if found is not None and (best is None or found[1] > self._groups[best][1]):
                best = n
        return best

    @property
    def lastgroup(self):
        names = {n: name for name, n in self.re.groupindex.items()}
        return names.get(self.lastindex)

    def expand(self, template):
        def one(found):
            name = found.group(1) or found.group(2)
            return self._text(int(name) if name.isdigit() else name, "")
        return _real["sub"](r"\\(\d+)|\\g<(\w+)>", one, template)

    def __bool__(self):
        return True

    def __repr__(self):
        return f"<re.Match object; span={self.span()}, match={repr(self.group())[:50]}>"


def matches(pattern, text, pos=0, endpos=None, anchor=None, limit=None):
    """All matches in order, a page at a time. NotImplementedError: the host does not take it."""
    pos = min(max(pos, 0), text.length)
    endpos = text.length if endpos is None else min(max(endpos, 0), text.length)
    at, after_empty = pos, False
    while True:
        found = ctx("regex", s=text.section, pattern=pattern.pattern, flags=flags_of(pattern),
                    start=at, end=endpos, anchor=anchor, limit=limit or MATCHES,
                    after_empty=after_empty)
        for groups in found:
            yield Match(pattern, text, groups, pos, endpos)
        if limit or anchor or len(found) < MATCHES:
            return
        start, at = found[-1][0][:2]
        after_empty = start == at


def one(name, pattern, text, span):
    anchor = {"search": None, "match": "start", "fullmatch": "full"}[name]
    try:
        return next(matches(pattern, text, *span, anchor=anchor, limit=1), None)
    except NotImplementedError:
        return getattr(pattern, name)(text.copied(), *span)


def every(pattern, text, span):
    found = matches(pattern, text, *span)
    try:
        first = next(found, None)
    except NotImplementedError:
        yield from pattern.finditer(text.copied(), *span)
        return
    if first is not None:
        yield first
        yield from found


def listed(pattern, text, span):
    count = pattern.groups
    if count == 0:
        return [match.group() for match in every(pattern, text, span)]
    if count == 1:
        return [match.groups("")[0] for match in every(pattern, text, span)]
    return [match.groups("") for match in every(pattern, text, span)]


def search_in(name, pattern, text, span):
    """`pattern` is a real one, `text` a lazy text."""
    if not isinstance(pattern.pattern, str):
        raise TypeError("cannot use a bytes pattern on a string-like object")
    if name == "findall":
        return listed(pattern, text, span)
    if name == "finditer":
        return every(pattern, text, span)
    return one(name, pattern, text, span)


def plain(pattern):
    return pattern.real if type(pattern) is Pattern else pattern


def _searching(name):
    original = _real[name]

    def function(pattern, string, flags=0):
        text = as_text(string)
        if text is None:
            return original(plain(pattern), string, flags)
        return search_in(name, _real["compile"](plain(pattern), flags), text, ())

    function.__name__ = function.__qualname__ = name
    return function


class Pattern:
    """A compiled pattern that takes lazy texts too; given out only where there are such texts."""

    __slots__ = ("real",)
    __class__ = property(lambda self: re.Pattern)

    def __init__(self, compiled):
        self.real = compiled

    def __getattr__(self, name):
        return getattr(self.real, name)

    def __repr__(self):
        return repr(self.real)

    def __eq__(self, other):
        return self.real == plain(other)

    def __hash__(self):
        return hash(self.real)

    def sub(self, repl, string, count=0):
        return self.real.sub(repl, copied(string), count)

    def subn(self, repl, string, count=0):
        return self.real.subn(repl, copied(string), count)

    def split(self, string, maxsplit=0):
        return self.real.split(copied(string), maxsplit)

    def __reduce__(self):
        return (re.compile, (self.real.pattern, self.real.flags))


def _method(name):
    def method(self, string, *span, **named):
        text = as_text(string)
        if text is None:
            return getattr(self.real, name)(string, *span, **named)
        span = span + tuple(named[key] for key in ("pos", "endpos") if key in named)
        return search_in(name, self.real, text, span)

    method.__name__ = name
    return method


for _name in ("findall", "finditer", "search", "match", "fullmatch"):
    setattr(Pattern, _name, _method(_name))


def copied(string):
    text = as_text(string)
    return real(string) if text is None else text.copied()


def install():
    """Puts the functions into `re`. Called when a session has a lazy text."""
    for name in ("findall", "finditer", "search", "match", "fullmatch"):
        setattr(re, name, _searching(name))
    re.compile = lambda pattern, flags=0: Pattern(_real["compile"](plain(pattern), flags))
    re.sub = lambda pattern, repl, string, count=0, flags=0: _real["sub"](
        plain(pattern), repl, copied(string), count=count, flags=flags)
    re.subn = lambda pattern, repl, string, count=0, flags=0: _real["subn"](
        plain(pattern), repl, copied(string), count=count, flags=flags)
    re.split = lambda pattern, string, maxsplit=0, flags=0: _real["split"](
        plain(pattern), copied(string), maxsplit=maxsplit, flags=flags)
