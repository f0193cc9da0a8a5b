"""Functions that compiled functions call are compiled into their callers, once.

By itself numba makes a library of every function that a compiled one calls: it is optimized, gets machine
code and two wrappers for callers from outside, is then inlined in its caller and optimized again there,
level after level. Here a function that is compiled because another one calls it stays LLVM code as
numba writes it. The outermost one, called from Python, links all of them, and is optimized and turned into
machine code once: the same results in less than half the time.

What is compiled for a caller and what is called from Python are kept apart, so that machine code never
depends on what was called, compiled or cached before.
"""

import weakref
from typing import Any

from llvmlite import binding as ll
from numba.core import codegen, cpu, typed_passes
from numba.core.compiler import lookup_environment
from numba.core.compiler_lock import global_compiler_lock
from numba.core.dispatcher import Dispatcher
from numba.core.registry import CPUDispatcher
from numba.core.runtime import rtsys
from numba.core.sigutils import normalize_signature

from bocnn.simd.compiler.quicker_numba import no_garbage_collection

_LEVELS: list[Dispatcher] = []
"""Functions in compilation, the outermost, an `_Outermost`, first; changed under numba's lock."""


class CompiledFunction(CPUDispatcher):  # type: ignore[misc]
    """A compiled function; called from Python it is compiled as an outermost one, else into its caller."""

    def __init__(self, function: Any, options: dict[str, Any]) -> None:
        super().__init__(function, targetoptions=options)
        self.outermost = _Outermost(function, targetoptions=options)

    def enable_caching(self) -> None:
        """Keep machine code on disk; what is compiled into callers is kept with theirs."""
        self.outermost.enable_caching()

    def compile(self, sig: Any) -> Any:
        """Compile for a signature: into a caller where one is being compiled, else for Python."""
        with global_compiler_lock:
            if _LEVELS:
                return super().compile(sig)
            entry = self.outermost.compile(sig)
            argument_types, _ = normalize_signature(sig)
            self._insert([kind._code for kind in argument_types], entry, False)
            return entry


class _Outermost(CPUDispatcher):  # type: ignore[misc]
    """The same function as Python calls it."""


_UNCOUNTED = """
define linkonce_odr void @NRT_incref(ptr %0) alwaysinline { ret void }
define linkonce_odr void @NRT_decref(ptr %0) alwaysinline { ret void }
"""


def intermediate_code(function: CompiledFunction, argument_types: Any, name: str) -> bytes:
    """LLVM code (bitcode) of a function and of all that it calls, as numba writes it.

    It counts no references: whoever calls it keeps all arrays that it reads.

    Args:
        function: compiled for nobody yet.
        argument_types: numba's.
        name: that the function is given; the others keep numba's.
    """
    with global_compiler_lock:
        _LEVELS.append(function.outermost)
        try:
            function.compile(tuple(argument_types))
        finally:
            _LEVELS.pop()
        made = function.overloads[tuple(argument_types)]
        made.library._ensure_finalized()
        module = made.library._final_module.clone()
        for library in _all_below(made.library):
            if library is not rtsys.library:
                module.link_in(library._get_module_for_linking(), preserve=True)
        module.link_in(ll.parse_assembly(_UNCOUNTED))
        module.get_function(made.fndesc.llvm_func_name).name = name
        return bytes(module.as_bitcode())


def _is_inner() -> bool:
    """Whether the function in compilation is compiled into a caller."""
    return len(_LEVELS) > 1


def _not_callable(*_: Any) -> None:
    raise AssertionError("compiled into its callers, without machine code of its own")


_compile = Dispatcher.compile
_add_overload = Dispatcher.add_overload
_run_pass = typed_passes.BaseNativeLowering.run_pass
_optimize_functions = codegen.CPUCodeLibrary._optimize_functions
_finalize_library = codegen.CPUCodeLibrary.finalize
_get_executable = cpu.CPUContext.get_executable


def _compile_counted(self: Any, sig: Any) -> Any:
    with global_compiler_lock:
        if not _LEVELS and not isinstance(self, _Outermost):
            return _compile(self, sig)
        _LEVELS.append(self)
        try:
            with no_garbage_collection():
                return _compile(self, sig)
        finally:
            _LEVELS.pop()


def _add_overload_unless_inner(self: Any, result: Any) -> None:
    if _is_inner():
        self.overloads[tuple(result.signature.args)] = result
    else:
        _add_overload(self, result)


def _lower(self: Any, state: Any) -> Any:
    if not _is_inner():
        return _run_pass(self, state)
    state.flags.no_cpython_wrapper = state.flags.no_cfunc_wrapper = True
    mutated = _run_pass(self, state)
    state.library.is_inner = True  # it is finalized later, while its caller is compiled
    return mutated


def _optimize_functions_unless_inner(self: Any, module: Any) -> None:
    if _is_inner():
        module.data_layout = self._codegen._data_layout
    else:
        _optimize_functions(self, module)


def _finalize(self: Any) -> None:
    """Finish a library: an inner one stays as it is, an outermost one links all inner ones below it."""
    if hasattr(self, "is_inner"):
        self._raise_if_finalized()
        self._finalize_dynamic_globals()
        self._final_module.__library = weakref.proxy(self)
        self._finalized = True
        return
    self._linking_libraries = _all_below(self)
    _finalize_library(self)


def _all_below(library: Any) -> list[Any]:
    """The libraries that a library links, and those that inner ones of them link."""
    pending, linked = list(library._linking_libraries), {}
    while pending:
        below = pending.pop()
        if below not in linked:
            linked[below] = True
            if hasattr(below, "is_inner"):
                pending.extend(below._linking_libraries)
    return list(linked)


def _executable(self: Any, library: Any, description: Any, environment: Any) -> Any:
    """Machine code of an outermost function, and the environments of all that was compiled into it."""
    if _is_inner():
        return lambda *arguments: _not_callable(*arguments)
    function = _get_executable(self, library, description, environment)
    if _LEVELS:
        for variable in library._final_module.global_variables:
            inner = lookup_environment(variable.name)
            if inner is not None:
                library.codegen.set_env(variable.name, inner)
    return function


for _owner, _name, _function in (
    (Dispatcher, "compile", _compile_counted),
    (Dispatcher, "add_overload", _add_overload_unless_inner),
    (typed_passes.BaseNativeLowering, "run_pass", _lower),
    (codegen.CPUCodeLibrary, "_optimize_functions", _optimize_functions_unless_inner),
    (codegen.CPUCodeLibrary, "finalize", _finalize),
    (cpu.CPUContext, "get_executable", _executable),
):
    setattr(_owner, _name, _function)
