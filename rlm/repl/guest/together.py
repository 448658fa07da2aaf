"""Threads and asyncio in a guest that has neither threads nor sockets: the results are those of
running one after another, and the model calls of tasks that do not depend on each other go out as
one batch.

For asyncio the loop gives all calls out that wait when nothing else can run. For executors and
threads each task is run ahead to its first model call; that is done only when what comes before the
call has no effect (its bytecode is checked), so it never changes what a program computes.
"""

import asyncio
import concurrent.futures
import dis
import inspect
import io
import queue
import random
import sys
import threading
import time
import types

import calls
import wire
from calls import AHEAD, LOOK, Needed

IMPURE = frozenset("""append extend add update pop insert write setdefault remove clear put discard
popleft appendleft print sort reverse send next seed shuffle FINAL FINAL_VAR SUBMIT setattr delattr
exec eval acquire release set put_nowait get get_nowait sleep popitem ask label search
llm_query_batched llm_query_parallel rlm_query_batched""".split()) - {"get"}
STORES = frozenset("""STORE_GLOBAL STORE_SUBSCR STORE_ATTR STORE_SLICE DELETE_GLOBAL DELETE_SUBSCR
DELETE_ATTR STORE_NAME""".split())
CALLS = frozenset({"llm_query", "rlm_query", "allm_query"})
BACKWARD = frozenset({"JUMP_BACKWARD", "JUMP_BACKWARD_NO_INTERRUPT", "FOR_ITER"})


def is_pure(function, seen=None):
    """Nothing that this function does before its first model call can be seen afterwards."""
    seen = set() if seen is None else seen
    if function in (calls.llm_query, calls.rlm_query):
        return True
    function = getattr(function, "__func__", function)
    code = getattr(function, "__code__", None)
    if code is None or code in seen:
        return code is not None
    seen.add(code)
    steps = list(dis.get_instructions(code))
    if not any(step.opname in BACKWARD for step in steps):
        # Without loops, what stands after the first model call runs after it.
        first = next((i for i, step in enumerate(steps) if step.argval in CALLS), None)
        if first is not None:
            after = [i for i in range(first, len(steps)) if steps[i].opname.startswith("CALL")]
            steps = steps[: after[0] if after else first]
    for step in steps:
        if step.opname in STORES or step.argval in IMPURE and isinstance(step.argval, str):
            return False
        if step.opname == "STORE_DEREF" and step.argval in code.co_freevars:
            return False
        if step.opname == "YIELD_VALUE" and not code.co_flags & inspect.CO_COROUTINE:
            return False
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            value = function.__globals__.get(step.argval)
            if isinstance(value, types.FunctionType) and value.__globals__ is wire.NAMES:
                if not is_pure(value, seen):
                    return False
            elif isinstance(value, type) and value.__module__ == "__main__":
                return False
    return True


def is_steady(value):
    """Not an iterator, which a look ahead would use up."""
    return not hasattr(value, "__next__")


def looked_ahead(function, args, kwargs):
    """The first model calls of one task, without its effects; [] when that cannot be known."""
    if not all(map(is_steady, (*args, *kwargs.values()))) or not is_pure(function):
        return []
    return recorded(lambda: function(*args, **kwargs))


def recorded(work):
    found, LOOK["recording"] = [], []
    out, state = sys.stdout, random.getstate()
    sys.stdout = io.StringIO()
    try:
        result = work()
        if inspect.iscoroutine(result):
            try:
                result.send(None)
            finally:
                result.close()
    except BaseException:
        # Needed, or whatever the task will raise again when it really runs.
        pass
    finally:
        found, LOOK["recording"] = LOOK["recording"], None
        sys.stdout = out
        random.setstate(state)
    return found


def prefetch(found):
    """Asks the calls found ahead as one batch; each reply waits for the call that it belongs to."""
    if len(found) < 2 or LOOK["recording"] is not None:
        return
    for made, result in zip(found, calls.send(found)):
        AHEAD.setdefault(calls.key_of(made), []).append(result)


# ---- executors and threads

# Tasks that were submitted or started and did not run yet.
WAITING = []


