"""The clean test error where the hidden layer alone is trained, by steps of any size, from any start.

A schedule of training is followed by `bocnn.theory.mean_field` once and gives the error at every signal.
Of networks that differ in d alone a few are followed, and the error is interpolated linearly in log d
between them. Classes and flips are summed over their counts
(`bocnn.theory.predictions.counts`): q √C takes the place of √C, and of a class's noise the part of its own
samples is multiplied by s, that of the others by 2 − s. Over m filters of a class the output on a fresh
sample departs from that of many by a variance of order 1/m, which is taken to be normal and the same for
all samples.

**Noise along μ.** Isotropic noise has a part σ_p g μ/‖μ‖, g ~ N(0, 1), that filters read with what they
have learned of the signal: where a class's filters answer μ by s, they answer it by ± s σ_p g/‖μ‖, the sign
that of the class. So A₊ and A₋ both gain the variance δ² and lose the covariance δ², δ = R σ_p/‖μ‖ with R
the signal. In the units of `MeanField.noise` R = √C, and by ‖μ‖² = σ_p² √(C d/n) it is δ² = R √(n/d). With
classes and flips by their counts R is q √C there, as if q² were q. What that part does while training, when
samples are memorized by it too, is of order n/d and left out.
"""

from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RectBivariateSpline
from scipy.special import ndtri

from bocnn.arrays import Array
from bocnn.theory.critical_ratio import Overlap, clean_errors, filter_variance
from bocnn.theory.mean_field import MOST_OPPOSED, MOST_STEPS, Schedule, train_mean_field
from bocnn.theory.predictions.counts import ErrorOfClass, OverCounts
from bocnn.theory.predictions.error import ANGLES, LEAST_ERROR, error_of_deviation

_MOST_FOLLOWED: Final = 7
"""Dimensions that are followed of networks that differ in d alone."""

_BLUR_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(21)
_BLUR_WEIGHTS: Final = _WEIGHTS / _WEIGHTS.sum()

_ROOTS: Final = np.sqrt(8.0) * np.linspace(0.0, 1.0, 41)
"""C^¼ at which the error is computed; beyond the last it is 0."""


class Scheduled(NamedTuple):
    """Runs of the mean field, shape (runs,) each.

    Attributes:
        step, start, n_over_d, steps: as in `Schedule`.
        loss_tol: training loss to stop at; NaN for never.
        signal: C = n‖μ‖⁴ / (σ_p⁴ d).
        n: samples.
        m: filters of a class.
        p_flip: label-flip probability.
        along: 1 where noise has a part along μ, else 0.
    """

    step: Array
    start: Array
    n_over_d: Array
    steps: Array
    loss_tol: Array
    signal: Array
    n: Array
    m: Array
    p_flip: Array
    along: Array


def mean_field_error(runs: Scheduled, over: OverCounts) -> Array:
    """The clean test error of runs.

    Args:
        runs: their parameters.
        over: counts of classes and flips, the mean error or the median.
    Returns:
        Shape (runs,), NaN where training is not over after `MOST_STEPS`.
    """
    family = _families(runs)
    error = np.full(family.size, np.nan)
    for number in range(family.max(initial=-1) + 1):
        at = np.flatnonzero(family == number)
        some = Scheduled(*(part[at] for part in runs))
        followed = _along_d(some)
        if followed is not None:
            error[at] = _over_counts(followed, some, over)
    return error


class _Followed(NamedTuple):
    """Networks that were followed, by d, and where between them runs are.

    Attributes:
        deviations: normal quantile of the error over φ, s = 2 sin² φ, and C^¼, one a network.
        below: the network below a run, shape (runs,).
        share: of the one above, shape (runs,).
    """

    deviations: list[RectBivariateSpline]
    below: NDArray[np.intp]
    share: Array


def _families(runs: Scheduled) -> NDArray[np.intp]:
    """Number of the networks that differ in d alone, or at d = ∞ in nothing, shape (runs,)."""
    ratio = runs.n_over_d
    per_d = np.where(ratio > 0, ratio, 1.0)
    loss_tol = np.where(np.isnan(runs.loss_tol), -1.0, runs.loss_tol)
    same = (runs.step * per_d, runs.start * per_d, runs.steps, loss_tol, runs.n, runs.m, runs.along)
    # Products are equal to rounding.
    table = np.stack((*same, ratio > 0), axis=1).astype(np.float32)
    return np.unique(table, axis=0, return_inverse=True)[1].ravel()


