"""Solves for laws that balance profiles: Σ wₓ vₓ(law(x)) ∂law/∂θ = 0, v the profile above the level."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from analysis.dataset.plane import Floats, Ints
from analysis.statistics.bootstrap import shrunk
from analysis.statistics.profiles import Profiles, Reader

FEWEST = 2
TINY = 1e-12
MOST_STEPS = 60
# Moves below these shares of a column's error end the search: for what was observed, and for draws.
CLOSE, CLOSE_ENOUGH = 1e-6, 1e-2
# The longest first move, as a share of the grid; it shrinks whenever a move went too far.
REACH, SHRINK = 0.15, 0.5


class Bend(NamedTuple):
    """What turns a law's straight line into the axis's coordinate, its derivative, and the way back."""

    value: Callable[[Floats], Floats]
    derivative: Callable[[Floats], Floats]
    back: Callable[[Floats], Floats]


def bend_of(kind: str, log: bool) -> Bend:
    """The bend of a "power" or "line" law on a log or a linear y axis; none for the axis's "own"."""
    if kind == "line" and log:
        return Bend(_safe_log, lambda t: 1 / np.maximum(t, TINY), np.exp)
    if kind == "power" and not log:
        return Bend(np.exp, np.exp, _safe_log)
    return Bend(lambda t: t, np.ones_like, lambda t: t)


class Task(NamedTuple):
    """A law to be fitted to columns: its straight line is design @ θ, bent into y's coordinate."""

    profiles: Profiles  # of the columns of one setting
    design: Floats  # (columns, parameters)
    error: Floats  # (columns,) of the crossings
    bend: Bend
    freedom: float  # degrees of freedom behind errors


def balanced(task: Task, crossings: Floats) -> Floats:
    """Coefficients of the law for the observed profiles (row 0) and for each draw.

    Args:
        task: the law and the columns.
        crossings: of the observed profiles, (columns,), ±inf beyond the grid: where to start.
    Returns:
        Shape (rows, parameters); NaN where fewer than two columns have the law inside the grid.
    """
    inside = np.isfinite(crossings)
    # The line through the bent-back crossings is near; its weights are those of the bent errors.
    line = task.bend.back(np.where(inside, crossings, 1.0))
    root = np.where(inside, task.bend.derivative(line) / task.error, 0.0)
    start = np.asarray(np.linalg.lstsq(task.design * root[:, None], line * root, rcond=None)[0])
    rows = np.arange(len(task.profiles.values))
    reader = task.profiles.reader
    for _ in range(2):
        spread = _spread(task, reader, task.design @ start)
        problem = _Problem(reader, *task[1:4], spread)
        start = _solve(problem, start[None], rows[:1])[0]
    return np.concatenate(
        [start[None], _solve(problem, np.tile(start, (len(rows) - 1, 1)), rows[1:])]
    )


def linear_part(task: Task, theta: Floats) -> Floats:
    """Coefficients of all rows to first order about a law: what is linear in the means.

    Args:
        task: the law and the columns.
        theta: the observed coefficients, (parameters,).
    Returns:
        Shape (rows, parameters); NaN where fewer than two columns have the law inside the grid.
    """
    line = task.design @ theta
    rows = crossings_about(task, line)
    inside = np.isfinite(rows[0])
    if inside.sum() < FEWEST:
        return np.full((len(rows), len(theta)), np.nan)
    root = (task.bend.derivative(line) / task.error)[inside]
    return np.asarray(
        (rows[:, inside] * root) @ np.linalg.pinv(task.design[inside] * root[:, None]).T
    )


def crossings_about(task: Task, line: Floats) -> Floats:
    """Crossings of all rows by what their profiles are where a law passes, on the law's straight line.

    Unlike the crossings themselves they are finite for every profile, and linear in the means.

    Args:
        task: the columns and the bend.
        line: the law's straight line in each column, (columns,).
    Returns:
        Shape (rows, columns); NaN in columns where the law is beyond the grid.
    """
    reader = task.profiles.reader
    at = task.bend.value(line)
    rows = np.arange(len(task.profiles.values))
    value, _ = reader.read(np.tile(at, (len(rows), 1)), rows)
    slope = _spread(task, reader, line) / task.error
    inside = (at >= reader.places[0]) & (at <= reader.places[-1])
    # Near its transition a profile is steeper than over the whole grid; noise can say otherwise.
    rise = max(_rise(reader, np.where(inside, at, np.nan)), reader.rise) if inside.any() else 0.0
    if rise <= 0:
        return np.full(value.shape, np.nan)
    # Errors of crossings are a little less than slopes say, since monotone fits calm the draws.
    slope *= rise / slope[inside].mean()
    # Where profiles hardly rise, a draw leaves the grid; how far beyond, nothing can tell.
    span = reader.places[-1] - reader.places[0]
    step = np.clip(value / slope, -span, span) / task.bend.derivative(line)
    return np.where(inside, line - step, np.nan)


