"""Model calls: one, a batch, or a child job. All of them are one request to the host.

A call that fails alone raises; in a batch its place holds an `LMError`, a text that says why and
that counts as an error for who asks (`isinstance(x, LMError)`, `x.error`). No batch is lost.
"""

import sys

from wire import CONFIG, ask, clean


class LMError(str):
    """The place of a failed call in a batch."""

    __slots__ = ("error",)

    def __new__(cls, error):
        text = str.__new__(cls, f"[error: {error}]")
        text.error = error
        return text

    def __bool__(self):
        return False


# Set by together.py: replies fetched ahead, and what is collected while looking ahead.
AHEAD = {}
LOOK = {"recording": None, "await": None}


class Needed(BaseException):
    """Ends a look ahead at its first model call."""


def prompt_text(prompt):
    """Chat messages and other values as one text; a text as it is."""
    if type(prompt) is str:
        return clean(prompt)
    if isinstance(prompt, dict) and "content" in prompt:
        prompt = [prompt]
    if isinstance(prompt, (list, tuple)) and prompt and all(
        isinstance(m, dict) and "content" in m for m in prompt
    ):
        return clean("\n\n".join(str(m["content"]) for m in prompt))
    return clean(str(prompt))


def call(prompt, model=None, kind="query", **more):
    made = {"kind": kind, "prompt": prompt_text(prompt)}
    if model is not None:
        made["model"] = str(model)
    made.update({key: value for key, value in more.items() if value is not None})
    return made


def send(calls):
    """One batch: a list of ("Ok" or "Err", text), as long as `calls`."""
    if not calls:
        return []
    before_call()
    return [next(iter(result.items())) for result in ask("lm", calls)]


def before_call():
    """blocks.py puts the printed text out here, so that a stopped block does not lose it."""


def guard(name, items):
    limit = CONFIG.get("bulk_items")
    if limit is not None and len(items) > limit:
        over = ' over rows, e.g. sum(r["key"] == ... for r in rows)' if CONFIG.get("rows") else ""
        raise ValueError(
            f"{name}() got {len(items)} items, the limit is {limit}. "
            f"Count or filter with plain Python{over}"
        )


def key_of(made):
    return (made["kind"], made["prompt"], made.get("system"), made.get("model"),
            made.get("context"))


def single(made):
    kept = AHEAD.get(key_of(made))
    if kept:
        status, text = kept.pop(0)
    elif LOOK["recording"] is not None:
        LOOK["recording"].append(made)
        raise Needed
    else:
        [(status, text)] = send([made])
    if status == "Err":
        raise RuntimeError(text)
    return text


def batch(name, made):
    guard(name, made)
    if LOOK["recording"] is not None:
        raise Needed
    return [text if status == "Ok" else LMError(text) for status, text in send(made)]


def listed(name, prompts):
    if isinstance(prompts, str):
        raise TypeError(f"{name}() takes a list of prompts, not one text")
    return list(prompts)


def llm_query(prompt, model=None, **_ignored):
    """llm_query(prompt, model=None) -> str: asks a model; it sees the prompt and nothing else."""
    made = call(prompt, model)
    if LOOK["await"] is not None and sys._getframe(1).f_code.co_flags & 0x280:
        later = LOOK["await"](made, sys._getframe(1))
        if later is not None:
            return later
    return single(made)


def llm_query_batched(prompts, model=None, **_ignored):
    """llm_query_batched(prompts, model=None) -> list of str: asks all at once, same order."""
    prompts = listed("llm_query_batched", prompts)
    return batch("llm_query_batched", [call(prompt, model) for prompt in prompts])


def child(prompt, context, model):
    if not CONFIG.get("depth_left"):
        if context is not None:
            prompt = f"{prompt_text(prompt)}\n\n{prompt_text(context)}"
        return call(prompt, model)
    context = None if context is None else prompt_text(context)
    return call(prompt, model, kind="recursive", context=context)


def rlm_query(prompt, context=None, model=None, **_ignored):
    """rlm_query(prompt, context=None, model=None) -> str: a child with its own REPL works on it."""
    return single(child(prompt, context, model))


def rlm_query_batched(prompts, contexts=None, model=None, **_ignored):
    """rlm_query_batched(prompts, contexts=None, model=None) -> list of str, same order."""
    prompts = listed("rlm_query_batched", prompts)
    if contexts is None or isinstance(contexts, str):
        contexts = [contexts] * len(prompts)
    if len(contexts) != len(prompts):
        raise ValueError(f"{len(prompts)} prompts but {len(contexts)} contexts")
    made = [child(p, c, model) for p, c in zip(prompts, contexts)]
    return batch("rlm_query_batched", made)
