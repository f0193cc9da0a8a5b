"""Finds where the columns of a plane, and all draws of them, cross a level."""

import numpy as np

from analysis.boundary.smoothed import Group, SmoothedMeans
from analysis.cells.cells import Cells
from analysis.dataset.plane import Floats, Ints
from analysis.statistics.bootstrap import Resampling
from analysis.statistics.isotonic import PROFILES_PER_BLOCK, Crossings, Extremes, cross
from analysis.statistics.profiles import Profiles
from analysis.statistics.tolerance import SMALLEST_DIVISOR


def scan(
    means: SmoothedMeans, level: float, *, cells: Cells, wide: Floats, how: Resampling
) -> tuple[Profiles, Floats]:
    """Profiles above a level, of the means (row 0) and of all draws, and where they cross it.

    Args:
        means: smoothed.
        level: where to cut.
        cells: what was smoothed.
        wide: by how much intervals will be stretched, (settings, x): the grid's error must not be.
        how: draws and seed.
    Returns:
        Profiles, and crossings (1 + draws, settings, x), the grid's error in those of the draws.
    """
    # Over all columns: one whose transition the grid cuts off shows but a part of it.
    span = np.fmax.reduce(cells.mean, axis=(1, 2)) - np.fmin.reduce(cells.mean, axis=(1, 2))
    shape = means.values.shape[:-1]
    crossings, offsets = np.full(shape, np.nan), np.zeros(shape)
    twins, levels = _twins(cells.mean), means.sign * level
    for group in means.groups:
        s, at = group.setting, group.columns
        found = _crossings(means, group, levels[s])
        half = _grid_error(found, span[s])
        offsets[:, s, at] = _uniform(how, twins[s, at], at) * half / wide[s, at]
        crossings[:, s, at] = found.position + offsets[:, s, at]
    return Profiles(means.grid, means.values, offsets, levels), crossings


def _crossings(means: SmoothedMeans, group: Group, level: float) -> Crossings:
    """Crossings of a group's columns, each part (rows, columns)."""
    ok = group.ok
    step = max(1, PROFILES_PER_BLOCK // len(group.columns))
    parts = []
    for first in range(0, len(means.values), step):
        rows = slice(first, first + step)
        values, *extreme = (group.part(a, rows) for a in (means.values, *means.extreme))
        parts.append(
            cross(values, Extremes(*extreme), group.runs[ok], u=means.grid[ok], level=level)
        )
    return Crossings(*(np.concatenate(each) for each in zip(*parts, strict=True)))


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
