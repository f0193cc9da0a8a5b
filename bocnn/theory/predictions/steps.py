"""The clean test error where the hidden layer alone is trained, by steps of any size, from any start.

A schedule of training is followed by `bocnn.theory.mean_field` once and gives the error at every signal.
Of networks that differ in d alone a few are followed, and the error's normal quantile is interpolated
linearly in log d between them. Flips are summed over their counts, as in `bocnn.theory.predictions.error`:
q √C takes the place of √C.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.special import ndtr, ndtri

from bocnn.arrays import Array
from bocnn.theory.critical_ratio import clean_errors
from bocnn.theory.mean_field import MOST_STEPS, Schedule, train_mean_field
from bocnn.theory.predictions.error import kept_labels

_MOST_FOLLOWED: Final = 7
"""Dimensions that are followed of networks that differ in d alone."""

_ROOTS: Final = 8.0 * np.linspace(0.0, 1.0, 41) ** 2
"""√C at which the error is computed; beyond the last it is 0."""
_SMALLEST_ERROR: Final = 1e-12


class Scheduled(NamedTuple):
    """Runs of the mean field, shape (runs,) each.

    Attributes:
        step, start, n_over_d, steps: as in `Schedule`.
        loss_tol: training loss to stop at; NaN for never.
        signal: C = n‖μ‖⁴ / (σ_p⁴ d).
        n: samples.
        p_flip: label-flip probability.
    """

    step: Array
    start: Array
    n_over_d: Array
    steps: Array
    loss_tol: Array
    signal: Array
    n: Array
    p_flip: Array


def mean_field_error(runs: Scheduled) -> Array:
    """The clean test error of runs.

    Args:
        runs: their parameters.
    Returns:
        Shape (runs,), NaN where training is not over after `MOST_STEPS`.
    """
    family = _families(runs)
    error = np.full(family.size, np.nan)
    for number in range(family.max(initial=-1) + 1):
        at = np.flatnonzero(family == number)
        some = Scheduled(*(part[at] for part in runs))
        deviation = _along_d(some)
        if deviation is not None:
            error[at] = _mean_over_flips(deviation, some)
    return error


def _families(runs: Scheduled) -> NDArray[np.intp]:
    """Number of the networks that differ in d alone, or at d = ∞ in nothing, shape (runs,)."""
    ratio = runs.n_over_d
    per_d = np.where(ratio > 0, ratio, 1.0)
    loss_tol = np.where(np.isnan(runs.loss_tol), -1.0, runs.loss_tol)
    same = (runs.step * per_d, runs.start * per_d, runs.steps, loss_tol, runs.n, ratio > 0)
    # Products are equal to rounding.
    table = np.stack(same, axis=1).astype(np.float32)
    return np.unique(table, axis=0, return_inverse=True)[1].ravel()


def _along_d(runs: Scheduled) -> Callable[[Array], Array] | None:
    """The error's normal quantile at √C of runs, shape (runs,), both; None where training is not over."""
    ratios, first = np.unique(runs.n_over_d, return_index=True)
    followed = np.unique(np.linspace(0, ratios.size - 1, _MOST_FOLLOWED).round().astype(int))
    if ratios.size > _MOST_FOLLOWED:
        spaced = np.geomspace(ratios[0], ratios[-1], _MOST_FOLLOWED)
        followed = np.unique(np.abs(ratios[:, None] - spaced).argmin(axis=0))
    splines = [_deviation(_schedule_of(runs, r)) for r in first[followed]]
    known = [spline for spline in splines if spline is not None]
    if len(known) < len(splines):
        return None
    at = np.interp(_log(runs.n_over_d), _log(ratios[followed]), np.arange(followed.size))
    below = np.minimum(at.astype(int), max(followed.size - 2, 0))
    above, share = np.minimum(below + 1, followed.size - 1), at - below

    def deviation(roots: Array) -> Array:
        """Between the dimensions that were followed."""
        found = np.stack([spline(roots) for spline in known])
        every = np.arange(roots.size)
        return np.asarray((1 - share) * found[below, every] + share * found[above, every])

    return deviation


def _schedule_of(runs: Scheduled, r: int) -> Schedule:
    """The schedule of run r."""
    loss_tol = float(runs.loss_tol[r])
    return Schedule(
        float(runs.step[r]),
        float(runs.start[r]),
        float(runs.n_over_d[r]),
        int(runs.steps[r]),
        -1.0 if np.isnan(loss_tol) else loss_tol,
    )


def _log(ratio: Array) -> Array:
    """log n/d; 0 at d = ∞, which is alone in its family."""
    return np.asarray(np.log(np.where(ratio > 0, ratio, 1.0)))


@lru_cache(maxsize=1024)
def _deviation(schedule: Schedule) -> CubicSpline | None:
    """Normal quantile of the clean test error over √C; None where training is not over."""
    if schedule.steps > MOST_STEPS and schedule.loss_tol < 0:
        return None
    field = train_mean_field(schedule._replace(steps=min(schedule.steps, MOST_STEPS)))
    if schedule.steps > MOST_STEPS and field.loss > schedule.loss_tol:
        return None
    errors = clean_errors(_ROOTS, field.noise, correlation=field.correlation)
    return CubicSpline(_ROOTS, ndtri(np.maximum(errors, _SMALLEST_ERROR)))


def _mean_over_flips(deviation: Callable[[Array], Array], runs: Scheduled) -> Array:
    """The clean test error over the counts of flipped labels, shape (runs,)."""
    root, error = np.sqrt(runs.signal), np.zeros(runs.signal.size)
    for n, p_flip in set(zip(runs.n.tolist(), runs.p_flip.tolist(), strict=True)):
        own = (runs.n == n) & (runs.p_flip == p_flip)
        for kept, probability in zip(*kept_labels(int(n), p_flip), strict=True):
            size = np.abs(kept) * root
            at = ndtr(deviation(np.minimum(size, _ROOTS[-1]))) * (size <= _ROOTS[-1])
            error[own] += probability * (1 - at if kept < 0 else at)[own]
    return error
