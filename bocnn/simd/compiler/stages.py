"""Stages: machine code of a function and all that it calls, called by an address.

A compiled function calls a stage without taking its code in: a stage that several of them call is optimized
once. What a stage reads is a table (`bocnn.simd.compiler.tables`) and whole numbers, so that its code
depends on nothing of its callers.
"""

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import binding as llvm
from numba import typeof, types
from numba.core import cgutils
from numba.core.compiler_lock import global_compiler_lock
from numba.core.serialize import _numba_unpickle
from numba.extending import intrinsic

from bocnn.simd.compiler.machine_code import address_of, llvm_code
from bocnn.simd.compiler.nested import CompiledFunction
from bocnn.simd.compiler.tables import TABLE, reader_of, table_of

Callee = tuple["Stage", Any]
"""A stage that another one calls, and the record that it reads."""


class Stage:
    """A function of a record and of whole numbers that returns a whole number, compiled by itself."""

    def __init__(self, function: Callable[..., Any], numbers: int) -> None:
        """A stage, not compiled yet.

        Args:
            function: compiled; of a record, the record's table if `numbers` is 0, and of whole numbers.
            numbers: how many.
        """
        self.function, self.numbers = function, numbers
        self.name = f"bocnn_{getattr(function, '__name__', '').strip('_')}"
        self._loaded: dict[str, Any] = {}
        self.call = _call_of(self.name, numbers)
        """For compiled code: the stage on a table and whole numbers."""

    def prepare(self, record: Any, callees: Sequence[Callee] = ()) -> tuple[Any, Any]:
        """Its machine code for records of a type, and this record's table.

        Args:
            record: nested tuples of arrays and numbers.
            callees: stages that it calls; compiled before it.
        Returns:
            The machine code, called with the table's address and the whole numbers; and the table.
        """
        table, layout = table_of(record)
        found = self._loaded.get(layout)
        if found is None:
            with global_compiler_lock:
                for stage, own in callees:
                    stage.prepare(own)
                found = self._loaded.get(layout) or self._load(record, layout)
        return found, table

    def llvm_code(self, record: Any) -> tuple[tuple[str, str], bytes]:
        """Its LLVM code from numba for records of a type.

        Args:
            record: one of them.
        Returns:
            The stage's name and the record's layout; bitcode.
        """
        return (self.name, table_of(record)[1]), llvm_code(self.name, self._entry(record))

    def _load(self, record: Any, layout: str) -> Any:
        """Its machine code for records of a type, from the cache or compiled."""
        address = address_of(self.name, layout, lambda: self._entry(record))
        if self.numbers > 0:  # others may call it
            assert not self._loaded, "a stage that others call reads records of one type"
            llvm.add_symbol(self.name, address)
        kind = ctypes.CFUNCTYPE(
            ctypes.c_int32, *2 * [ctypes.c_void_p], *(1 + self.numbers) * [ctypes.c_int64]
        )
        return self._loaded.setdefault(layout, kind(address))

    def _entry(self, record: Any) -> tuple[CompiledFunction, tuple[Any, ...]]:
        """The function that machine code is made of, and the types of its arguments."""
        return _entry_of(self.function, reader_of(typeof(record)), self.numbers), (
            TABLE,
            *self.numbers * [types.int64],
        )


def run(code: Any, table: Any, *numbers: int) -> int:
    """Call a stage from Python, without Python's lock.

    Args:
        code: of the stage, from `Stage.prepare`.
        table: that it reads.
        numbers: further arguments.
    Returns:
        The stage's own result.
    Raises:
        Exception: what compiled code raised.
    """
    returned, raised = ctypes.c_int64(), ctypes.c_void_p()
    status = code(ctypes.addressof(returned), ctypes.addressof(raised), table.ctypes.data, *numbers)
    if status != 0:
        raise _exception(raised.value)
    return returned.value


class _Raised(ctypes.Structure):
    """numba's record of an exception: a pickle of its class and arguments."""

    _fields_ = (("pickled", ctypes.c_void_p), ("size", ctypes.c_int32))


def _exception(address: int | None) -> BaseException:
    """The exception that compiled code raised."""
    assert address is not None
    raised = _Raised.from_address(address)
    pickled = ctypes.string_at(raised.pickled, raised.size)
    kind, arguments, _ = _numba_unpickle(address, pickled, None)
    made = kind(*(arguments or ()))
    assert isinstance(made, BaseException)
    return made


def _entry_of(function: Any, read: Any, numbers: int) -> CompiledFunction:
    """The function on a table."""

    def alone(table):  # type: ignore[no-untyped-def]
        return function(read(table), table)

    def with_two(table, first, second):  # type: ignore[no-untyped-def]
        return function(read(table), first, second)

    def with_four(table, first, second, third, fourth):  # type: ignore[no-untyped-def]
        return function(read(table), first, second, third, fourth)

    entry = {0: alone, 2: with_two, 4: with_four}[numbers]
    return CompiledFunction(entry, {"nopython": True, "_nrt": False})


def _call_of(name: str, numbers: int) -> Any:
    """An intrinsic that calls a stage by its name; what it raises, the caller raises."""

    @intrinsic
    def call(_context: Any, _table: Any, _numbers: Any) -> Any:
        """The type of the call, and what generates it."""
        kinds = (TABLE, *numbers * [types.int64])

        def generate(context: Any, builder: Any, sign: Any, args: Any) -> Any:
            """LLVM code of the call."""
            given = [args[0]]
            for i, kind in enumerate(sign.args[1].types):
                number = builder.extract_value(args[1], i)
                given.append(context.cast(builder, number, kind, types.int64))
            form = context.call_conv.get_function_type(types.int64, kinds)
            callee = cgutils.get_or_insert_function(builder.module, form, name)
            status, result = context.call_conv.call_function(
                builder, callee, types.int64, kinds, given
            )
            with cgutils.if_unlikely(builder, status.is_error):
                context.call_conv.return_status_propagate(builder, status)
            return result

        return types.int64(TABLE, _numbers), generate

    return call
