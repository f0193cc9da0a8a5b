"""The shipped sweeps, by name."""

from importlib.resources import files
from pathlib import Path

from sweeps.declare.file.sweep_file import read_text
from sweeps.errors import SweepError, nearest, shown

_LONGEST_PATH = 4000
_FOLDER = files("sweeps") / "presets"


def preset_names() -> list[str]:
    """Names of the shipped sweeps, sorted."""
    return sorted(item.name[:-5] for item in _FOLDER.iterdir() if item.name.endswith(".yaml"))


def find(sweep: str) -> tuple[str, str]:
    """The text of a sweep and what to call it: a shipped one by its name, else a file.

    Raises:
        SweepError: neither a shipped sweep nor a file.
    """
    if sweep in preset_names():
        return (_FOLDER / f"{sweep}.yaml").read_text(encoding="utf-8"), sweep
    if len(sweep) > _LONGEST_PATH or not Path(sweep).is_file():
        raise SweepError(
            f"{shown(sweep)} is neither a file nor a shipped sweep; shipped: {', '.join(preset_names())}"
            f"{nearest(sweep, preset_names())}"
        )
    return read_text(Path(sweep)), sweep