def drain():
    """Runs everything that waits, in order."""
    while WAITING and LOOK["recording"] is None:
        tasks, WAITING[:] = WAITING[:], []
        prefetch([made for task in tasks for made in looked_ahead(*task.work)])
        try:
            for task in tasks:
                task.run_now()
        finally:
            AHEAD.clear()


class LaterFuture(concurrent.futures.Future):
    """Runs when its result is asked for, together with all that wait."""

    def run_now(self):
        if not self.set_running_or_notify_cancel():
            return
        function, args, kwargs = self.work
        try:
            result = function(*args, **kwargs)
        except Exception as error:
            self.set_exception(error)
        else:
            self.set_result(result)

    def result(self, timeout=None):
        drain()
        return super().result(0)

    def exception(self, timeout=None):
        drain()
        return super().exception(0)

    def done(self):
        drain()
        return super().done()

    def add_done_callback(self, fn):
        drain()
        super().add_done_callback(fn)


class Executor(concurrent.futures.Executor):
    def __init__(self, max_workers=None, *_args, **_kwargs):
        self._max_workers = max_workers or 8
        self._closed = False

    def submit(self, fn, /, *args, **kwargs):
        if LOOK["recording"] is not None:
            raise Needed
        if self._closed:
            raise RuntimeError("cannot schedule new futures after shutdown")
        future = LaterFuture()
        future.work = (fn, args, kwargs)
        WAITING.append(future)
        return future

    def map(self, fn, *iterables, timeout=None, chunksize=1, buffersize=None):
        futures = [self.submit(fn, *args) for args in zip(*iterables)]
        return (future.result() for future in futures)

    def shutdown(self, wait=True, *, cancel_futures=False):
        self._closed = True
        drain()


def as_completed(fs, timeout=None):
    drain()
    yield from list(dict.fromkeys(fs))


def wait(fs, timeout=None, return_when=concurrent.futures.ALL_COMPLETED):
    drain()
    return concurrent.futures._base.DoneAndNotDoneFutures(set(fs), set())


def start(self):
    if LOOK["recording"] is not None:
        raise Needed
    if self._started.is_set():
        raise RuntimeError("threads can only be started once")
    self._started.set()
    self.work = (self._target or self.run, self._args, self._kwargs) \
        if type(self).run is threading.Thread.run and self._target else (self.run, (), {})
    self.over = False
    self.run_now = types.MethodType(run_thread, self)
    WAITING.append(self)


def run_thread(self):
    try:
        self.run()
    except Exception:
        threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), self)))
    finally:
        self.over = True


def join(self, timeout=None):
    drain()


def is_alive(self):
    drain()
    return False


def wait_event(self, timeout=None):
    drain()
    return self.is_set()


def get(self, block=True, timeout=None):
    if not self.qsize():
        drain()
    return _get(self, False)


def sleep(seconds):
    drain()
    wire.sleep(seconds)


_get = queue.Queue.get


# ---- asyncio


class Waiting:
    """Model calls of coroutines, given out together when the loop has nothing else to do."""

    def __init__(self):
        self.calls = []

    def add(self, made):
        future = asyncio.get_running_loop().create_future()
        self.calls.append((made, future))
        return future

    def give_out(self):
        batch, self.calls = self.calls, []
        batch = [(made, future) for made, future in batch if not future.done()]
        results = calls.send([made for made, _ in batch])
        for (_, future), (status, text) in zip(batch, results):
            if status == "Ok":
                future.set_result(text)
            else:
                future.set_exception(RuntimeError(text))


class Selector:
    """What the loop sleeps in. There are no files to wait for: only model calls and the clock."""

    def select(self, timeout=None):
        if timeout == 0:
            # Other tasks are ready; they may have calls for the same batch.
            return []
        if WAITING:
            drain()
        elif ASKED.calls:
            ASKED.give_out()
        elif timeout is None:
            raise RuntimeError("asyncio waits for something that can never come")
        else:
            wire.sleep(timeout)
        return []

    def get_map(self):
        return {}

    def close(self):
        pass


class Loop(asyncio.base_events.BaseEventLoop):
    def __init__(self):
        super().__init__()
        self._selector = Selector()

    def _process_events(self, event_list):
        pass

    def _write_to_self(self):
        pass

    async def shutdown_default_executor(self, timeout=None):
        pass

    def run_in_executor(self, executor, func, *args):
        future = Executor().submit(func, *args)
        return asyncio.wrap_future(Bridge(future), loop=self)


