"""The border to the host, seen from Python: requests as JSON, and what the session was opened with.

`host`, `read` and `HANDLERS` are put into every module by the loader.
"""

import builtins
import json
import types

_dumps, _loads = json.dumps, json.loads
_host, _read = host, read

CONFIG = {}
# Lines that every module may set, read at the end of a block: see finals.py and tools.py.
BLOCK = {"answer": None, "shown": []}
# The module in which blocks run, and its namespace: the names of the model.
MAIN = types.ModuleType("__main__")
NAMES = MAIN.__dict__


def clean(text):
    """The text without lone surrogates, which no UTF-8 border lets through."""
    if text.isascii():
        return text
    try:
        text.encode()
        return text
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()


def ask(name, payload):
    """One request; an error of the host is raised as the Python exception that it names."""
    reply = _loads(_host(name, _dumps(payload)))
    if "err" in reply:
        kind, message, limit = reply["err"]
        error = getattr(builtins, kind, RuntimeError)(message)
        if limit:
            error.passed_limit = True
        raise error
    return reply["ok"]


def ctx(op, **arguments):
    """A question about the context; see ctx_ops.rs for the operations."""
    arguments["op"] = op
    return ask("ctx", arguments)


def chars(section, start, end):
    """Characters [start, end) of a section, or of the whole context for section None."""
    if end <= start:
        return ""
    return _read(0 if section is None else section + 1, start, end - start)


def hand_over(text):
    """Printed text, so that it is not lost when the block is stopped."""
    _host("out", clean(text))


def sleep(seconds):
    """Time passes on the session's clock, not on the wall."""
    _host("sleep", str(float(seconds)))
