"""An axis of a sweep: its values and the scale on which they are spaced."""

import math
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sweeps.errors import listed, shown

FORMS = (
    "expected a list of values, {lin: [first, last, count]}, {log: [first, last, count]} "
    "or {values: [...], scale: log}"
)
SCALES = ("lin", "log", "list")


@dataclass(frozen=True, slots=True)
class Axis:
    """Values of an axis in the order of the file, and their scale: lin, log or list.

    `spaced` values come from a range; a column of whole numbers may round them.
    """

    values: tuple[float | int | str | None, ...]
    scale: str
    spaced: bool = False

    @property
    def unread(self) -> bool:
        """Whether it replaces an axis that could not be read, so that its name is still known."""
        return not self.values


class AxisError(ValueError):
    """An axis that cannot be read; the text says what was received and expected."""


def read_axis(raw: Any) -> Axis:
    """An axis from its form in the file.

    Raises:
        AxisError: an unknown form, no values, a value twice, a bad range.
    """
    if isinstance(raw, list):
        return _checked(raw, "list")
    if isinstance(raw, dict) and set(raw) in ({"values"}, {"values", "scale"}):
        if not isinstance(raw["values"], list) or raw.get("scale", "list") not in SCALES:
            raise AxisError(f"received {shown(raw)}; {FORMS}")
        return _checked(raw["values"], raw.get("scale", "list"))
    if isinstance(raw, dict) and len(raw) == 1 and set(raw) <= {"lin", "log"}:
        scale, bounds = next(iter(raw.items()))
        return replace(_checked(_spaced(scale, bounds), scale), spaced=True)
    raise AxisError(f"received {shown(raw)}; {FORMS}")


def is_log(values: NDArray[np.float64], scale: str) -> bool:
    """Whether an axis lives on a log coordinate.

    Args:
        values: sorted axis values, shape (cells,).
        scale: "log", "lin", or "list": log where the ratios are more even than the differences.
    """
    if np.any(values <= 0) or scale == "lin":
        return False
    return scale == "log" or (len(values) > 2 and _spread(np.log(values)) < _spread(values))


def _spaced(scale: str, bounds: Any) -> list[float]:
    """Evenly spaced values (on scale log their logarithms), ends included, to twelve digits."""
    if not (isinstance(bounds, list) and len(bounds) == 3 and all(map(_is_number, bounds))):
        raise AxisError(f"received {scale}: {shown(bounds)}; expected [first, last, count]")
    first, last, count = float(bounds[0]), float(bounds[1]), bounds[2]
    if not isinstance(count, int) or not 1 <= count <= 1_000_000:
        raise AxisError(f"received a count of {count!r}; expected a whole number from 1 to 1000000")
    if scale == "log" and min(first, last) <= 0:
        raise AxisError(f"received log: {shown(bounds)}; a log range needs positive ends; use lin")
    with np.errstate(all="ignore"):  # a span beyond the floats is infinite, and refused as such
        inner = (np.linspace if scale == "lin" else np.geomspace)(first, last, count)
    if scale == "lin":
        inner[np.abs(inner) < 1e-14 * max(abs(first), abs(last))] = 0.0
    return [float(f"{value:.12g}") for value in inner]


def _checked(values: list[Any], scale: str) -> Axis:
    """The axis, if it has values, all plain and none twice."""
    if not values:
        raise AxisError("received no values; an axis needs at least one")
    wrong = [value for value in values if not is_plain(value)]
    if wrong:
        raise AxisError(f"received {listed(wrong)}; expected finite numbers, words or null")
    twice = [value for value, count in Counter(values).items() if count > 1]
    if twice:
        raise AxisError(f"holds {listed(twice)} more than once; every value must be there once")
    return Axis(tuple(values), scale)


def is_plain(value: Any) -> bool:
    """Whether a value of a sweep file is one that a parameter may take: a number, a word or null."""
    return _is_number(value) or isinstance(value, str) or value is None


def _is_number(value: Any) -> bool:
    """Whether a value is a finite int or float (bool is not a number)."""
    return type(value) in (int, float) and math.isfinite(value)


def _spread(u: NDArray[np.float64]) -> float:
    steps = np.diff(u / np.abs(u).max())  # squares of them stay within the floats
    return float(np.std(steps) / np.mean(steps))
