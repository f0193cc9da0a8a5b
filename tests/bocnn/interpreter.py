"""Triton's interpreter in less time, with the same numbers.

| what it does at every operation | here |
|---|---|
| look through a kernel's language at each call of a function, to replace it | once a kernel |
| make the type of a block anew, its extents checked and its name written | once a type and shape |
| compute whole numbers in 64 bits too, for a check that it leaves out unless asked to debug | left out |
| ten rounds of Philox, one block after the other | in numpy |
"""

import inspect
from dataclasses import replace
from functools import cache
from math import prod
from typing import Any

import numpy as np
import triton.language as tl
from triton.language import random, semantic
from triton.runtime import interpreter

KEYS, ROUNDS = (0x9E3779B9, 0xBB67AE85), (0xD2511F53, 0xCD9E8D57)
"""Of Philox 4x32 (Salmon et al. 2011): what its keys are raised by, and its factors."""


def quicken() -> None:
    """From now on the interpreter is quick."""
    _patch_once_a_kernel()
    _make_each_type_once()
    options = interpreter.interpreter_builder.options
    assert not options.debug
    interpreter.interpreter_builder.options = replace(options, sanitize_overflow=False)
    random.philox_impl.rewritten_fn[random.philox_impl.fn] = _philox


def _patch_once_a_kernel() -> None:
    """Look through a language when a kernel first uses it."""
    patch, execute = interpreter._patch_lang, interpreter.GridExecutor.__call__
    patched: set[str] = set()

    @cache
    def languages(function: Any) -> set[str]:
        return {
            value.__name__
            for value in function.__globals__.values()
            if inspect.ismodule(value) and value in (tl, tl.core)
        }

    def patch_new(function: Any) -> Any:
        used = languages(function)
        if used and used <= patched:
            return interpreter._LangPatchScope()
        patched.update(used)
        return patch(function)

    def execute_anew(executor: Any, *arguments: Any, **named: Any) -> Any:
        patched.clear()
        return execute(executor, *arguments, **named)

    interpreter._patch_lang = patch_new
    interpreter.GridExecutor.__call__ = execute_anew


def _make_each_type_once() -> None:
    """Keep what the types of blocks hold, and what a tensor takes from its type."""
    dtype_of, broadcast = interpreter._get_np_dtype, semantic.TritonSemantic.broadcast_impl_value
    make_type = tl.block_type.__init__
    types: dict[tuple[str, tuple[int, ...]], dict[str, Any]] = {}
    dtypes: dict[str, np.dtype[Any]] = {}
    parts: dict[str, tuple[Any, Any]] = {}

    def make_known_type(block: tl.block_type, element: tl.dtype, shape: Any) -> None:
        key = element.name, tuple(getattr(extent, "value", extent) for extent in shape)
        if key not in types:
            make_type(block, element, shape)
            types[key] = vars(block).copy()
        vars(block).update(types[key])

    def known_dtype(kind: tl.dtype) -> np.dtype[Any]:
        if kind.name not in dtypes:
            dtypes[kind.name] = dtype_of(kind)
        return dtypes[kind.name]

    def make_tensor(tensor: tl.tensor, handle: Any, kind: tl.dtype) -> None:
        tensor.handle, tensor.type, tensor.dtype = handle, kind, kind.scalar
        if kind.name not in parts:
            extents = kind.shape.values if kind.is_block() else []
            parts[kind.name] = (
                tl.constexpr(prod(extents)),
                tl.core.tuple([tl.constexpr(extent) for extent in extents]),
            )
        tensor.numel, tensor.shape = parts[kind.name]

    def broadcast_unlike(meaning: Any, left: tl.tensor, right: tl.tensor) -> Any:
        blocks = left.type.is_block(), right.type.is_block()
        if blocks == (False, False):
            return left, right
        if blocks == (True, True) and left.type.shape.values == right.type.shape.values:
            return left, right
        return broadcast(meaning, left, right)

    tl.block_type.__init__ = make_known_type
    tl.tensor.__init__ = make_tensor
    interpreter._get_np_dtype = known_dtype
    semantic.TritonSemantic.broadcast_impl_value = broadcast_unlike


def _philox(*given: Any, n_rounds: Any = random.N_ROUNDS_DEFAULT) -> Any:
    """Four counters and two keys of 32 bits after the rounds, as `triton.language.random` has them."""
    counters, keys = given[:4], given[4:6]
    assert all(each.dtype == tl.uint32 for each in (*counters, *keys))
    rounds = given[6] if len(given) > 6 else n_rounds
    c0, c1, c2, c3, k0, k1 = (each.handle.data.astype(np.uint64) for each in (*counters, *keys))
    low = np.uint64(0xFFFFFFFF)
    for _ in range(getattr(rounds, "value", rounds)):
        first, second = np.uint64(ROUNDS[0]) * c0, np.uint64(ROUNDS[1]) * c2
        c0, c2 = (second >> 32) ^ c1 ^ k0, (first >> 32) ^ c3 ^ k1
        c1, c3 = second & low, first & low
        k0, k1 = (k0 + np.uint64(KEYS[0])) & low, (k1 + np.uint64(KEYS[1])) & low
    data = (np.ascontiguousarray(each, np.uint32) for each in (c0, c1, c2, c3))
    return tuple(
        tl.tensor(interpreter.TensorHandle(each, tl.uint32), counters[0].type) for each in data
    )