class _Problem(NamedTuple):
    reader: Reader
    design: Floats
    error: Floats
    bend: Bend
    spread: Floats


def _spread(task: Task, reader: Reader, line: Floats) -> Floats:
    """Standard deviations of the drawn profiles where a law passes: what an error of y is in them."""
    rows = np.arange(1, len(task.profiles.values))
    at = np.clip(task.bend.value(line), reader.places[0], reader.places[-1])
    spread = reader.read(np.tile(at, (len(rows), 1)), rows)[0].std(axis=0)
    varies = spread > TINY
    if not varies.any():
        return reader.rise * task.error
    return shrunk(np.where(varies, spread, np.nan), task.freedom)


def _rise(reader: Reader, at: Floats) -> float:
    """Mean slope of the observed profiles within half a step of the places where a law passes."""
    apart = float(np.median(np.diff(reader.places))) / 2
    first = np.zeros(1, dtype=np.int64)
    low, high = (
        np.clip(at + shift, reader.places[0], reader.places[-1])[None] for shift in (-apart, apart)
    )
    rise = reader.read(high, first)[0] - reader.read(low, first)[0]
    return float(np.nanmean(rise / np.maximum(high - low, TINY)))


def _solve(problem: _Problem, theta: Floats, rows: Ints) -> Floats:
    """Gauss–Newton steps from θ (rows, parameters), shortened where they went too far."""
    places = problem.reader.places
    last, longest = np.zeros(theta.shape), np.full(len(theta), REACH * (places[-1] - places[0]))
    count, busy = np.zeros(len(theta)), np.arange(len(theta))
    close = (CLOSE if len(rows) == 1 else CLOSE_ENOUGH) * problem.error.min()
    for _ in range(MOST_STEPS):
        force, matrix, line, count[busy] = _force(problem, theta[busy], rows[busy])
        move = -np.linalg.solve(_regular(matrix), force[..., None])[..., 0]
        longest[busy] *= np.where((force * last[busy]).sum(axis=1) > 0, SHRINK, 1.0)
        length = np.abs((move @ problem.design.T) * problem.bend.derivative(line)).max(axis=1)
        last[busy] = move * np.minimum(1.0, longest[busy] / np.maximum(length, TINY))[:, None]
        theta[busy] += last[busy]
        busy = busy[np.minimum(length, longest[busy]) > close]
        if not len(busy):
            break
    return np.where((count < FEWEST)[:, None], np.nan, theta)


def _force(problem: _Problem, theta: Floats, rows: Ints) -> tuple[Floats, Floats, Floats, Floats]:
    """The sum to be zero, its slope, the law's straight line, and the columns where it is inside."""
    line = theta @ problem.design.T
    value, inside = problem.reader.read(problem.bend.value(line), rows)
    root = np.where(inside, problem.bend.derivative(line) / problem.error, 0.0)
    pull = root * np.where(inside, value / problem.spread, 0.0)
    pairs = (problem.design[:, :, None] * problem.design[:, None, :]).reshape(
        len(problem.design), -1
    )
    size = theta.shape[1]
    matrix = (root**2 @ pairs).reshape(-1, size, size)
    return pull @ problem.design, matrix, line, inside.sum(axis=1)


def _regular(matrix: Floats) -> Floats:
    """Matrices with a tiny ridge, which keeps laws that few columns hold from running away."""
    size = np.trace(matrix, axis1=1, axis2=2)[:, None, None]
    return np.asarray(matrix + (1e-9 * size + TINY) * np.eye(matrix.shape[1]))


def _safe_log(t: Floats) -> Floats:
    return np.asarray(np.log(np.maximum(t, TINY)))
