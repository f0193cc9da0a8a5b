"""Which code computes: a digest of the sources, and versions of the libraries that decide a run's numbers.

The version of the package alone does not tell two states of its sources apart.
"""

from functools import cache
from hashlib import blake2b
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from sweeps.models.protocol import Model

LIBRARIES = ("numba", "llvmlite", "numpy", "scipy")


class Code(NamedTuple):
    """The code of one process: top-level packages, a digest of their sources, versions by name."""

    packages: tuple[str, ...]
    digest: str
    versions: tuple[tuple[str, str], ...]

    def stated(self) -> dict[str, str]:
        """As a file's metadata states it."""
        return {"code_digest": self.digest, **dict(self.versions)}

    def differences(self, other: "Code") -> str:
        """Where two differ, this one's value first: "numpy 2.1 and 2.2"."""
        mine, theirs = self.stated(), other.stated()
        return ", ".join(
            f"{name} {mine.get(name, 'absent')} and {theirs.get(name, 'absent')}"
            for name in mine | theirs
            if mine.get(name) != theirs.get(name)
        )


def code_of(model: Model) -> Code:
    """The code that trains a model's runs: the package that the model is of, and this one."""
    return code_in(tuple(sorted({"sweeps", type(model).__module__.partition(".")[0]})))


@cache
def code_in(packages: tuple[str, ...]) -> Code:
    """The code of top-level packages, as this process finds them."""
    versions = {"code_version": _version("bocnn")} | {name: _version(name) for name in LIBRARIES}
    return Code(packages, source_digest(packages), tuple(versions.items()))


def source_digest(packages: tuple[str, ...]) -> str:
    """A short digest of every Python file of top-level packages, in whatever folder they are installed."""
    total = blake2b(digest_size=8)
    for package in packages:
        for name, path in _sources(package):
            text = path.read_bytes()
            total.update(f"{package}/{name}:{len(text)};".encode() + text)
    return total.hexdigest()


def _sources(package: str) -> list[tuple[str, Path]]:
    """A package's files, by their names within it; none of a program's own file."""
    spec = None if package == "__main__" else find_spec(package)
    if spec is None:
        return []
    if spec.submodule_search_locations is None:
        return [(package, Path(spec.origin))] if spec.origin else []
    # A package without __init__ is found once for each time that its parent is on the path.
    folders = dict.fromkeys(Path(folder).resolve() for folder in spec.submodule_search_locations)
    return [
        (path.relative_to(folder).as_posix(), path)
        for folder in folders
        for path in sorted(folder.rglob("*.py"))
    ]


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "absent"
