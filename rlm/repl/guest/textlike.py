"""`context` when it is too long to copy: an object that behaves like a `str` but whose characters
stay on the host. Slices, searches and splits are host requests; everything else works on a copy, up
to a limit. `isinstance(context, str)` holds; C code that insists on a real str raises TypeError
(it never sees an empty text), and then `str(context)` gives one.
"""

import itertools
import operator
from collections.abc import Sequence

from wire import CONFIG, chars, ctx

PAGE = 1 << 16
SHOWN = 200


class Lazy:
    """What all lazy values have in common: their length may be more than len() can say."""

    def __len__(self):
        raise NotImplementedError


class Text(Lazy):
    """A section of the context, or all of it."""

    def __init__(self, section, length, name=""):
        self.section, self.length, self.name = section, length, name

    # What Python looks at to decide what this is.
    __class__ = property(lambda self: str)

    def __len__(self):
        return self.length

    def __bool__(self):
        return self.length > 0

    def copied(self):
        """All of it as a real str."""
        limit = CONFIG["copied_chars"]
        if self.length > limit:
            error = MemoryError(
                f"this text has {self.length} characters, more than the {limit} that can be copied "
                "at once; use slices, find, split, re or search on it"
            )
            # It was refused before it took any memory.
            error.passed_limit = False
            raise error
        # Through the module, so that a short text is copied once.
        kept = self.__dict__.get("kept")
        if kept is None:
            kept = chars(self.section, 0, self.length)
            if self.length <= CONFIG["eager_chars"]:
                self.kept = kept
        return kept

    def __getitem__(self, key):
        if isinstance(key, slice):
            start, stop, step = key.indices(self.length)
            if step == 1:
                return chars(self.section, start, stop)
            if step == -1:
                return chars(self.section, stop + 1, start + 1)[::-1]
            if step > 0:
                return chars(self.section, start, stop)[::step]
            return chars(self.section, stop + 1, start + 1)[::step]
        index = operator.index(key)
        if index < 0:
            index += self.length
        if not 0 <= index < self.length:
            raise IndexError("string index out of range")
        return chars(self.section, index, index + 1)

    def __iter__(self):
        for at in range(0, self.length, PAGE):
            yield from chars(self.section, at, min(at + PAGE, self.length))

    def __reversed__(self):
        for end in range(self.length, 0, -PAGE):
            yield from chars(self.section, max(end - PAGE, 0), end)[::-1]

    def __str__(self):
        return self.copied()

    def __repr__(self):
        if self.length <= SHOWN * 2:
            return repr(self.copied())
        return f"<text of {self.length} characters: {self[:SHOWN]!r} ... {self[-SHOWN:]!r}>"

    def __format__(self, form):
        return format(self.copied(), form)

    def __hash__(self):
        return hash(self.copied())

    def __eq__(self, other):
        if isinstance(other, Text):
            if self.section == other.section or self.length != other.length:
                return self.length == other.length and self.section == other.section
            return self.copied() == other.copied()
        if not isinstance(other, str):
            return NotImplemented
        return len(other) == self.length and (not other or self.copied() == other)

    def __add__(self, other):
        return self.copied() + str(other) if isinstance(other, str) else NotImplemented

    def __radd__(self, other):
        return other + self.copied() if isinstance(other, str) else NotImplemented

    def __contains__(self, needle):
        return self.find(needle) >= 0

    def _asked(self, needle, start, end):
        if isinstance(needle, Text):
            needle = needle.copied()
        if not isinstance(needle, str):
            raise TypeError(f"must be str, not {type(needle).__name__}")
        start, end, _ = slice(start, end).indices(self.length)
        return needle, start, end

    def find(self, needle, start=None, end=None):
        return self._find("find", needle, start, end)

    def rfind(self, needle, start=None, end=None):
        return self._find("rfind", needle, start, end)

    def _find(self, op, needle, start, end):
        given = 0 if start is None else start
        needle, start, end = self._asked(needle, start, end)
        if start > end or given > self.length:
            return -1
        if not needle:
            return start if op == "find" else end
        found = ctx(op, s=self.section, needle=needle, start=start, end=end)
        return -1 if found is None else found

    def index(self, needle, start=None, end=None):
        found = self.find(needle, start, end)
        if found < 0:
            raise ValueError("substring not found")
        return found

    def rindex(self, needle, start=None, end=None):
        found = self.rfind(needle, start, end)
        if found < 0:
            raise ValueError("substring not found")
        return found

    def count(self, needle, start=None, end=None):
        given = 0 if start is None else start
        needle, start, end = self._asked(needle, start, end)
        if start > end or given > self.length:
            return 0
        if not needle:
            return end - start + 1
        return ctx("count", s=self.section, needle=needle, start=start, end=end)

    def startswith(self, prefix, start=None, end=None):
        return self._edge(prefix, start, end, lambda text, edge: text[:len(edge)] == edge)

    def endswith(self, suffix, start=None, end=None):
        return self._edge(
            suffix, start, end, lambda text, edge: not edge or text[-len(edge):] == edge
        )

    def _edge(self, edges, start, end, test):
        edges = edges if isinstance(edges, tuple) else (edges,)
        for edge in edges:
            if not isinstance(edge, str):
                raise TypeError("startswith first arg must be str or a tuple of str")
        if start is not None and start > self.length:
            return False
        start, end, _ = slice(start, end).indices(self.length)
        part = Part(self, start, max(start, end))
        return start <= end and any(len(e) <= end - start and test(part, str(e)) for e in edges)

    def split(self, sep=None, maxsplit=-1):
        if maxsplit is not None and maxsplit >= 0:
            return self._split_some(sep, maxsplit)
        if sep is not None and not isinstance(sep, str):
            raise TypeError(f"must be str or None, not {type(sep).__name__}")
        return parts(Parts("split", self.section, separator=sep), self.length)

    def _split_some(self, sep, maxsplit):
        found, at = [], 0
        while len(found) < maxsplit and at is not None:
            reply = ctx("split", s=self.section, separator=sep, limit=maxsplit - len(found), **{
                "from": at})
            found += reply["parts"]
            at = reply["next"]
        if at is not None:
            rest = self[at:]
            found.append(rest if sep is not None else rest.lstrip())
            if sep is None and not found[-1]:
                found.pop()
        return found

    def splitlines(self, keepends=False):
        return parts(Parts("splitlines", self.section, keep_ends=bool(keepends)), self.length)

    def __getattr__(self, name):
        """Every other method of str, on a copy."""
        if name.startswith("__") or not hasattr(str, name):
            raise AttributeError(f"'str' object has no attribute {name!r}")
        return getattr(self.copied(), name)

    def __lt__(self, other):
        return self.copied() < str(other)

    def __gt__(self, other):
        return self.copied() > str(other)

    def __le__(self, other):
        return self.copied() <= str(other)

    def __ge__(self, other):
        return self.copied() >= str(other)

    def __mul__(self, times):
        return self.copied() * times

    __rmul__ = __mul__

    def __mod__(self, values):
        return self.copied() % values

    def __reduce__(self):
        return (str, (self.copied(),))


