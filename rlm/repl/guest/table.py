"""What a small root gets as `rows`: dicts that know what a wrong key was meant for, and times that
compare with a bare day as days do."""

import re

DATE = re.compile(r"\d{4}-\d\d-\d\d")
# A year, a month or a day: what a time is compared with when the clock does not matter.
DAY = re.compile(r"\d{4}(?:-\d\d(?:-\d\d)?)?")
# Each key that rows lack, and the one that was meant; None where it could be several.
MEANT = {}
# The keys of all rows that were read so far: a row of JSON may lack what the next one has.
KEYS = set()


class Moment(str):
    """A date or a time as text. Beside a bare year, month or day it is as long as that one is:
    `time <= "2021-03-05"` holds at noon of that day, and `time == "2021-03-05"` does, too, as a
    root means it that wrote "up to and including". Beside any other text it is that text."""

    __slots__ = ()

    def __le__(self, other):
        return str.__le__(self.to(other), other)

    def __gt__(self, other):
        return str.__gt__(self.to(other), other)

    def __eq__(self, other):
        return str.__eq__(self.to(other), other)

    def __ne__(self, other):
        return str.__ne__(self.to(other), other)

    __hash__ = str.__hash__

    def __getitem__(self, key):
        part = str.__getitem__(self, key)
        return Moment(part) if isinstance(key, slice) else part

    def split(self, *how, **named):
        return [Moment(part) for part in str.split(self, *how, **named)]

    def to(self, other):
        """As much of it as `other` has, if that is a year, a month or a day."""
        shorter = isinstance(other, str) and len(other) < len(self) and DAY.fullmatch(other)
        return str(self)[: len(other)] if shorter else self


class Row(dict):
    """A row for a small root, which writes `r["end"]` where the key is `ends`, and writes it again
    after the KeyError: a key that can only be meant for one is taken for it, and that is told. A
    key that other rows have means itself: this row lacks it."""

    __slots__ = ()

    def __missing__(self, key):
        if key in KEYS:
            raise KeyError(key)
        if key == "date" and DATE.match(str(dict.get(self, "time"))):
            return self["time"][:10]
        if key not in MEANT:
            MEANT[key] = meant(key, list(self))
            if MEANT[key] is not None:
                print(f"(rows have no key {key!r}: {MEANT[key]!r} is taken)")
        if MEANT[key] not in self:
            raise KeyError(key)
        return dict.__getitem__(self, MEANT[key])

    def get(self, key, default=None):
        try:
            return self[key]
        except KeyError:
            return default


Row.__name__ = "dict"
Moment.__name__ = "str"


def meant(key, keys):
    """The only one of `keys` that differs in case, signs or a plural s, or by what it adds."""
    if not isinstance(key, str) or len(key) < 2:
        return None
    wanted = bare(key)
    found = [other for other in keys if bare(other) == wanted]
    if not found:
        low = key.lower()
        parts = [(other, other.lower()) for other in keys]
        found = [o for o, p in parts if p.startswith(low + "_") or p.endswith("_" + low)]
    return found[0] if len(found) == 1 else None


def bare(key):
    return "".join(c for c in key.lower() if c.isalnum()).rstrip("s")


def rows(page):
    """Dicts as a small root needs them."""
    KEYS.update(*page)
    for row in page:
        for key, value in row.items():
            if isinstance(value, str) and DATE.match(value):
                row[key] = Moment(value)
    return [Row(row) for row in page]
