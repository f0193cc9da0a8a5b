"""Compiled functions, cached on disk for as long as no line of the package changes.

numba's own cache looks at the file of a function alone: after a change in another file it would go on
running the old callee, which is compiled into the caller. So the cache lies in a folder that is named
by a digest of all the package's sources.
"""

import os
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

from bocnn.nested import Compiled

Function = TypeVar("Function", bound=Callable[..., Any])

_PACKAGE = Path(__file__).parent


def _cache_folder() -> str:
    """`__pycache__` of the package, or of the user where the package cannot be written."""
    sources = b"".join(path.read_bytes() for path in sorted(_PACKAGE.rglob("*.py")))
    name = f"compiled-{blake2b(sources, digest_size=8).hexdigest()}"
    if os.access(_PACKAGE, os.W_OK):
        return str(_PACKAGE / "__pycache__" / name)
    return str(Path.home() / ".cache" / "bocnn" / name)


_FOLDER = _cache_folder()


def compiled(**options: Any) -> Callable[[Function], Function]:
    """Decorator: compile a function for the processor it runs on, and cache the result.

    Args:
        options: of numba.njit, such as fastmath.
    """

    def decorate(function: Function) -> Function:
        elsewhere = numba.config.CACHE_DIR
        numba.config.CACHE_DIR = _FOLDER
        try:
            made = Compiled(function, {"nopython": True, **options})
            made.enable_caching()
            return cast(Function, made)
        finally:
            numba.config.CACHE_DIR = elsewhere

    return decorate
