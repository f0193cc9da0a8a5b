"""Triton's interpreter in less time: it looks through the whole language at every call of a function.

It replaces what a kernel's language consists of by what interprets it, once more for each function that the
kernel calls. Once a kernel is enough: that takes a quarter of its time.
"""

import inspect
from typing import Any

import triton.language as tl
from triton.runtime import interpreter


def patch_once_a_kernel() -> None:
    """From now on the interpreter looks through a language when a kernel first uses it."""
    patch, execute = interpreter._patch_lang, interpreter.GridExecutor.__call__
    patched: set[str] = set()

    def patch_new(function: Any) -> Any:
        used = {
            value.__name__
            for value in function.__globals__.values()
            if inspect.ismodule(value) and value in (tl, tl.core)
        }
        if used and used <= patched:
            return interpreter._LangPatchScope()
        patched.update(used)
        return patch(function)

    def execute_anew(executor: Any, *arguments: Any, **named: Any) -> Any:
        patched.clear()
        return execute(executor, *arguments, **named)

    interpreter._patch_lang = patch_new
    interpreter.GridExecutor.__call__ = execute_anew
