"""Which column's crossing gets how many of the runs of a round that measures, for each kind of target."""

from collections.abc import Callable

import numpy as np

from sweeps.declare.sampling_spec import SamplingSpec
from sweeps.sampling.crossings import LevelCrossings
from sweeps.sampling.lattice import Floats, Lattice
from sweeps.sampling.laws import crossed, kink_influence
from sweeps.sampling.targets import chosen

NOISE_FLOOR = 1e-9
"""Noise of a measure without any."""
MOST_FOR_A_KINK = 4.0
"""Times the runs of the setting in the middle that one with a faint kink gets at most, or at least."""


def column_weights(spec: SamplingSpec, lattice: Lattice, found: LevelCrossings) -> Floats:
    """What the columns' runs are to be proportional to, shape (columns,), 0 for those that get none.

    For a boundary the variance of a run, so that errors become equal. For an exponent and a kink half of
    the runs are spread over all columns, and half go by what each column moves it. For a shift all columns
    that cross in both settings count alike, and the first setting, which is in every shift, for the root
    of their number.

    Args:
        spec: the target.
        lattice: the columns.
        found: crossings of one level.
    """
    inside = found.inside & chosen(spec, lattice)
    unit = np.where(inside, np.maximum(found.unit, NOISE_FLOOR), 0.0) ** 2
    return _WEIGHTS[spec.target](lattice, found, unit)


def _of_boundary(lattice: Lattice, found: LevelCrossings, unit: Floats) -> Floats:
    return unit


def _of_exponent(lattice: Lattice, found: LevelCrossings, unit: Floats) -> Floats:
    """By the distance from the middle of log x, as the slope's variance does."""
    weights = np.zeros(len(unit))
    for setting in np.unique(lattice.setting):
        own = (unit > 0) & (lattice.setting == setting)
        if own.any():
            x = np.log(lattice.x[own])
            weights[own] = _shared(x - (x.min() + x.max()) / 2) * unit[own].mean()
    return weights


def _of_kink(lattice: Lattice, found: LevelCrossings, unit: Floats) -> Floats:
    """By what a column's crossing moves the kink; settings by the runs that an equal error needs."""
    weights, needs = np.zeros(len(unit)), np.zeros(len(unit))
    for setting in np.unique(lattice.setting):
        own = (unit > 0) & (lattice.setting == setting)
        columns = crossed(found, lattice, own)
        moved = kink_influence(columns, np.ones(len(columns.x)))
        if moved is not None:
            order = np.flatnonzero(own)[np.argsort(lattice.x[own], kind="stable")]
            weights[order] = _shared(moved[1]) * unit[own].mean()
            needs[order] = np.sum(np.abs(moved[1])) ** 2
    if not needs.any():
        return unit
    middle = float(np.median(needs[needs > 0]))
    return weights * np.clip(needs, middle / MOST_FOR_A_KINK, middle * MOST_FOR_A_KINK)


def _of_shift(lattice: Lattice, found: LevelCrossings, unit: Floats) -> Floats:
    """Alike in the columns that cross in the first setting and in another one."""
    first, *others = np.unique(lattice.setting)
    inside = {s: (unit > 0)[lattice.setting == s] for s in (first, *others)}
    both = {s: inside[first] & inside[s] for s in others}
    weights = np.zeros(len(unit))
    some = [one for one in both.values() if one.any()]
    if not some:
        return weights
    for setting, columns in (both | {first: np.any(some, axis=0)}).items():
        own = np.flatnonzero(lattice.setting == setting)[columns]
        weights[own] = unit[own].mean() if own.size else 0.0
    weights[lattice.setting == first] *= np.sqrt(len(some))
    return weights


def _shared(influence: Floats) -> Floats:
    """Shares of a setting's columns, twice: once evenly, once by how far each moves the target."""
    size = np.abs(influence)
    return np.asarray(1 / len(size) + (size / size.sum() if size.sum() > 0 else 0.0))


_WEIGHTS: dict[str, Callable[[Lattice, LevelCrossings, Floats], Floats]] = {
    "boundary": _of_boundary,
    "exponent": _of_exponent,
    "kink": _of_kink,
    "shift": _of_shift,
}
