"""Fits laws by estimating equations: Σ wₓ vₓ(law(x)) ∂law/∂θ = 0, v the smoothed excess over the level."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from analysis.dataset.plane import Floats, Ints
from analysis.statistics.bootstrap import shrink_errors
from analysis.statistics.profiles import Reader
from analysis.statistics.tolerance import NEGLIGIBLE

MIN_COLUMNS_TO_FIT = 2
MAX_ITERATIONS = 60
# Moves below these shares of a column's error end the search: for what was observed, and for draws.
TOLERANCE, TOLERANCE_OF_DRAWS = 1e-6, 1e-2
# The longest first move, as a share of the grid; it shrinks whenever a move went too far.
MAX_FIRST_STEP, STEP_REDUCTION = 0.15, 0.5


class Link(NamedTuple):
    """From a law's straight line to the axis's coordinate: the function, its derivative and its inverse."""

    value: Callable[[Floats], Floats]
    derivative: Callable[[Floats], Floats]
    inverse: Callable[[Floats], Floats]


def link_of(kind: str, log: bool) -> Link:
    """The link of a "power" or "line" law on a log or a linear y axis; the identity for "own".

    Args:
        kind: "power", "line" or "own".
        log: whether the y axis is logarithmic.
    """
    if kind == "line" and log:
        return Link(_safe_log, lambda t: 1 / np.maximum(t, NEGLIGIBLE), np.exp)
    if kind == "power" and not log:
        return Link(np.exp, np.exp, _safe_log)
    return Link(lambda t: t, np.ones_like, lambda t: t)


class FitProblem(NamedTuple):
    """A law to be fitted to columns: its straight line is design @ θ, bent into y's coordinate."""

    reader: Reader  # of the columns of one setting
    design: Floats  # (columns, parameters)
    error: Floats  # (columns,) of the crossings
    link: Link
    dof: float  # degrees of freedom behind errors


def solve_all(task: FitProblem, crossings: Floats) -> Floats:
    """Coefficients of the law for the observed profiles (row 0) and for each draw.

    Args:
        task: the law and the columns.
        crossings: of the observed profiles, (columns,), ±inf beyond the grid: where to start.
    Returns:
        Shape (rows, parameters); NaN where fewer than two columns have the law inside the grid.
    """
    inside = np.isfinite(crossings)
    # The line through the bent-back crossings is near; its weights are those of the bent errors.
    line = task.link.inverse(np.where(inside, crossings, 1.0))
    root = np.where(inside, task.link.derivative(line) / task.error, 0.0)
    start = np.asarray(np.linalg.lstsq(task.design * root[:, None], line * root, rcond=None)[0])
    reader = task.reader
    rows = np.arange(reader.rows)
    for _ in range(2):
        spread = _spread(task, _values_on(task, task.design @ start))
        problem = _Problem(reader, *task[1:4], spread)
        start = _solve(problem, start[None], rows[:1])[0]
    return np.concatenate(
        [start[None], _solve(problem, np.tile(start, (len(rows) - 1, 1)), rows[1:])]
    )


def linearized_coefficients(task: FitProblem, theta: Floats) -> Floats:
    """Coefficients of all rows to first order about a law: what is linear in the means.

    Args:
        task: the law and the columns.
        theta: the observed coefficients, (parameters,).
    Returns:
        Shape (rows, parameters); NaN where fewer than two columns have the law inside the grid.
    """
    line = task.design @ theta
    rows = linearized_crossings(task, line)
    inside = np.isfinite(rows[0])
    if inside.sum() < MIN_COLUMNS_TO_FIT:
        return np.full((len(rows), len(theta)), np.nan)
    root = (task.link.derivative(line) / task.error)[inside]
    return np.asarray(
        (rows[:, inside] * root) @ np.linalg.pinv(task.design[inside] * root[:, None]).T
    )


def linearized_crossings(task: FitProblem, line: Floats) -> Floats:
    """Crossings of all rows by what their profiles are where a law passes, on the law's straight line.

    Unlike the crossings themselves they are finite for every profile, and linear in the means.

    Args:
        task: the columns and the bend.
        line: the law's straight line in each column, (columns,).
    Returns:
        Shape (rows, columns); NaN in columns where the law is beyond the grid.
    """
    reader = task.reader
    at = task.link.value(line)
    value = _values_on(task, line)
    slope = _spread(task, value) / task.error
    inside = (at >= reader.grid[0]) & (at <= reader.grid[-1])
    # Near its transition a profile is steeper than over the whole grid; noise can say otherwise.
    rise = max(_rise(reader, np.where(inside, at, np.nan)), reader.rise) if inside.any() else 0.0
    if rise <= 0:
        return np.full(value.shape, np.nan)
    # Errors of crossings are a little less than slopes say, since monotone fits calm the draws.
    slope *= rise / slope[inside].mean()
    # Where profiles hardly rise, a draw leaves the grid; how far beyond is unknown.
    span = reader.grid[-1] - reader.grid[0]
    step = np.clip(value / slope, -span, span) / task.link.derivative(line)
    return np.where(inside, line - step, np.nan)


