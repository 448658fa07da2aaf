"""Runs the blocks: the namespace of the model, printed text and its limit, the echo of the last
expression, reserved names, and the report to the host."""

import ast
import asyncio
import collections
import gc
import importlib
import io
import json
import linecache
import random
import statistics
import sys
import types

import calls
import errors
import finals
import together
import tools
import views
import wire
from wire import BLOCK, CONFIG, MAIN, NAMES, clean

FLUSH_AT = 2048
VARIABLES_MAX = 200
SIZED = (str, bytes, bytearray, list, tuple, dict, set, frozenset, collections.deque, range)


class Printed(io.TextIOBase):
    """Keeps printed text up to the limit and counts the rest."""

    encoding, errors = "utf-8", "strict"

    def __init__(self):
        self.clear()

    def clear(self):
        self.parts, self.waiting, self.kept, self.cut = [], 0, 0, 0

    def writable(self):
        return True

    def write(self, text):
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        if tools.PENDING:
            tools.flush_pending()
        size = len(text)
        room = CONFIG.get("output_bytes", 0) - self.kept
        if size > room:
            self.cut += size - max(room, 0)
            text = text[:max(room, 0)]
        if text:
            self.parts.append(str(text))
            self.kept += len(text)
            self.waiting += len(text)
            if self.waiting >= FLUSH_AT and self is OUT:
                self.hand_over()
        return size

    def take(self):
        text = clean("".join(self.parts))
        self.parts, self.waiting = [], 0
        return text

    def hand_over(self):
        if self.waiting:
            wire.hand_over(self.take())


OUT, ERR = Printed(), Printed()
calls.before_call = OUT.hand_over
STATE = {"block": 0}
# What a small model is reminded of when it uses a name that does not exist.
TOLD = "query context lines rows search ask label llm_query FINAL Counter mean median re".split()
RESERVED = {}


def settle(_payload):
    """Called once, before the base image is taken: everything that every session shares."""
    sys.stdout, sys.stderr, sys.stdin = OUT, ERR, io.StringIO()
    sys.modules["__main__"] = MAIN
    sys.setrecursionlimit(1000)
    gc.collect()
    gc.freeze()
    return ""


def open_session(payload):
    config = json.loads(payload)
    CONFIG.update(config)
    random.seed(config["seed"])
    facts = config["context"]
    context = views.context(facts)
    standard = {
        "context": context,
        "query": config["query"],
        "llm_query": calls.llm_query,
        "llm_query_batched": calls.llm_query_batched,
        "llm_query_parallel": calls.llm_query_batched,
        "rlm_query": calls.rlm_query,
        "rlm_query_batched": calls.rlm_query_batched,
        "SHOW_VARS": SHOW_VARS,
        "FINAL": finals.FINAL,
        "FINAL_VAR": finals.FINAL_VAR,
        "SUBMIT": finals.SUBMIT,
    }
    RESERVED.update(standard)
    NAMES.update(standard)
    NAMES.update(tools.names())
    NAMES.update(views.names(facts))
    NAMES.update({
        "allm_query": together.allm_query, "llm_query_async": together.allm_query,
        "Final": finals.FINAL, "final": finals.FINAL, "LMError": calls.LMError,
        "exit": finals.leave, "quit": finals.leave,
        "answer": finals.Answer(content="", ready=False), "mean": mean, "median": statistics.median,
        "Counter": collections.Counter, "defaultdict": collections.defaultdict,
    })
    for module in "re json math random statistics datetime itertools collections asyncio".split():
        NAMES[module] = importlib.import_module(module)
    finals.STANDARD.update(NAMES)
    CONFIG["names"] = [name for name in TOLD if name in NAMES]
    return ""


def mean(values):
    """The mean as a plain number; statistics.mean gives fractions of what it gets."""
    values = list(values)
    if not values:
        raise statistics.StatisticsError("mean requires at least one data point")
    return sum(values) / len(values)


