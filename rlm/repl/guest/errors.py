"""How an exception of a block is told: Python's traceback without our own frames, and the text for
the root model, short for a small one."""

import traceback

from finals import own_names
from wire import CONFIG, NAMES, clean

TRACEBACK_MAX = 6000
MESSAGE_MAX = 1000
SAMPLE_MAX = 400
# Whether an error that ends a block says that it passed a limit, when the error itself does not say
# (`passed_limit`; wire.py sets it for too many model calls).
LIMITS = {MemoryError: True, RecursionError: True, RuntimeError: False}


def is_block(filename):
    return filename.startswith("<block ")


def only_blocks(told):
    """Drops frames of our modules and of the library, in causes and contexts too."""
    seen = set()
    while told is not None and id(told) not in seen:
        seen.add(id(told))
        kept = [frame for frame in told.stack if is_block(frame.filename)]
        told.stack[:] = kept
        if told.__cause__ is not None:
            told = told.__cause__
        else:
            told = None if told.__suppress_context__ else told.__context__


def where(error):
    """Line number and source line of the innermost frame of a block."""
    if isinstance(error, SyntaxError) and is_block(str(error.filename)):
        return error.lineno, (error.text or "").strip() or None
    frames = traceback.extract_tb(error.__traceback__)
    for frame in reversed(frames):
        if is_block(frame.filename):
            return frame.lineno, (frame.line or "").strip() or None
    return None, None


def shorten(text, limit):
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]} ... [{len(text) - limit} characters cut] ... {text[-half:]}"


def passed_limit(error):
    """Whether a limit of the session ended the block, also as one error of a group. A block that
    catches such an error and goes on has not failed."""
    waiting = [error]
    for error in waiting:
        if isinstance(error, BaseExceptionGroup):
            waiting.extend(error.exceptions)
        elif type(error) in LIMITS and getattr(error, "passed_limit", LIMITS[type(error)]):
            return True
    return False


def tell(error):
    """The exception as the host reports it."""
    kind = type(error).__name__
    try:
        message = str(error)
    except Exception:
        message = "(its text cannot be shown)"
    message = clean(shorten(message, MESSAGE_MAX))
    line, source = where(error)
    try:
        told = traceback.TracebackException.from_exception(error, compact=True)
        only_blocks(told)
        full = "".join(told.format())
    except Exception:
        full = f"{kind}: {message}\n"
    full = clean(shorten(full.rstrip("\n"), TRACEBACK_MAX))
    text = small(error, kind, message, source) if CONFIG.get("small") else full
    return {
        "kind": kind, "message": message, "traceback": full, "text": text,
        "line": line, "source_line": source and clean(source), "limit": passed_limit(error),
    }


def small(error, kind, message, source):
    told = [f"{kind}: {message}"]
    if source:
        told.append(f"in the line: {clean(source)}")
    for name in ("rows", "lines"):
        if CONFIG.get(name):
            sample = first_of(name)
            if sample:
                told.append(f"{name}[0] = {sample}")
            break
    if isinstance(error, NameError):
        told.append("Names: " + ", ".join(dict.fromkeys(CONFIG.get("names", []) + own_names())))
    return "\n".join(told)


def first_of(name):
    try:
        return clean(shorten(repr(NAMES[name][0]), SAMPLE_MAX))
    except Exception:
        return None
