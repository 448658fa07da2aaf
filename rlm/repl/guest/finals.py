"""The ways to give an answer, of every peer: FINAL, FINAL_VAR, SUBMIT and a ready `answer`.

The first answer counts, and it ends the block. A plain text is taken as it is, everything else as
`print` would show it.
"""

import json

from wire import BLOCK, NAMES


# Set by tools.py: a function from what FINAL was given to what it gives.
INSTEAD = []


class Done(BaseException):
    """Ends the block; no `except Exception` catches it."""


class Answer(dict):
    """`answer`: done when it is ready and has content, whichever is set first, also by update()."""


def as_text(value):
    return value if type(value) is str else str(value)


def give(value):
    if BLOCK["answer"] is None:
        BLOCK["answer"] = as_text(value)
    raise Done


def FINAL(*values):
    """FINAL(answer): the answer to the question; ends the work."""
    value = content(values[0]) if len(values) == 1 else " ".join(map(str, values))
    give(INSTEAD[0](value) if INSTEAD else value)


def content(value):
    """Of `answer` what stands in it: small models write `FINAL(answer)` to the letter."""
    if not isinstance(value, Answer):
        return value
    if not value.get("content"):
        raise ValueError("`answer` is empty: give FINAL the value itself, such as FINAL(12)")
    return value["content"]


def leave(*_status):
    """exit() and quit(): end the block, not the session."""
    raise Done


def FINAL_VAR(name):
    """FINAL_VAR("name"): the value of that variable is the answer."""
    if isinstance(name, str):
        key = name.strip().strip("\"'")
        if key in NAMES:
            give(NAMES[key])
        if key.isidentifier() and not any(value is name for value in NAMES.values()):
            known = ", ".join(own_names()[:40]) or "none"
            raise NameError(f"FINAL_VAR: there is no variable {key!r}; the variables are: {known}")
    give(name)


def SUBMIT(*values, **fields):
    """SUBMIT(answer) or SUBMIT(field=..., ...): as FINAL."""
    if fields and (values or len(fields) > 1):
        if values:
            fields = {"answer": values[0] if len(values) == 1 else list(values), **fields}
        give(json.dumps(fields, ensure_ascii=False, default=str))
    if fields:
        values = tuple(fields.values())
    FINAL(*values)


def take_ready(answer):
    """After a block: an `answer` that is ready counts, if nothing was given before."""
    if BLOCK["answer"] is None and isinstance(answer, dict) and answer.get("ready"):
        content = answer.get("content")
        if content not in (None, ""):
            BLOCK["answer"] = as_text(content)
            # Should the answer not be accepted, the next block starts without it.
            answer["ready"] = False


# The names that every session has, with their values: a block may give them other ones.
STANDARD = {}


def own_names():
    """What the blocks made, in the order of making."""
    return [
        name for name, value in NAMES.items()
        if not name.startswith("_") and STANDARD.get(name, STANDARD) is not value
    ]