def Bridge(future):
    """A future that the loop's callback machinery may hold without running it at once."""
    made = concurrent.futures.Future()
    made.set_running_or_notify_cancel()
    inner = future.run_now

    def run_now():
        inner()
        error = concurrent.futures.Future.exception(future, 0)
        if error is not None:
            made.set_exception(error)
        else:
            made.set_result(concurrent.futures.Future.result(future, 0))

    future.run_now = run_now
    return made


ASKED = Waiting()
_run, _gather = asyncio.run, asyncio.gather


def run(main, *, debug=None, loop_factory=None):
    """asyncio.run; inside a running loop (a block with a top-level await) a nested loop."""
    running = asyncio._get_running_loop()
    if running is None:
        return _run(main, loop_factory=Loop)
    asyncio._set_running_loop(None)
    try:
        return _run(main, loop_factory=Loop)
    finally:
        asyncio._set_running_loop(running)


def gather(*tasks, return_exceptions=False):
    """asyncio.gather; coroutines that call llm_query without await are looked into ahead."""
    prefetch([made for task in tasks for made in coroutine_ahead(task)])
    return _gather(*tasks, return_exceptions=return_exceptions)


def coroutine_ahead(task):
    """The calls that a coroutine not started yet will make without awaiting: it is made again from
    its function's code and arguments, and that copy is run."""
    if not inspect.iscoroutine(task) or inspect.getcoroutinestate(task) != inspect.CORO_CREATED:
        return []
    code, values = task.cr_code, task.cr_frame.f_locals
    if "llm_query" not in code.co_names:
        return []
    try:
        cells = tuple(types.CellType(values[name]) for name in code.co_freevars)
        copy = types.FunctionType(code, task.cr_frame.f_globals, code.co_name, None, cells)
        count = code.co_argcount
        args = [values[name] for name in code.co_varnames[:count]]
        names = code.co_varnames[count:count + code.co_kwonlyargcount]
        if code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS):
            return []
        return looked_ahead(copy, args, {name: values[name] for name in names})
    except KeyError:
        return []


def awaited(made, frame):
    """For `await llm_query(...)`: a future of the running loop; None when it is not awaited."""
    if asyncio._get_running_loop() is None:
        return None
    at = frame.f_lasti
    code = frame.f_code
    following = [step for step in dis.get_instructions(code) if step.offset > at]
    following = [step for step in following if step.opname != "CACHE"]
    if not following or following[0].opname != "GET_AWAITABLE":
        return None
    if LOOK["recording"] is not None:
        raise Needed
    return ASKED.add(made)


async def allm_query(prompt, model=None, **_ignored):
    """await allm_query(prompt): as llm_query; those of one gather are one batch."""
    if LOOK["recording"] is not None:
        raise Needed
    return await ASKED.add(calls.call(prompt, model))


async def to_thread(func, /, *args, **kwargs):
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(None, lambda: func(*args, **kwargs)
                                      if kwargs else func(*args))


def install():
    calls.LOOK["await"] = awaited
    for name, kind in (("thread", "ThreadPoolExecutor"), ("process", "ProcessPoolExecutor")):
        module = types.ModuleType(f"concurrent.futures.{name}")
        setattr(module, kind, Executor)
        sys.modules[module.__name__] = module
        setattr(concurrent.futures, kind, Executor)
        setattr(concurrent.futures, name, module)
    concurrent.futures.as_completed, concurrent.futures.wait = as_completed, wait
    thread = threading.Thread
    threading.Event.wait, queue.Queue.get, time.sleep = wait_event, get, sleep
    thread.start, thread.join, thread.is_alive = start, join, is_alive
    asyncio.run, asyncio.gather, asyncio.to_thread = run, gather, to_thread
    asyncio.new_event_loop = asyncio.events.new_event_loop = Loop


def reset():
    """Before and after a block: nothing waits, no reply is kept ahead."""
    WAITING.clear()
    AHEAD.clear()
    ASKED.calls.clear()
    LOOK["recording"] = None


install()
