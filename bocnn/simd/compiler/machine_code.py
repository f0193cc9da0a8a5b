"""Machine code of stages: LLVM code of a function and all that it calls, optimized, kept on disk, loaded.

The LLVM code comes with the package where it was made of these very sources
(`bocnn.simd.compiler.shipped`), else from numba: it is the same, and numba takes most of the time that
compiling takes.
"""

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any

import llvmlite
import llvmlite.binding as ll
from filelock import FileLock
from numba.core import event
from numba.core.registry import cpu_target

from bocnn.simd.compiler.compiled import CACHE_FOLDER
from bocnn.simd.compiler.nested import CompiledFunction, intermediate_code
from bocnn.simd.compiler.shipped import shipped_code

Entry = tuple[CompiledFunction, Sequence[Any]]
"""A function and the types of its arguments."""

_ENGINES: list[Any] = []
"""LLVM engines that own machine code that was loaded."""


def address_of(name: str, layout: str, entry: Callable[[], Entry]) -> int:
    """Address of a function's machine code: from the cache, or compiled.

    Called under numba's lock.

    Args:
        name: of the stage.
        layout: of the record that it reads.
        entry: makes the function; called only where it is compiled.
    """
    codegen = cpu_target.target_context.codegen()
    cpu_target.target_context.refresh()
    made = "\n".join((layout, llvmlite.__version__, *codegen.magic_tuple()))
    file = _file(f"{name}-{blake2b(made.encode(), digest_size=8).hexdigest()}.o")
    code = _read(file)
    if code is None:
        with event.trigger_event("numba:compile", data={"dispatcher": name}), _only_one(file):
            code = _read(file)
            if code is None:
                code = _optimized(codegen, shipped_code(name, layout) or llvm_code(name, entry()))
                _write(file, code)
    return _load(name, code)


def _file(name: str) -> Path | None:
    return Path(CACHE_FOLDER) / name if CACHE_FOLDER is not None else None


def _read(file: Path | None) -> bytes | None:
    """What the cache holds."""
    return file.read_bytes() if file is not None and file.exists() else None


@contextmanager
def _only_one(file: Path | None) -> Iterator[None]:
    """For the one process that makes a file, while others wait for it; the system frees a dead one's.

    Waiting saves work alone: where nothing is kept, or no file can be locked, each process compiles.
    """
    with ExitStack() as held:
        if file is not None:
            with suppress(OSError):
                held.enter_context(FileLock(f"{file}.lock", fallback_to_soft=False))
        yield


def _write(file: Path | None, code: bytes) -> None:
    """Write a file whole or not at all, where there is a cache."""
    if file is None:
        return
    with tempfile.NamedTemporaryFile(dir=file.parent, delete=False) as part:
        part.write(code)
    os.replace(part.name, file)


def llvm_code(name: str, entry: Entry) -> bytes:
    """LLVM code of a stage from numba, for any processor: records in registers, nothing computed twice.

    It is a third in size of what numba writes. No pass is among these that rewrites arithmetic: after one,
    later ones sum loops in another order.

    Args:
        name: of the stage.
        entry: its function.
    Returns:
        Bitcode.
    """
    module = ll.parse_bitcode(intermediate_code(*entry, name))
    machine = ll.Target.from_triple(module.triple).create_target_machine()
    passes = ll.create_new_module_pass_manager()
    passes.add_sroa_pass()
    passes.add_new_gvn_pass()
    passes.add_aggressive_dce_pass()
    passes.add_simplify_cfg_pass()
    passes.add_global_dead_code_eliminate_pass()
    passes.add_strip_symbols_pass()
    passes.run(module, ll.create_pass_builder(machine, ll.PipelineTuningOptions(speed_level=0)))
    return bytes(module.as_bitcode())


def _optimized(codegen: Any, code: bytes) -> bytes:
    """An object file of LLVM code, by numba's passes."""
    module = ll.parse_bitcode(code)
    module.data_layout = codegen._data_layout
    cheap, its_tuning = codegen._module_pass_manager(
        loop_vectorize=codegen._loopvect,
        slp_vectorize=False,
        opt=codegen._opt_level,
        cost="cheap",
    )
    cheap.run(module, its_tuning)
    full, its_tuning = codegen._module_pass_manager()
    full.run(module, its_tuning)
    module.verify()
    return bytes(codegen._tm.emit_object(module))


def _load(name: str, code: bytes) -> int:
    """Load an object file; the address of its function."""
    machine = ll.Target.from_default_triple().create_target_machine(codemodel="jitdefault")
    engine = ll.create_mcjit_compiler(ll.parse_assembly(""), machine)
    engine.add_object_file(ll.ObjectFileRef.from_data(code))
    engine.finalize_object()
    address = int(engine.get_function_address(name))
    assert address, name
    _ENGINES.append(engine)
    return address
