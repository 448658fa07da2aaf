"""The values that stand for the context: `context`, `rows` and `lines`. Short ones become real
`str` and `list` values in the first block that names them; long ones stay on the host.
"""

import ast
import io
import json
import operator
from collections.abc import Sequence

import patterns
import table
from finals import STANDARD
from textlike import Lazy, Text, long_len, real
from wire import CONFIG, chars, ctx

PAGE = 1024
PAGES_KEPT = 16
LONGEST_LEN = 2**31 - 1


class Named(str):
    """A section as a real str that knows its name."""

    def __new__(cls, text, name):
        made = str.__new__(cls, text)
        made.name = name
        return made

    def __reduce__(self):
        return (Named, (str(self), self.name))


class Sections(Lazy, Sequence):
    """A context of several sections: a list of texts with names; the text methods and `re` see all
    of it as one text, which is `context.text`."""

    __class__ = property(lambda self: list)

    def __init__(self, facts):
        self.text = Text(None, facts["chars"])
        self._all = facts["sections"]
        self.names = [name for name, _ in self._all]

    def __len__(self):
        return len(self._all)

    def __getitem__(self, key):
        if isinstance(key, slice):
            return [self[i] for i in range(*key.indices(len(self)))]
        if isinstance(key, str):
            if key not in self.names:
                raise KeyError(f"no section {key!r}; context.names lists them")
            key = self.names.index(key)
        index = operator.index(key)
        if index < 0:
            index += len(self)
        if not 0 <= index < len(self):
            raise IndexError("list index out of range")
        name, length = self._all[index]
        if length <= CONFIG["eager_chars"]:
            return Named(chars(index, 0, length), name)
        return Text(index, length, name)

    def __contains__(self, item):
        return isinstance(item, str) and (item in self.names or item in self.text)

    def count(self, item, *span):
        return self.text.count(item, *span)

    def index(self, item, *span):
        return self.names.index(item) if item in self.names else self.text.index(item, *span)

    def keys(self):
        return list(self.names)

    def values(self):
        return iter(self)

    def items(self):
        return zip(self.names, self)

    def get(self, name, default=None):
        return self[name] if name in self.names else default

    def __getattr__(self, name):
        if name.startswith("_") or not hasattr(str, name):
            raise AttributeError(f"context has no attribute {name!r}")
        return getattr(self.text, name)

    def __str__(self):
        return str(self.text)

    def __format__(self, form):
        return format(str(self.text), form)

    def __repr__(self):
        shown = ", ".join(f"{name!r} ({length} characters)" for name, length in self._all[:20])
        more = f", ... {len(self) - 20} more" if len(self) > 20 else ""
        return f"<{len(self)} sections: {shown}{more}>"

    def __add__(self, other):
        return str(self) + other if isinstance(other, str) else list(self) + list(other)

    def __radd__(self, other):
        return other + str(self) if isinstance(other, str) else list(other) + list(self)


class Items(Lazy, Sequence):
    """`rows` or `lines` of a long context: read-only, in pages, the last pages kept."""

    __class__ = property(lambda self: list)

    def __init__(self, op, length):
        self._op, self._length, self._pages = op, length, {}

    def __len__(self):
        return self._length

    def _read(self, start):
        page = ctx(self._op, start=start, end=min(start + PAGE, self._length))
        if self._op == "rows" and CONFIG.get("small"):
            page = table.rows(page)
        return page

    def _page(self, number):
        page = self._pages.pop(number, None)
        if page is None:
            start = number * PAGE
            page = self._read(start)
            if len(self._pages) >= PAGES_KEPT:
                self._pages.pop(next(iter(self._pages)))
        self._pages[number] = page
        return page

    def __getitem__(self, key):
        if isinstance(key, slice):
            return [self[i] for i in range(*key.indices(self._length))]
        index = operator.index(key)
        if index < 0:
            index += self._length
        if not 0 <= index < self._length:
            raise IndexError("list index out of range")
        return self._page(index // PAGE)[index % PAGE]

    def __iter__(self):
        for start in range(0, self._length, PAGE):
            yield from self._read(start)

    def copy(self):
        return list(self)

    def _fixed(self, *_):
        raise TypeError(f"{self._op} cannot be changed; list({self._op}) makes a list of your own")

    append = extend = insert = remove = pop = clear = sort = reverse = _fixed
    __setitem__ = __delitem__ = _fixed

    def __add__(self, other):
        return list(self) + list(other)

    def __eq__(self, other):
        return self is other or (isinstance(other, list) and list(self) == list(other))

    def __repr__(self):
        head = ", ".join(repr(item) for item in self[:3])
        return f"[{head}{', ...' if self._length > 3 else ''}] ({self._length} {self._op})"


Sections.__name__ = Items.__name__ = "list"
patterns.JOINED["type"] = (Sections,)


def context(facts):
    """The first value of `context`. Where it will never be a real str, Python's own functions that
    insist on one are told how to get it."""
    multi = facts["multi"]
    made = Sections(facts) if multi else Text(None, facts["chars"])
    if multi or facts["chars"] > CONFIG["eager_chars"]:
        patterns.install()
        take_lazy()
    CONFIG["rows"] = facts["rows"] is not None
    CONFIG["lines"] = facts["kind"] == "lines"
    return made


def names(facts):
    made = {"lines": Items("lines", facts["lines"])}
    if facts["rows"] is not None:
        made["rows"] = Items("rows", facts["rows"])
    if facts["chars"] > LONGEST_LEN:
        made["len"] = long_len
    return made


def prepare(code, namespace, reserved):
    """Before a block: what it names and what is short becomes a real value."""
    if CONFIG["context"]["chars"] > CONFIG["eager_chars"]:
        return
    if "context" in code and type(namespace.get("context")) is Text:
        made = namespace["context"].copied()
        namespace["context"] = reserved["context"] = STANDARD["context"] = made
    for name in ("rows", "lines"):
        if name in code and type(namespace.get(name)) is Items:
            namespace[name] = STANDARD[name] = list(namespace[name])


def take_lazy():
    """Library functions that C code serves, made to accept a lazy text."""
    loads, evaluate, reader = json.loads, ast.literal_eval, io.StringIO

    class StringIO(reader):
        def __init__(self, initial_value="", newline="\n"):
            super().__init__(patterns.copied(initial_value), newline)

    json.loads = lambda s, **options: loads(patterns.copied(s), **options)
    ast.literal_eval = lambda node: evaluate(patterns.copied(node))
    io.StringIO = StringIO


