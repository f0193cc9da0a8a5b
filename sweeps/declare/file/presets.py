"""The shipped sweeps, by name: each is in the folder of the paper that it repeats or extends."""

from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from sweeps.declare.file.sweep_file import read_text
from sweeps.errors import SweepError, nearest, shown

_LONGEST_PATH = 4000
_FOLDER = files("sweeps") / "presets"


@cache
def preset_files() -> dict[str, Traversable]:
    """The file of each shipped sweep by its name, sorted."""
    files = [item for folder in _FOLDER.iterdir() for item in folder.iterdir()]
    named = sorted((file.name.removesuffix(".yaml"), file) for file in files)
    assert len(dict(named)) == len(named), "two shipped sweeps of one name"
    return dict(named)


def preset_names() -> list[str]:
    """Names of the shipped sweeps, sorted."""
    return list(preset_files())


def find(sweep: str) -> tuple[str, str]:
    """The text of a sweep and what to call it: a shipped one by its name, else a file.

    Raises:
        SweepError: neither a shipped sweep nor a file.
    """
    if sweep in preset_names():
        return preset_files()[sweep].read_text(encoding="utf-8"), sweep
    if len(sweep) > _LONGEST_PATH or not Path(sweep).is_file():
        raise SweepError(
            f"{shown(sweep)} is neither a file nor a shipped sweep; shipped: {', '.join(preset_names())}"
            f"{nearest(sweep, preset_names())}"
        )
    return read_text(Path(sweep)), sweep