Text.__name__ = Text.__qualname__ = "str"


class Part:
    """Characters [start, end) of a text, read when they are sliced."""

    def __init__(self, text, start, end):
        self.text, self.start, self.end = text, start, end

    def __getitem__(self, key):
        start, stop, _ = key.indices(self.end - self.start)
        return self.text[self.start + start:self.start + stop]


class Parts(Lazy, Sequence):
    """The pieces of a split: read in pages and in order, with a mark each page for going back."""

    def __init__(self, op, section, **how):
        self.op, self.section, self.how = op, section, how
        # Where page n starts: (index of its first piece, position in the text).
        self.marks = [(0, 0)]
        self.total = None
        self.page = (None, [])

    def _load(self, number):
        """Page `number`, or None past the end."""
        if self.page[0] == number:
            return self.page[1]
        while len(self.marks) <= number:
            if self.total is not None or self._load(len(self.marks) - 1) is None:
                return None
        first, at = self.marks[number]
        if at is None:
            return None
        reply = ctx(self.op, s=self.section, **{"from": at}, **self.how)
        pieces = reply["parts"]
        if len(self.marks) == number + 1:
            self.marks.append((first + len(pieces), reply["next"]))
            if reply["next"] is None:
                self.total = first + len(pieces)
        self.page = (number, pieces)
        return pieces

    def pages(self):
        number = 0
        while (pieces := self._load(number)) is not None:
            yield pieces
            number += 1

    def __iter__(self):
        for pieces in self.pages():
            yield from pieces

    def __len__(self):
        while self.total is None:
            self._load(len(self.marks) - 1)
        return self.total

    def __bool__(self):
        return bool(self._load(0))

    def __getitem__(self, key):
        if isinstance(key, slice):
            return self._slice(key)
        index = operator.index(key)
        if index < 0:
            index += len(self)
        if index < 0:
            raise IndexError("list index out of range")
        while self.total is None and self.marks[-1][0] <= index:
            self._load(len(self.marks) - 1)
        for number, (first, _) in reversed(list(enumerate(self.marks))):
            if first <= index:
                pieces = self._load(number)
                if pieces is not None and index - first < len(pieces):
                    return pieces[index - first]
                break
        raise IndexError("list index out of range")

    def _slice(self, key):
        start, stop = key.start, key.stop
        if (key.step or 1) < 0 or (start or 0) < 0 or stop is None or stop < 0:
            return [self[i] for i in range(*key.indices(len(self)))]
        return list(itertools.islice(self, start, stop, key.step))

    def __repr__(self):
        head = ", ".join(map(repr, self[:5]))
        return f"[{head}, ... read from the context as it is used]"

    def __eq__(self, other):
        return list(self) == list(other) if isinstance(other, (list, Parts)) else NotImplemented

    def __add__(self, other):
        return list(self) + list(other)


def parts(pieces, length):
    """A real list of what can be copied, else a lazy one."""
    return list(pieces) if length <= CONFIG["copied_chars"] // 8 else pieces


def real(value):
    """A real str for a lazy one, anything else as it is."""
    return value.copied() if type(value) is Text else value


def long_len(value, _len=len):
    """len() for texts beyond what Python's C level can say."""
    if type(value) is Text:
        return value.length
    return _len(value)

