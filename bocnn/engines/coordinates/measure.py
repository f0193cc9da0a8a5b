"""Measures of a run in d coordinates.

The test error on Gaussian noise needs the products of the filters alone (`bocnn.measure.test_error`); other
noise is drawn anew.
"""

import math
from typing import NamedTuple

import numpy as np

from bocnn.arrays import Array
from bocnn.data.draws import Seed
from bocnn.dynamics.activation import activate
from bocnn.dynamics.state import StepType
from bocnn.engines.coordinates.draw import DrawnRun, Row, padded
from bocnn.engines.coordinates.products import project, write_filter_products, write_inner
from bocnn.engines.coordinates.state import Inner, TrainingOptions
from bocnn.engines.coordinates.train import StoppedAt
from bocnn.engines.cpu.stages import workspace_bytes
from bocnn.measure.fresh_output import FreshOutput, cholesky
from bocnn.measure.measures import Measures, training_error
from bocnn.measure.test_error import clean_error
from bocnn.simd.arena import new_arena
from bocnn.simd.compiler.compiled import compiled
from bocnn.simd.lanes import aligned, lane_count
from bocnn.simd.products import round_up


class MeasuredRun(NamedTuple):
    """A trained run.

    inner: products of its filters and training patches. f: its outputs on the training set.
    """

    drawn: DrawnRun
    row: Row
    seed: Seed
    descent: TrainingOptions
    inner: Inner
    f: Array

    @property
    def filters(self) -> Array:
        """Weights of the hidden layer, (2m, D)."""
        return self.drawn.filters.weights[: 2 * int(self.row["m"])]

    @property
    def centres(self) -> Array:
        """Products of signal patches and filters, (C, 2m), float64."""
        scale, filters = float(self.row["mu_norm"]), 2 * int(self.row["m"])
        along = self.inner.signal[:, :filters].astype(np.float64)
        return np.stack([scale * j * along[k] for _, k, j in self.drawn.model.signals.centres])


def measure(run: MeasuredRun, trained: StoppedAt) -> Measures:
    """Measure a trained run.

    Args:
        run: the run; nothing is changed.
        trained: where training ended.
    """
    row, centres, m = run.row, run.centres, int(run.row["m"])
    half = len(centres) // 2
    signal = float(max(centres[:half, :m].max(), centres[half:, m:].max()))
    noise = _memorized(run, m)
    products = aligned((round_up(2 * m), round_up(2 * m)), np.float64)
    write_filter_products(run.filters, products)
    squares = float(np.trace(products))
    clean, error = _test_error(run, products)
    span, weights = 1 - 2 * float(row["p_flip"]), run.drawn.output.weights.astype(np.float64)
    return Measures(
        train_loss=trained.loss,
        train_error=training_error(run.drawn.patches.observed, run.f),
        test_error=float(row["p_flip"]) + span * clean,
        test_error_clean=clean,
        test_error_se=span * error,
        max_w_mu=signal,
        max_w_xi=noise,
        signal_to_noise=signal / noise if noise > 0.0 else math.nan,
        max_v1=float(weights[0].max()),
        max_v2=float(weights[1].max()),
        w_norm=math.sqrt(squares),
        v_norm=float(np.sqrt((weights**2).sum())),
        steps_run=float(trained.steps),
    )


def _memorized(run: MeasuredRun, m: int) -> float:
    """Largest product of a noise patch and a filter of its sample's class."""
    by_class = run.inner.noise[: 2 * m].reshape(2, m, -1)
    positive = run.drawn.patches.observed > 0
    own = np.where(positive, by_class[0], by_class[1])
    return float(own.max())


def _test_error(run: MeasuredRun, products: Array) -> tuple[float, float]:
    """Clean test error and its Monte Carlo standard error, by products of the filters, changed in place."""
    descent, signs = run.descent, run.drawn.output.signs.astype(np.float64)
    v1, v2 = signs * run.drawn.output.weights
    on_centres = np.empty_like(run.centres)
    activate_all(descent.activation, descent.leak, run.centres.reshape(-1), on_centres.reshape(-1))
    centres = (v1 * on_centres).sum(axis=1)
    if run.drawn.model.noise.gram_code is None:
        return _drawn_error(run, centres, v2)
    if run.row["noise"] == "orthogonal":
        project(run.drawn.patches, run.filters, np.empty(v2.size), products)
    products *= float(run.row["sigma_p"]) ** 2
    cholesky(products, np.empty(len(products)))
    none = np.empty((0, v2.size))
    fresh = FreshOutput(centres, np.ones(centres.size), np.zeros(v2.size), products, v2, none)
    step_type = StepType(descent.activation, descent.leak, descent.loss, False)
    n, m, n_test = (int(run.row[name]) for name in ("n", "m", "n_test"))
    arena = new_arena(1, workspace_bytes(n, m, n_test)[1])
    return clean_error(fresh, step_type, n_test, run.seed, arena)


def _drawn_error(run: MeasuredRun, centres: Array, weights: Array) -> tuple[float, float]:
    """Clean test error on fresh noise patches that are drawn, and its standard error."""
    patches, model = run.drawn.patches, run.drawn.model
    basis, real = model.signals.basis(patches.dimension, patches.support), run.f.dtype
    drawn = padded(model.fresh(run.row, run.seed, basis), real)
    inner = Inner(
        np.empty((len(run.drawn.filters.weights), len(drawn)), drawn.dtype),
        np.empty_like(run.inner.signal),
    )
    sums = aligned((*inner.noise.shape, lane_count(real)), real)
    write_inner(patches._replace(noise=drawn), run.drawn.filters, sums, inner)
    before = inner.noise[: weights.size].astype(np.float64)
    after = np.empty_like(before)
    activate_all(run.descent.activation, run.descent.leak, before.reshape(-1), after.reshape(-1))
    outputs = (weights[:, None] * after).sum(axis=0)
    margins = model.classes()[:, None] * (centres[:, None] + outputs)
    wrong = (0.5 - 0.5 * np.sign(margins)).mean(axis=0)
    spread = wrong.std(ddof=1) / math.sqrt(wrong.size) if wrong.size > 1 else math.nan
    return float(wrong.mean()), float(spread)


@compiled(_nrt=False)
def activate_all(activation: int, leak: float, before: Array, after: Array) -> None:
    """Write φ of flat arrays.

    Args:
        activation: its code.
        leak: slope of leaky_relu below zero.
        before: pre-activations.
        after: written.
    """
    activate(activation, leak, before, after)
