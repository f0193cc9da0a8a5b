"""Errors of a sweep or a dataset: what was received, what was expected, and the remedy."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.util import find_spec
from reprlib import Repr

Path = tuple[str | int, ...]

_REPR = Repr()
_REPR.maxstring = _REPR.maxother = _REPR.maxlong = 120
_REPR.maxlevel = _REPR.maxlist = _REPR.maxdict = 8


class SweepError(Exception):
    """An error of the user's: its text says what was received, what was expected and the remedy."""


class UnwritableError(SweepError):
    """The output folder takes no file, and will take none by itself: no shard could be published."""


@dataclass(frozen=True, slots=True)
class FileError:
    """One error of a sweep file: where (keys from the top) and what."""

    path: Path
    text: str


class SweepFileError(SweepError):
    """Every error of a sweep at once, each with its key, and its line where the sweep is a file."""

    def __init__(
        self, source: str, errors: Iterable[FileError], lines: Mapping[Path, int] | None
    ) -> None:
        self.errors = tuple(errors)
        found = self.errors
        if lines is not None:
            found = tuple(sorted(found, key=lambda file_error: _line(file_error.path, lines)))
        listed = [f"  {_location(source, one.path, lines)}: {one.text}" for one in found]
        count = f"{len(listed)} error{'s' * (len(listed) != 1)} in {source}; nothing was started"
        super().__init__("\n".join([count, *listed]))


def shown(value: object) -> str:
    """A received value for a message, long ones with their middle left out."""
    return _REPR.repr(value)


def listed(values: Sequence[object], most: int = 8) -> str:
    """Received values for a message, in order; of many the first, and how many more there are.

    Args:
        values: any.
        most: number of values that are written out.
    """
    more = f" and {len(values) - most:,} more" if len(values) > most else ""
    return ", ".join(shown(value) for value in values[:most]) + more


def nearest(word: str, valid: Iterable[str]) -> str:
    """The end of a message, "; did you mean 'x'?", or nothing where no valid word is near.

    Args:
        word: received.
        valid: words that are known.
    """
    close = get_close_matches(word, list(valid), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _location(source: str, path: Path, lines: Mapping[Path, int] | None) -> str:
    """Where an error is: file, line and key, or for a sweep made in Python its key."""
    key = ".".join(map(str, path))
    if lines is None:
        return key or "sweep"
    return f"{source}:{_line(path, lines)}: {key or 'file'}"


def _line(path: Path, lines: Mapping[Path, int]) -> int:
    """The line of a path, or of its nearest parent that is in the file."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)


def require(package: str, extra: str, *, otherwise: str = "") -> None:
    """Check that an optional package is installed, without importing it.

    Args:
        package: its name, as it is imported.
        extra: the extra of bocnn that brings it.
        otherwise: what to do without it, for the message.
    Raises:
        SweepError: it is not installed.
    """
    if find_spec(package) is None:
        alternative = f", or {otherwise}" if otherwise else ""
        raise SweepError(
            f"{package} is not installed: pip install 'bocnn[{extra}]'{alternative}; nothing was started"
        )
