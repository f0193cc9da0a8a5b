"""Scans the columns of a plane: smooths the means and all their draws, and finds where they cross."""

from collections.abc import Iterator

import numpy as np

from analysis.cells.cells import Cells
from analysis.dataset.plane import Floats, Ints
from analysis.statistics.bootstrap import MAX_VALUES_AT_ONCE, Resampling, draw_means, multipliers
from analysis.statistics.isotonic import Crossings, cross_zero
from analysis.statistics.local_linear import choose_bandwidth, equal_weights, smoother
from analysis.statistics.profiles import Profiles
from analysis.statistics.tolerance import SMALLEST_DIVISOR


def scan(
    cells: Cells, level: float, *, sign: Floats, wide: Floats, how: Resampling
) -> tuple[Profiles, Floats]:
    """Smoothed profiles of the means (row 0) and of all draws, and where they cross the level.

    Args:
        cells: the aggregated measure.
        level: where to cut.
        sign: −1 for a setting that falls with y, shape (settings, 1, 1).
        wide: by how much intervals will be stretched, (settings, x): the grid's error must not be.
        how: draws and seed.
    Returns:
        Profiles, and crossings (1 + draws, settings, x), the grid's error in those of the draws.
    """
    settings, columns, count, _ = cells.values.shape
    u, used = cells.plane.y.coordinates, cells.used.astype(np.float64)
    flat = (-1, count)
    bandwidth = choose_bandwidth(u, cells.mean.reshape(flat), used.reshape(flat))
    # Over all columns: one whose transition the grid cuts off shows but a part of it.
    span = np.fmax.reduce(cells.mean, axis=(1, 2)) - np.fmin.reduce(cells.mean, axis=(1, 2))
    shape = (how.draws + 1, settings, columns)
    crossings, offsets = np.full(shape, np.nan), np.zeros(shape)
    values = np.full((*shape, count), np.nan, dtype=np.float32)
    twins = _twins(cells.mean)
    for block, means in _drawn(cells, how):
        means -= level
        means *= sign
        for s in range(settings):
            for same, weights in equal_weights(used[s, block]):
                rows = means[:, s] if len(same) == means.shape[2] else means[:, s, same]
                smooth, found = _crossings(rows, weights, u=u, bandwidth=bandwidth)
                at = block.start + same
                half = _grid_error(found, span[s])
                offsets[:, s, at] = _uniform(how, twins[s, at], at) * half / wide[s, at]
                values[:, s, at] = smooth
                crossings[:, s, at] = found.position + offsets[:, s, at]
    return Profiles(u, values, offsets), crossings


def _drawn(cells: Cells, how: Resampling) -> Iterator[tuple[slice, Floats]]:
    """Columns as far as memory is bounded: their means and drawn means (1 + draws, settings, x, y)."""
    settings, columns, count, replicates = cells.values.shape
    # Where cells are apart, each column has weights of its own.
    size = (
        max(1, MAX_VALUES_AT_ONCE // (how.draws * settings * count)) if how.resample_jointly else 1
    )
    for first in range(0, columns, size):
        block = slice(first, min(first + size, columns))
        weights = multipliers(how, replicates, column=(first, count))
        values = cells.values[:, block].reshape(settings, -1, replicates)
        rows = np.empty((how.draws + 1, *values.shape[:2]))
        rows[0] = cells.mean[:, block].reshape(settings, -1)
        draw_means(values, weights, out=rows[1:])
        yield block, rows.reshape(len(rows), settings, -1, count)


def _crossings(
    rows: Floats, weights: Floats, *, u: Floats, bandwidth: float
) -> tuple[Floats, Crossings]:
    """Smoothed profiles (rows, columns, cells), and their crossings, each part (rows, columns)."""
    ok = weights > 0
    # A law can pass between cells that have runs, so the profile is wanted in the others too.
    present = rows if ok.all() else rows[..., ok]
    smooth = present @ smoother(u[ok], weights[ok], bandwidth, u).T
    at_cells = smooth if ok.all() else smooth[..., ok]
    found = cross_zero(at_cells.reshape(-1, int(ok.sum())), weights[ok], u[ok])
    return smooth, Crossings(*(part.reshape(rows.shape[:2]) for part in found))


def _grid_error(found: Crossings, span: float) -> Floats:
    """How far off the crossing can be by what interpolation cannot know, at most half a step.

    With f the share of the measure's whole range that falls within the step of the crossing, it is
    f²(3 − 2f)/2 steps: none where many cells resolve the transition, half a step where the measure
    jumps within it. Measured as the cubic's error on logistic, probit and Gompertz profiles of all
    widths: RMS 0.01, 0.08, 0.16, 0.21, 0.25 steps at f = 0.15, 0.35, 0.55, 0.75, 1 (a uniform error
    of this width: 0.02, 0.08, 0.17, 0.24, 0.29).

    Args:
        found: crossings, each part (rows, columns).
        span: the measure's whole range, ≥ 0.
    """
    share = np.clip(found.jump / np.maximum(span, SMALLEST_DIVISOR), 0.0, 1.0)
    return np.asarray(found.gap * share**2 * (3 - 2 * share) / 2)


def _twins(means: Floats) -> Ints:
    """The first setting with the same means in a column, (settings, x): its grid error is the same too."""
    found = np.arange(len(means))[:, None] * np.ones(means.shape[1], dtype=np.int64)
    for s in range(len(means) - 1, -1, -1):
        same = ((means == means[s]) | (np.isnan(means) & np.isnan(means[s]))).all(axis=2)
        found[same] = np.minimum(found[same], s)
    return found


def _uniform(how: Resampling, settings: Ints, columns: Ints) -> Floats:
    """Numbers between −1 and 1 for settings (columns,), (1 + draws, columns), 0 in the first row.

    A generator for each column: its grid error does not depend on the other columns.
    """
    pairs = zip(columns, settings, strict=True)
    rngs = (np.random.default_rng([how.seed, column, setting]) for column, setting in pairs)
    drawn = np.stack([rng.uniform(-1.0, 1.0, how.draws) for rng in rngs], axis=1)
    return np.concatenate([np.zeros((1, len(columns))), drawn])
