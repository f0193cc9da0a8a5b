"""What makes the boundary at finite d differ from the one at d = ∞, term by term: a table in Markdown.

    python -m benchmarks.limit_terms

The hidden layer is trained in plain NumPy as `bocnn.models.limit.descent` has it, without flips, then again
with one term of relative order √(n/d) that the limit leaves out. Each cell is the term's part of c in
C(d) = C(∞) (1 + c √(n/d)), from the difference of clean errors run by run, with its standard error.
"""

import math
from typing import NamedTuple

import numpy as np
from scipy.stats import chi2

from benchmarks.limit import Point
from bocnn.arrays import Array

_SEED = 1
_DIRECTIONS = 200
_CHUNK = 250
"""Runs whose test draws are in memory at once."""


class Terms(NamedTuple):
    """Terms that are not left out.

    test: inner products of patches and of the start in the law of fresh noise. outputs: z/√d in training
    outputs. signal: the signal's share of them. start: the filters' start along μ. activity: filters are
    active by the sign of U + z/√d.
    """

    test: bool = False
    outputs: bool = False
    signal: bool = False
    start: bool = False
    activity: bool = False


class Drawn(NamedTuple):
    """Labels (runs, n), g (runs, n, n), z⁰ (runs, 2m, n) and the start along μ (runs, 2m)."""

    label: Array
    g: Array
    z: Array
    along: Array


class Trained(NamedTuple):
    """U (runs, 2m, n) and S (runs, 2m)."""

    u: Array
    signal: Array


def draw(point: Point, runs: int) -> Drawn:
    """What runs start from."""
    rng = np.random.default_rng(_SEED)
    label = rng.choice([-1.0, 1.0], (runs, point.n))
    below = np.tril(rng.standard_normal((runs, point.n, point.n)), -1)
    z = point.kappa * math.sqrt(point.n) * rng.standard_normal((runs, 2 * point.m, point.n))
    along = rng.standard_normal((runs, 2 * point.m))
    return Drawn(label, below + below.transpose(0, 2, 1), z, along)


def signs(m: int) -> Array:
    """Classes of the filters, (2m,)."""
    return np.repeat([1.0, -1.0], m)


def train(drawn: Drawn, point: Point, d: float, terms: Terms) -> Trained:
    """Train each run to its loss."""
    u, z, signal = np.zeros_like(drawn.z), drawn.z.copy(), np.zeros_like(drawn.along)
    if terms.start:
        signal += point.kappa * point.n**0.75 / (point.signal * d) ** 0.25 * drawn.along
    left = np.arange(len(signal))
    sign = signs(point.m)[None, :, None]
    while left.size:
        label = drawn.label[left, None, :]
        beside = z[left] / math.sqrt(d)
        active = (u[left] > 0) | ((u[left] == 0) & (beside > 0))
        if terms.activity:
            active = u[left] + beside > 0
        patch = np.where(active, u[left] + beside * terms.outputs, 0.0)
        seen = np.maximum(label * signal[left, :, None], 0) * terms.signal
        output = np.maximum(patch, 0) if terms.activity else patch
        output = output + math.sqrt(point.signal / (point.n * d)) * seen
        margin = label[:, 0] * (sign * output).sum(1) / point.m
        going = np.logaddexp(0, -margin).mean(1) > point.loss_tol
        left, label, active = left[going], label[going], active[going]
        pull = point.step_size * sign * label / (1 + np.exp(margin[going, None, :]))
        side = np.where(signal[left] == 0, drawn.along[left], signal[left])[:, :, None]
        signal[left] += (label * pull * (label * side > 0)).sum(2)
        u[left] += pull * active
        z[left] += (pull * active) @ drawn.g[left]
    return Trained(u, signal)