class Shown(str):
    __repr__ = str.__str__


def SHOW_VARS():
    """SHOW_VARS(): the variables that the blocks made."""
    found = {name: type(NAMES[name]).__name__ for name in finals.own_names()}
    if not found:
        return Shown("No variables yet: assign one in a block.")
    return Shown(f"Available variables: {found}")


def size_of(value):
    if isinstance(value, SIZED) or isinstance(value, views.Lazy):
        return value.__len__()
    return None


def variables():
    names = [n for n in finals.own_names() if not isinstance(NAMES[n], types.ModuleType)]
    made = []
    for name in names[:VARIABLES_MAX]:
        value = NAMES[name]
        made.append({"name": clean(name), "kind": type(value).__name__, "size": size_of(value)})
    return made


def parse(code, filename):
    flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    try:
        return compile(code, filename, "exec", flags, dont_inherit=True), code
    except IndentationError:
        # Models indent whole blocks; what is left after that is their mistake.
        lines = [line for line in code.split("\n") if line.strip()]
        if not lines or not lines[0][0].isspace():
            raise
        import textwrap
        code = textwrap.dedent(code.lstrip("\n"))
        return compile(code, filename, "exec", flags, dont_inherit=True), code


def execute(part, filename, mode):
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    code = compile(part, filename, mode, flags, dont_inherit=True)
    value = eval(code, NAMES)
    if asyncio.iscoroutine(value) and code.co_flags & 0x80:
        value = asyncio.run(value)
    return value


def run_code(code):
    """The value of the last expression, or None."""
    STATE["block"] += 1
    filename = f"<block {STATE['block']}>"
    keep_source(filename, code)
    tree, code = parse(code, filename)
    keep_source(filename, code)
    views.prepare(code, NAMES, RESERVED)
    last = None
    if tree.body and isinstance(tree.body[-1], ast.Expr):
        last = ast.Expression(tree.body.pop().value)
    if tree.body:
        execute(tree, filename, "exec")
    return execute(last, filename, "eval") if last is not None else None


def keep_source(filename, code):
    linecache.cache[filename] = (len(code), None, code.splitlines(True), filename)


def echo(value):
    if value is None or tools.is_told(value):
        return None
    limit = CONFIG["output_bytes"]
    text = clean(repr(value))
    if len(text) > limit:
        text = f"{text[:limit]} ... [{len(text) - limit} more characters]"
    return text


def restore_names():
    """Gives reserved names back their meaning and says so."""
    lost = [name for name, value in RESERVED.items() if NAMES.get(name) is not value]
    for name in lost:
        NAMES[name] = RESERVED[name]
    if lost:
        print(f"[{', '.join(lost)}: reserved by the REPL and restored; use another name]")


def run(code):
    OUT.clear()
    ERR.clear()
    BLOCK["answer"], BLOCK["shown"] = None, []
    together.reset()
    value = error = None
    try:
        value = echo(run_code(code))
        together.drain()
        tools.finish()
    except finals.Done:
        pass
    except SystemExit as left:
        if isinstance(left.code, str):
            print(left.code)
    except BaseException as raised:
        error = errors.tell(raised)
        # Frames hold the block's values alive; the traceback is told, they can go.
        raised.__traceback__ = None
    together.reset()
    tools.PENDING.clear()
    sys.stdout, sys.stderr = OUT, ERR
    if error is None:
        finals.take_ready(NAMES.get("answer"))
    restore_names()
    report = {
        "out": OUT.take(), "cut": OUT.cut, "err": ERR.take(), "value": value, "error": error,
        "answer": None if BLOCK["answer"] is None else clean(BLOCK["answer"]),
        "shown": [clean(text) for text in dict.fromkeys(BLOCK["shown"])],
        "variables": variables(),
    }
    return json.dumps(report)


HANDLERS["settle"] = settle
HANDLERS["open"] = open_session
HANDLERS["run"] = run
