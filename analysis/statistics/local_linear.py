"""Local-linear smoothing of a profile, with a bandwidth that leave-one-out prediction chooses."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from analysis.dataset.plane import Floats, Ints

# Leave-one-out weighs variance against squared bias; a boundary needs less bias than that. In
# simulation 1.5 gave intervals their stated coverage, 1 did not (see `find_boundary`).
UNDERSMOOTHING_FACTOR = 1.5
MIN_BANDWIDTH = 0.5
RIDGE = 1e-9


def smoother(
    u: Floats,
    weights: Floats,
    bandwidth: float,
    at: Floats | None = None,
    *,
    step: float | None = None,
    left_out: bool = False,
) -> Floats:
    """The matrix of a local-linear smoother with Gaussian weights, ŷ = S y.

    Args:
        u: coordinates, shape (cells,), sorted.
        weights: of the cells, shape (cells,), > 0.
        bandwidth: standard deviation of the kernel, in steps, > 0.
        at: coordinates of ŷ; None takes those of the cells.
        step: of the grid; None takes the median step of u.
        left_out: whether each of the cells is predicted by the others alone.
    Returns:
        Shape (at, cells), rows sum to one; straight lines pass through unchanged.
    Source:
        Fan and Gijbels 1996, Local Polynomial Modelling, section 3.2.
    """
    targets = u if at is None else at
    if len(u) < 2:
        return np.ones((len(targets), len(u)))
    distance = (u[None, :] - targets[:, None]) / (step or np.median(np.diff(u)))
    squares = (distance / bandwidth) ** 2
    if left_out:
        np.fill_diagonal(squares, np.inf)
    # The nearest cell counts, however far it is.
    kernel = weights * np.exp(-0.5 * (squares - squares.min(axis=1, keepdims=True)))
    kernel /= kernel.sum(axis=1, keepdims=True)
    centre = np.sum(kernel * distance, axis=1, keepdims=True)
    # The small term keeps a cell whose neighbours are all far away equal to itself.
    spread = np.sum(kernel * (distance - centre) ** 2, axis=1, keepdims=True) + RIDGE
    return np.asarray(kernel * (1 - centre * (distance - centre) / spread))


def choose_bandwidth(u: Floats, means: Floats, used: Floats) -> float:
    """The bandwidth that best predicts left-out cells over all profiles, divided by UNDERSMOOTHING_FACTOR.

    Args:
        u: coordinates, shape (cells,).
        means: profiles, shape (profiles, cells); NaN where a cell has no mean.
        used: runs behind each mean, shape (profiles, cells).
    Returns:
        In median steps of u.
    """
    candidates = _candidates(u)
    groups = [(means[same], weights) for same, weights in equal_weights(used)]
    losses = [_left_out_loss(u, groups, float(width)) for width in candidates]
    return float(candidates[int(np.argmin(losses))]) / UNDERSMOOTHING_FACTOR


class SparseProfile(NamedTuple):
    """The cells of a column that have runs.

    Attributes:
        u: coordinates, shape (cells,), sorted.
        runs: shape (cells,), > 0.
        mean: shape (cells,).
        deviations: of replicates, as `bootstrap.deviations` has them, shape (cells, replicates).
    """

    u: Floats
    runs: Floats
    mean: Floats
    deviations: Floats


def choose_sparse_bandwidth(u: Floats, profiles: Sequence[SparseProfile]) -> float:
    """The bandwidth of columns in which most cells have no runs, divided by UNDERSMOOTHING_FACTOR.

    Where runs are at a few cells of very different weights, a cell that is left out has no near neighbours,
    and leave-one-out says nothing of how it is smoothed. This is the squared error of means that other
    replicates would have: residuals, and twice what the replicates' scatter adds to a mean and to its
    smoothed value together.

    Args:
        u: coordinates of all cells, shape (cells,).
        profiles: at least one.
    Returns:
        In median steps of u.
    Source:
        Efron 2004, J. Am. Statist. Assoc. 99, 619 (covariance penalties).
    """
    candidates, step = _candidates(u), float(np.median(np.diff(u)))
    losses = [sum(penalized_loss(p, float(width), step) for p in profiles) for width in candidates]
    return float(candidates[int(np.argmin(losses))]) / UNDERSMOOTHING_FACTOR


def penalized_loss(profile: SparseProfile, bandwidth: float, step: float) -> float:
    """Squared errors of smoothed cells against means of other replicates, but for a constant.

    Args:
        profile: a column.
        bandwidth: in steps.
        step: of the grid.
    """
    matrix = smoother(profile.u, profile.runs, bandwidth, step=step)
    rest = profile.mean - matrix @ profile.mean
    shared = np.sum(profile.deviations * (matrix @ profile.deviations), axis=1)
    return float(profile.runs @ (rest**2 + 2 * shared))


def _candidates(u: Floats) -> Floats:
    """Bandwidths that are tried, in median steps of u."""
    widest = max(len(u) / 4, MIN_BANDWIDTH)
    count = 1 + int(np.ceil(2 * np.log2(widest / MIN_BANDWIDTH)))
    return np.geomspace(MIN_BANDWIDTH, widest, count)


def equal_weights(weights: Floats) -> Iterator[tuple[Ints, Floats]]:
    """Profiles whose cells weigh the same, and these weights; none for profiles without any weight."""
    rows, group = np.unique(weights, axis=0, return_inverse=True)
    for k, row in enumerate(rows):
        if row.any():
            yield np.flatnonzero(group.ravel() == k), row


def _left_out_loss(u: Floats, groups: list[tuple[Floats, Floats]], bandwidth: float) -> float:
    """Squared errors of all left-out cells; profiles with the same runs share one smoother."""
    total = 0.0
    step = float(np.median(np.diff(u))) if len(u) > 1 else 1.0
    for means, weights in groups:
        ok = weights > 0
        if ok.sum() < 2:
            continue
        matrix = smoother(u[ok], weights[ok], bandwidth, step=step, left_out=True)
        profiles = means[:, ok]
        total += float(np.sum(weights[ok] * (profiles - profiles @ matrix.T) ** 2))
    return total


def profile_smoother(u: Floats, runs: Floats, bandwidth: float) -> Floats:
    """The matrix that smooths a column whose cells have different runs, or none, on all of its cells.

    Where a cell with runs on one side is further than the kernel or a step reaches, the smoothed profile is
    a straight line between those on either side.

    Args:
        u: coordinates, shape (cells,), sorted.
        runs: of the cells, shape (cells,), 0 where there are none; some are > 0.
        bandwidth: as in `smoother`, in median steps of u.
    Returns:
        Shape (cells, cells with runs).
    """
    ok = runs > 0
    step = float(np.median(np.diff(u))) if len(u) > 1 else 1.0
    matrix = smoother(u[ok], runs[ok], bandwidth, u, step=step)
    reach = step * max(bandwidth, 1.0) * (1 + RIDGE)
    known = u[ok]
    before = np.searchsorted(known, u, side="right") - 1
    after = np.searchsorted(known, u)
    # Beyond the first or last cell with runs there is one side alone.
    left = np.where(before < 0, 0.0, u - known[np.maximum(before, 0)])
    right = np.where(after == len(known), 0.0, known[np.minimum(after, len(known) - 1)] - u)
    far = np.maximum(left, right) > reach
    if far.any():
        lines = [np.interp(u[far], known, column) for column in matrix[ok].T]
        matrix[far] = np.stack(lines, axis=1)
    return matrix
