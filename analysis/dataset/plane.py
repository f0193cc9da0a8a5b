"""The parameter plane: its axes as values, as coordinates (log where log), as cell edges."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

LARGEST_LOG = 700.0
"""Logarithm of the numbers beyond which no edge of a cell is drawn: floats end at e^±709."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class PlaneAxis:
    """One axis of the plane: sorted values (cells,), and whether its coordinate is their log."""

    name: str
    label: str
    values: Floats
    log: bool

    @property
    def coordinates(self) -> Floats:
        """The axis's own coordinate of each value, log(value) or value, shape (cells,)."""
        return np.log(self.values) if self.log else self.values

    def value(self, coordinate: Any) -> Any:
        """Values at coordinates, any shape; −inf on a log axis becomes 0."""
        return np.exp(coordinate) if self.log else coordinate

    @property
    def edges(self) -> Floats:
        """Cell edges, shape (cells + 1,): midway between centres in the axis's coordinate."""
        u = self.coordinates
        if len(u) == 1:
            half = np.log(2.0) / 2 if self.log else 0.5
            return np.asarray(self.value(np.array([u[0] - half, u[0] + half])))
        inner = u[1:] / 2 + u[:-1] / 2
        largest = LARGEST_LOG if self.log else np.finfo(np.float64).max / 2
        low, high = max(2 * u[0] - inner[0], -largest), min(2 * u[-1] - inner[-1], largest)
        ends = [min(low, u[0])], inner, [max(high, u[-1])]
        return np.asarray(self.value(np.concatenate(ends)))


@dataclass(frozen=True, eq=False)
class Plane:
    """The plane's axes and the settings that are compared on it, by label ("" for a single one).

    `setting_values` holds the values of the columns that make each setting, by name; `paired` are those of
    these columns over which the dataset says that runs share their random draws.
    """

    x: PlaneAxis
    y: PlaneAxis
    settings: tuple[str, ...]
    setting_values: tuple[Mapping[str, Any], ...] = ()
    paired: frozenset[str] = frozenset()

    def values_of(self, setting: int) -> Mapping[str, Any]:
        """The values that make a setting, by column; none where nothing is compared.

        Args:
            setting: its position.
        """
        return self.setting_values[setting] if self.setting_values else {}

    def are_paired(self, first: int, other: int) -> bool:
        """Whether two settings share their random draws: all columns in which they differ do.

        Args:
            first: position of a setting.
            other: position of another.
        """
        if not self.setting_values:
            return False
        one, two = self.setting_values[first], self.setting_values[other]
        return {name for name in one if one[name] != two[name]} <= self.paired


def equal(values: Mapping[str, Any]) -> str:
    """Columns and their values as a label: "d = 1000, p_flip = 0.1"."""
    return ", ".join(f"{name} = {text_of_value(value)}" for name, value in values.items())


def setting_labels(settings: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """A label for each of several settings; with every digit where fewer would make two alike."""
    texts = tuple(map(equal, settings))
    unlike = [one for k, one in enumerate(settings) if one not in settings[:k]]
    if len(set(texts)) == len(unlike):
        return texts
    return tuple(", ".join(f"{name} = {value}" for name, value in one.items()) for one in settings)


def exact(value: float) -> str:
    """A number that names something: in six digits where they are all, else in as many as it has."""
    short = f"{value:g}"
    return short if float(short) == value else repr(float(value))


def text_of_value(value: Any) -> str:
    """A parameter's value as figures and tables name it."""
    return f"{value:g}" if isinstance(value, (int, float)) else str(value)