def clean_error(drawn: Drawn, trained: Trained, point: Point, d: float, *, test: bool) -> Array:
    """The clean test error of each run; the lengths of normal vectors are integrated over exactly."""
    u, m = trained.u, point.m
    law = u @ u.transpose(0, 2, 1) / point.n + point.kappa**2 * np.eye(2 * m)
    if test:
        cross = u @ drawn.z.transpose(0, 2, 1)
        beside = cross + cross.transpose(0, 2, 1) + u @ drawn.g @ u.transpose(0, 2, 1)
        law = law + beside / (point.n * math.sqrt(d))
    root = np.linalg.cholesky(law + 1e-12 * np.eye(2 * m))
    rng, error = np.random.default_rng(_SEED), np.empty(len(u))
    for first in range(0, len(u), _CHUNK):
        part = slice(first, min(first + _CHUNK, len(u)))
        normal = rng.standard_normal((len(error[part]), _DIRECTIONS, 2 * m))
        normal /= np.linalg.norm(normal, axis=2, keepdims=True)
        h = normal @ root[part].transpose(0, 2, 1)
        error[part] = np.mean(
            [
                _chance_wrong(side * h, trained.signal[part], point, label)
                for side in (1, -1)
                for label in (1, -1)
            ],
            axis=0,
        )
    return error


def _chance_wrong(h: Array, signal: Array, point: Point, label: int) -> Array:
    """Chance that a fresh sample of a class is classified wrongly, (runs,), over lengths of h."""
    sign = signs(point.m)
    seen = label * (sign * np.maximum(label * signal, 0)).sum(1, keepdims=True)
    seen = math.sqrt(point.signal) / point.n * seen
    noise = label * (sign * np.maximum(h, 0)).sum(2)
    reach = np.abs(seen) / np.maximum(np.abs(noise), 1e-100)
    beyond = chi2.sf(np.minimum(reach, 1e100) ** 2, 2 * point.m)
    wrong = np.where(seen > 0, beyond * (noise < 0), 1 - beyond * (noise > 0))
    return np.asarray(wrong.mean(1))


class Setting(NamedTuple):
    """A point at its C, d, and replicates."""

    point: Point
    d: float
    runs: int


SETTINGS = (
    Setting(Point(signal=0.3596), 1e6, 2000),
    Setting(Point(signal=2.593), 1e6, 2000),
    Setting(Point(signal=0.2592, kappa=3.0), 1e6, 2000),
    Setting(Point(signal=0.3087, step_size=0.05), 1e4, 500),
    Setting(Point(signal=0.303, step_size=0.0125), 1e4, 200),
    Setting(Point(signal=2.1, step_size=0.0125), 1e4, 200),
)
EACH = (
    *(Terms(**{name: True}) for name in Terms._fields[:4]),
    Terms(test=True, outputs=True, signal=True, start=True),
    Terms(activity=True),
    Terms(*(True for _ in Terms._fields)),
)


def setting_row(setting: Setting) -> str:
    """A row of the table."""
    point, d, runs = setting
    drawn = draw(point, runs)
    limit = train(drawn, point, d, Terms())
    plain = clean_error(drawn, limit, point, d, test=False)
    step = 0.1
    around = [point._replace(signal=point.signal * math.exp(by)) for by in (-step, step)]
    low, high = (clean_error(drawn, limit, one, d, test=False).mean() for one in around)
    scale = -2 * step / (high - low) * math.sqrt(d / point.n)
    cells = [f"{value:g}" for value in (point.step_size, point.kappa, d)]
    cells.append(f"{plain.mean():.3f}")
    for terms in EACH:
        trained = train(drawn, point, d, terms)
        part = scale * (clean_error(drawn, trained, point, d, test=terms.test) - plain)
        cells.append(f"{part.mean():+.3f} ± {part.std(ddof=1) / math.sqrt(runs):.3f}")
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Print the table."""
    names = ["h", "κ", "d", "error", *Terms._fields[:4], "these four", "activity", "all"]
    print(f"| {' | '.join(names)} |\n|{'---|' * len(names)}")
    for setting in SETTINGS:
        print(setting_row(setting), flush=True)


if __name__ == "__main__":
    main()
