"""Compiled functions, cached on disk for as long as no line changes that compiled code may come from.

numba's own cache looks at the file of a function alone: after a change in another file it would go on
running the old callee, which is compiled into the caller. So the cache is a folder that is named
by a digest of the sources, without packages that hold no compiled code and that none of it imports.
"""

import logging
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

from bocnn.simd.compiler.nested import CompiledFunction

Function = TypeVar("Function", bound=Callable[..., Any])

_LOG = logging.getLogger(__name__)

PACKAGE = Path(sys.modules["bocnn"].__file__ or "").parent
"""The whole package, whichever of its folders this file is in."""


UNCOMPILED = (
    *("engines/gpu", "engines/dense", "engines/cpu/engine.py", "engines/coordinates/engine.py"),
    *(f"engines/{name}.py" for name in ("availability", "packing", "protocol", "registry", "ship")),
    *("engines/__init__.py", "models/cnn", "theory", "notebook"),
    *(
        "models/images",
        "models/kernel",
        "models/proportional",
        "models/tangent",
        "models/base.py",
        "models/limit/columns.py",
        "models/limit/model.py",
        *(f"models/deep/{name}.py" for name in ("columns", "measuring", "model", "start")),
    ),
    *("__init__.py", "models/__init__.py"),
)
"""Packages and files after the CPU's engine: none of its code comes from there."""

_KEPT = 3
"""Caches of former states of the code that stay, for the user who goes back to one."""


def sources() -> list[Path]:
    """The files that compiled code may come from."""
    files = (path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))
    return [
        PACKAGE / path for path in sorted(files) if not any(map(path.is_relative_to, UNCOMPILED))
    ]


def _digest() -> str:
    text = b"".join(path.read_bytes() for path in sources())
    return blake2b(text, digest_size=8).hexdigest()


def _remove_old(folder: Path) -> None:
    """Remove the caches of former states of the code but the latest few; what runs has loaded its own."""
    with suppress(OSError):
        os.utime(folder)
        others = [path for path in folder.parent.glob("compiled-*") if path != folder]
        for path in sorted(others, key=lambda path: path.stat().st_mtime)[:-_KEPT]:
            shutil.rmtree(path, ignore_errors=True)


def _cache_folder() -> str | None:
    """The first that can be written: `__pycache__` of the package, the user's cache, a temporary folder.

    What is loaded from it is run, so that a temporary one must be closed to other users. None where
    nothing can be written: then each process compiles for itself.
    """
    name = f"compiled-{_digest()}"
    usual = [PACKAGE / "__pycache__"]
    with suppress(RuntimeError):  # no HOME, and no entry of this user either
        usual.append(Path.home() / ".cache" / "bocnn")
    for folder in usual:
        if _takes_files(folder / name):
            return str(folder / name)
    temporary = _temporary_folder()
    _LOG.warning(
        "warning: neither %s can be written: compiled code is kept in %s",
        " nor ".join(map(str, usual)),
        temporary or "memory, and compiled anew by every process",
    )
    return str(temporary / name) if temporary else None


def _takes_files(folder: Path) -> bool:
    """Whether a folder is there, or can be made, and written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _temporary_folder() -> Path | None:
    """A temporary folder that this user alone can enter, the same for all of the user's processes."""
    with suppress(OSError):
        shared = Path(tempfile.gettempdir()) / f"bocnn-{os.geteuid()}"
        shared.mkdir(mode=0o700, exist_ok=True)
        found = shared.lstat()
        if (
            stat.S_ISDIR(found.st_mode)
            and found.st_uid == os.geteuid()
            and not found.st_mode & 0o077
        ):
            return shared
        return Path(tempfile.mkdtemp(prefix="bocnn-"))
    return None


CACHE_FOLDER = _cache_folder()
"""Where compiled code is kept; None where nothing can be written."""

if CACHE_FOLDER is not None:
    _remove_old(Path(CACHE_FOLDER))


_ARITHMETIC = {"fastmath": False, "error_model": "python", "forceinline": False}
"""What numba lets a function take over from the first caller that it is compiled for, unless it is said."""


def compiled(**options: Any) -> Callable[[Function], Function]:
    """Decorator: compile a function for the processor it runs on, and cache the result.

    Args:
        options: of numba.njit, such as fastmath; what is not said is numba's default, whoever calls.
    """

    def decorate(function: Function) -> Function:
        """The compiled function."""
        made = CompiledFunction(function, {"nopython": True, **_ARITHMETIC, **options})
        if CACHE_FOLDER is not None:
            elsewhere = numba.config.CACHE_DIR
            numba.config.CACHE_DIR = CACHE_FOLDER
            try:
                made.enable_caching()
            finally:
                numba.config.CACHE_DIR = elsewhere
        return cast(Function, made)

    return decorate