def _along_d(runs: Scheduled) -> _Followed | None:
    """What is followed for runs; None where training is not over."""
    ratios, first = np.unique(runs.n_over_d, return_index=True)
    followed = np.unique(np.linspace(0, ratios.size - 1, _MOST_FOLLOWED).round().astype(int))
    if ratios.size > _MOST_FOLLOWED:
        spaced = np.geomspace(ratios[0], ratios[-1], _MOST_FOLLOWED)
        followed = np.unique(np.abs(ratios[:, None] - spaced).argmin(axis=0))
    found = [
        _deviation(_schedule_of(runs, r), float(runs.m[r]), bool(runs.along[r]))
        for r in first[followed]
    ]
    known = [one for one in found if one is not None]
    if len(known) < len(found):
        return None
    at = np.interp(_log(runs.n_over_d), _log(ratios[followed]), np.arange(followed.size))
    below = np.minimum(at.astype(int), max(followed.size - 2, 0))
    return _Followed(known, below, at - below)


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
def _deviation(schedule: Schedule, m: float, along: bool) -> RectBivariateSpline | None:
    """Normal quantile of the clean error over φ, s = 2 sin² φ, and C^¼; None where training is not over.

    Of m filters a class, not many, each class's output on a fresh sample has a variance more; and so has
    what the classes' filters share where noise has a part along μ.
    """
    if schedule.steps > MOST_STEPS and schedule.loss_tol < 0:
        return None
    field = train_mean_field(schedule._replace(steps=min(schedule.steps, MOST_STEPS)))
    if schedule.steps > MOST_STEPS and field.loss > schedule.loss_tol:
        return None
    table, variances = [], []
    ratio = schedule.n_over_d if along else 0.0
    for s in 2 * np.sin(ANGLES) ** 2:
        noise, other = field.noise_at(s), field.noise_at(2 - s)
        errors = _errors(noise, other, field.correlation * field.noise.shared, ratio)
        table.append(ndtri(np.maximum(errors, LEAST_ERROR)))
        variances.append(sum(_start_variance(one, field.start_part) for one in (noise, other)))
    of_many = RectBivariateSpline(ANGLES, _ROOTS, table)
    return _blurred(of_many, np.sqrt(np.array(variances) / m))


def _errors(noise: Overlap, other: Overlap, covariance: float, ratio: float) -> Array:
    """The clean error at each of `_ROOTS`.

    Args:
        noise: of the filters of the sample's class, as in `MeanField`.
        other: of the other class's.
        covariance: of what the filters of either class share, in the units of `noise`.
        ratio: n/d where noise has a part along μ, else 0.
    """
    if ratio == 0:
        return _errors_at(_ROOTS**2, noise, other, covariance)
    found = []
    for root in _ROOTS**2:
        added = 2 * root * np.sqrt(ratio)
        own, opposed = (Overlap(*(part + added for part in one)) for one in (noise, other))
        found.append(_errors_at(np.array([root]), own, opposed, covariance - added)[0])
    return np.array(found)


def _errors_at(ratios: Array, noise: Overlap, other: Overlap, covariance: float) -> Array:
    """The clean error at ratios R, shape of R; the rest as in `_errors`."""
    correlation = covariance / np.sqrt(noise.shared * other.shared)
    bounded = float(np.clip(correlation, -MOST_OPPOSED, MOST_OPPOSED))
    return clean_errors(ratios, noise, other=other, correlation=bounded)


def _start_variance(noise: Overlap, start_part: float) -> float:
    """How much of the variance over filters is the start's.

    What filters have learned differently adds none: training brings every sample's output, their mean over
    the filters, to its margin, whichever of them it has woken.
    """
    without = Overlap(max(noise.active - start_part, noise.shared), noise.shared)
    return filter_variance(noise) - filter_variance(without)


def _blurred(deviation: RectBivariateSpline, spread: Array) -> RectBivariateSpline:
    """The quantile with a normal of a standard deviation added to R, which is given at each of φ."""
    most, table = float(_ROOTS[-1] ** 2), []
    for angle, one in zip(ANGLES, spread, strict=True):
        ratios = _ROOTS[:, None] ** 2 - one * _BLUR_NODES
        errors = error_of_deviation(deviation, ratios, 2 * np.sin(angle) ** 2, most)
        table.append(ndtri(np.maximum(errors @ _BLUR_WEIGHTS, LEAST_ERROR)))
    return RectBivariateSpline(ANGLES, _ROOTS, table)


def _over_counts(followed: _Followed, runs: Scheduled, over: OverCounts) -> Array:
    """The clean test error over counts, shape (runs,)."""
    error = np.zeros(runs.signal.size)
    for n, p_flip in set(zip(runs.n.tolist(), runs.p_flip.tolist(), strict=True)):
        own = (runs.n == n) & (runs.p_flip == p_flip)
        error[own] = over(int(n), p_flip, _error_of_class(followed, runs, own))
    return error


def _error_of_class(followed: _Followed, runs: Scheduled, own: NDArray[np.bool_]) -> ErrorOfClass:
    """The clean test error of some of the runs, by q and s of the class."""
    root, below, share = np.sqrt(runs.signal)[own], followed.below[own], followed.share[own]
    most = float(_ROOTS[-1] ** 2)

    def error(kept: float, memorized: float) -> Array:
        """Of runs, on a class of q and s."""
        found = np.zeros(root.size)
        for number, deviation in enumerate(followed.deviations):
            weight = np.where(below == number, 1 - share, 0.0) + np.where(
                below + 1 == number, share, 0.0
            )
            at = weight > 0
            found[at] += weight[at] * error_of_deviation(
                deviation, kept * root[at], memorized, most
            )
        return found

    return error
