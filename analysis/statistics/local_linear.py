"""Local-linear smoothing of a profile, with a bandwidth that leave-one-out prediction chooses."""

from collections.abc import Iterator

import numpy as np

from analysis.dataset.plane import Floats, Ints

# Leave-one-out weighs variance against squared bias; a boundary needs less bias than that. In
# simulation 1.5 gave intervals their stated coverage, 1 did not (see `find_boundary`).
UNDERSMOOTHING_FACTOR = 1.5
MIN_BANDWIDTH = 0.5
RIDGE = 1e-9


def smoother(u: Floats, weights: Floats, bandwidth: float, at: Floats | None = None) -> Floats:
    """The matrix of a local-linear smoother with Gaussian weights, ŷ = S y.

    Args:
        u: coordinates, shape (cells,), sorted.
        weights: of the cells, shape (cells,), > 0.
        bandwidth: standard deviation of the kernel, in median steps of u, > 0.
        at: coordinates of ŷ; None takes those of the cells.
    Returns:
        Shape (at, cells), rows sum to one; straight lines pass through unchanged.
    Source:
        Fan and Gijbels 1996, Local Polynomial Modelling, section 3.2.
    """
    targets = u if at is None else at
    if len(u) < 2:
        return np.ones((len(targets), len(u)))
    distance = (u[None, :] - targets[:, None]) / np.median(np.diff(u))
    kernel = weights * np.exp(-0.5 * (distance / bandwidth) ** 2)
    s0, s1, s2 = (np.sum(kernel * distance**p, axis=1, keepdims=True) for p in range(3))
    # The small term keeps a cell whose neighbours are all far away equal to itself.
    s2 = s2 + RIDGE * s0
    return np.asarray(kernel * (s2 - s1 * distance) / (s0 * s2 - s1**2))


def choose_bandwidth(u: Floats, means: Floats, used: Floats) -> float:
    """The bandwidth that best predicts left-out cells over all profiles, divided by UNDERSMOOTHING_FACTOR.

    Args:
        u: coordinates, shape (cells,).
        means: profiles, shape (profiles, cells); NaN where a cell has no mean.
        used: runs behind each mean, shape (profiles, cells).
    Returns:
        In median steps of u.
    """
    widest = max(len(u) / 4, MIN_BANDWIDTH)
    candidates = np.geomspace(
        MIN_BANDWIDTH, widest, 1 + int(np.ceil(2 * np.log2(widest / MIN_BANDWIDTH)))
    )
    losses = [_left_out_loss(u, means, used, float(width)) for width in candidates]
    return float(candidates[int(np.argmin(losses))]) / UNDERSMOOTHING_FACTOR


def equal_weights(weights: Floats) -> Iterator[tuple[Ints, Floats]]:
    """Profiles whose cells weigh the same, and these weights; none for profiles without any weight."""
    rows, group = np.unique(weights, axis=0, return_inverse=True)
    for k, row in enumerate(rows):
        if row.any():
            yield np.flatnonzero(group.ravel() == k), row


def _left_out_loss(u: Floats, means: Floats, used: Floats, bandwidth: float) -> float:
    """Squared errors of all left-out cells; profiles with the same runs share one smoother."""
    total = 0.0
    for same, weights in equal_weights(used):
        ok = weights > 0
        matrix = smoother(u[ok], weights[ok], bandwidth)
        slack = np.maximum(1 - np.diag(matrix), RIDGE)
        profiles = means[same][:, ok]
        total += float(np.sum(weights[ok] * ((profiles - profiles @ matrix.T) / slack) ** 2))
    return total