class _Problem(NamedTuple):
    reader: Reader
    design: Floats
    error: Floats
    link: Link
    spread: Floats


def _values_on(task: FitProblem, line: Floats) -> Floats:
    """Values of all profiles where a law passes, or at the edge beyond which it does, (rows, columns)."""
    reader = task.reader
    at = np.clip(task.link.value(line), reader.grid[0], reader.grid[-1])
    return reader.read(at[None], np.arange(reader.rows))[0]


def _spread(task: FitProblem, values: Floats) -> Floats:
    """Standard deviations of the drawn profiles where a law passes: what an error of y is in them."""
    spread = values[1:].std(axis=0)
    varies = spread > NEGLIGIBLE
    if not varies.any():
        return task.reader.rise * task.error
    return shrink_errors(np.where(varies, spread, np.nan), task.dof)


def _rise(reader: Reader, at: Floats) -> float:
    """Mean slope of the observed profiles within half a step of where a law passes."""
    apart = float(np.median(np.diff(reader.grid))) / 2
    first = np.zeros(1, dtype=np.int64)
    low, high = (
        np.clip(at + shift, reader.grid[0], reader.grid[-1])[None] for shift in (-apart, apart)
    )
    rise = reader.read(high, first)[0] - reader.read(low, first)[0]
    return float(np.nanmean(rise / np.maximum(high - low, NEGLIGIBLE)))


def _solve(problem: _Problem, theta: Floats, rows: Ints) -> Floats:
    """Gauss–Newton steps from θ (rows, parameters), shortened where they went too far."""
    grid = problem.reader.grid
    last, longest = (
        np.zeros(theta.shape),
        np.full(len(theta), MAX_FIRST_STEP * (grid[-1] - grid[0])),
    )
    count, busy = np.zeros(len(theta)), np.arange(len(theta))
    close = (TOLERANCE if len(rows) == 1 else TOLERANCE_OF_DRAWS) * problem.error.min()
    for _ in range(MAX_ITERATIONS):
        force, matrix, line, count[busy] = _force(problem, theta[busy], rows[busy])
        move = -np.linalg.solve(_regular(matrix), force[..., None])[..., 0]
        longest[busy] *= np.where((force * last[busy]).sum(axis=1) > 0, STEP_REDUCTION, 1.0)
        length = np.abs((move @ problem.design.T) * problem.link.derivative(line)).max(axis=1)
        last[busy] = move * np.minimum(1.0, longest[busy] / np.maximum(length, NEGLIGIBLE))[:, None]
        theta[busy] += last[busy]
        busy = busy[np.minimum(length, longest[busy]) > close]
        if not len(busy):
            break
    return np.where((count < MIN_COLUMNS_TO_FIT)[:, None], np.nan, theta)


def _force(problem: _Problem, theta: Floats, rows: Ints) -> tuple[Floats, Floats, Floats, Floats]:
    """The sum to be zero, its slope, the law's straight line, and the columns where it is inside."""
    line = theta @ problem.design.T
    value, inside = problem.reader.read(problem.link.value(line), rows)
    root = np.where(inside, problem.link.derivative(line) / problem.error, 0.0)
    scores = root * np.where(inside, value / problem.spread, 0.0)
    pairs = (problem.design[:, :, None] * problem.design[:, None, :]).reshape(
        len(problem.design), -1
    )
    size = theta.shape[1]
    matrix = (root**2 @ pairs).reshape(-1, size, size)
    return scores @ problem.design, matrix, line, inside.sum(axis=1)


def _regular(matrix: Floats) -> Floats:
    """Matrices with a tiny ridge, which keeps laws that few columns hold from running away."""
    size = np.trace(matrix, axis1=1, axis2=2)[:, None, None]
    return np.asarray(matrix + (1e-9 * size + NEGLIGIBLE) * np.eye(matrix.shape[1]))


def _safe_log(t: Floats) -> Floats:
    return np.asarray(np.log(np.maximum(t, NEGLIGIBLE)))
