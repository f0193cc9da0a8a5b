"""Measures of a trained run of the model `deep`; the test error needs the filters' covariance alone.

On a fresh sample with centre c and noise patch ξ an output is S_c + N(h), where h = ⟨b_k, ξ⟩ is Gaussian
with the covariance σ_p² W Wᵀ. Draws of h are those of `bocnn.measure.test_error`, in mirrored pairs, and go
through the upper layers. Without batch and layer normalization N is homogeneous, N(r h) = r N(h), whatever
the depth: then the chance of an error over the length of the normal vector drawn is exact there too.
"""

import math
from typing import NamedTuple

import numpy as np

from bocnn.arrays import Array, Ints
from bocnn.data.draws import TEST
from bocnn.data.sampler import QuantitySampler
from bocnn.measure.chi_tails import write_chances_negative, write_crossings
from bocnn.measure.fresh_output import cholesky
from bocnn.measure.measures import Measures, training_error
from bocnn.models.deep.descent import DeepState, mean_loss
from bocnn.models.deep.network import Architecture, DeepPoints, write_outputs
from bocnn.models.deep.normalization import (
    BATCH,
    LAYER,
    WEIGHT,
    filter_norm,
    standardize_filters,
)
from bocnn.models.deep.start import DeepVectors, Row, new_layers, seed_of
from bocnn.rng.normals import CHUNK_NORMALS
from bocnn.simd.lanes import aligned
from bocnn.simd.products import round_up
from bocnn.simd.random_words import WORD_LANES


class TrainedDeep(NamedTuple):
    """A trained run: its parameters and key, vectors, training points, and state."""

    row: Row
    vectors: DeepVectors
    points: DeepPoints
    architecture: Architecture
    state: DeepState

    @property
    def gains(self) -> Array:
        """What a filter is multiplied with, (K,): 1 but for weight normalization."""
        weights, m = self.state.weights, int(self.row["m"])
        gains = np.ones(len(weights.scale))
        if self.architecture.normalization == WEIGHT:
            for k in range(2 * m):
                gains[k] = weights.gain[k] / filter_norm(weights, self.points, k)
        return gains

    @property
    def filters(self) -> Array:
        """The filters in the coordinates of the vectors, and θ of a linear skip, (D, K)."""
        weights, start = self.state.weights, self.vectors.filters
        trained = self.vectors.points @ weights.coefficients.T
        trained[:, : start.shape[1]] += start * weights.scale[: start.shape[1]]
        return trained * self.gains


def measure(run: TrainedDeep, steps: int) -> dict[str, float]:
    """The measures of a run; some are not finite where it has left the finite numbers.

    Args:
        run: the run; its forward pass is that of its weights.
        steps: taken.
    """
    weights, observed, m = run.state.weights, run.points.observed, int(run.row["m"])
    filters, inner = run.filters, weights.inner * run.gains[:, None]
    signal = float(max(inner[:m, 0].max(), inner[m : 2 * m, 1].max()))
    own = np.where(observed > 0, inner[:m, 2:], inner[m : 2 * m, 2:])
    noise, p_flip = float(own.max()), float(run.row["p_flip"])
    clean, error = clean_error(run, filters)
    squares = (weights.middle**2).sum() + (weights.output**2).sum()
    found = Measures(
        train_loss=mean_loss(observed, run.state.f[0]),
        train_error=training_error(observed, run.state.f[0]),
        test_error=p_flip + (1 - 2 * p_flip) * clean,
        test_error_clean=clean,
        test_error_se=(1 - 2 * p_flip) * error,
        max_w_mu=signal,
        max_w_xi=noise,
        signal_to_noise=signal / noise if noise > 0 else math.nan,
        max_v1=float(weights.output[:, 0].max()),
        max_v2=float(weights.output[:, -1].max()),
        w_norm=float(np.linalg.norm(filters[:, : 2 * m])),
        v_norm=math.sqrt(squares),
        steps_run=float(steps),
    )
    return {**found._asdict(), "flow_time": float(run.state.progress[0])}


def clean_error(run: TrainedDeep, filters: Array) -> tuple[float, float]:
    """Test error against the clean label, and its Monte Carlo standard error.

    Args:
        run: the run.
        filters: from `TrainedDeep.filters`, (D, K).
    Returns:
        Error and standard error, NaN of a single pair.
    """
    normals = test_normals(run)
    pre = (_root(run, filters).T @ normals)[: filters.shape[1]]
    noise = fresh_outputs(run, np.concatenate([pre, -pre], axis=1), position=1)
    centres = tuple(
        float(x) for x in fresh_outputs(run, run.state.weights.inner[:, :2], position=0)
    )
    if run.architecture.normalization in (BATCH, LAYER):
        plus, minus = centres
        wrong = 0.25 * (2 - np.sign(plus + noise) - np.sign(-minus - noise))
    else:
        lengths = np.tile(np.sqrt((normals**2).sum(axis=0)), 2)
        wrong = _chances(centres, noise / lengths, len(normals) // 2)
    return _mean_of_pairs(wrong.reshape(2, -1), int(run.row["n_test"]))


def test_normals(run: TrainedDeep) -> Array:
    """Normal vectors of the test in the engine's order, (2m, pairs), two components more with a skip."""
    pairs = (int(run.row["n_test"]) + 1) // 2
    chunks = -(-pairs // CHUNK_NORMALS)
    size = 2 * int(run.row["m"]) + (2 if run.row["skip"] == "linear" else 0)
    drawn = QuantitySampler(seed_of(run.row), TEST).normals((chunks * size, CHUNK_NORMALS))
    blocks = drawn.reshape(chunks, size, WORD_LANES, -1).transpose(1, 0, 3, 2)
    return blocks.reshape(size, -1)[:, :pairs]


def fresh_outputs(run: TrainedDeep, inner: Array, *, position: int) -> Array:
    """What patches add to an output, (patches,).

    Args:
        run: the run, whose statistics normalize them.
        inner: ⟨b_k, x⟩, (K, patches).
        position: 0 for signal patches, 1 for noise patches.
    """
    weights, m = run.state.weights, int(run.row["m"])
    effective = np.array(inner * run.gains[:, None], order="C")
    layers = new_layers(effective.shape, weights.middle.shape[0] + 2, m)
    if run.architecture.normalization == BATCH:
        shares, own = run.points.shares, weights.inner[: 2 * m]
        mean = own @ shares
        variance = ((own - mean[:, None]) ** 2) @ shares
        root = np.sqrt(variance + run.architecture.epsilon)
        effective[: 2 * m] = (effective[: 2 * m] - mean[:, None]) / root[:, None]
    elif run.architecture.normalization == LAYER:
        standardize_filters(run.architecture.epsilon, m, effective, layers.factor)
    layers = layers._replace(effective=effective)
    at: Ints = np.full(effective.shape[1], position, np.int64)
    write_outputs(run.architecture, weights, at, layers)
    return layers.outputs


def _root(run: TrainedDeep, filters: Array) -> Array:
    """The Cholesky factor of the covariance of b on fresh noise: h = rootᵀ e, zeros beyond the filters."""
    along = 0 if run.row["noise"] == "isotropic" else 1
    raw = filters / run.gains
    size = 2 * int(run.row["m"]) + (2 if run.row["skip"] == "linear" else 0)
    root, kept = aligned((round_up(size), round_up(size)), np.float64), raw.shape[1]
    root[:kept, :kept] = float(run.row["sigma_p"]) ** 2 * (raw[along:].T @ raw[along:])
    cholesky(root, np.empty(len(root)))
    return root[:size, :size]


def _chances(centres: tuple[float, ...], slopes: Array, half: int) -> Array:
    """Mean over both classes of the chance that S + r N is of the wrong sign, r chi with 2·half degrees."""
    plus, minus = centres
    rows = np.empty((3, slopes.size))
    rows[0] = slopes
    if plus > 0.0 and minus < 0.0:
        write_crossings((plus, minus), half, rows)
        return 0.5 * rows[2]
    write_chances_negative(plus, half, rows)
    wrong = 0.5 * rows[2]
    rows[0] = -slopes
    write_chances_negative(-minus, half, rows)
    return wrong + 0.5 * rows[2]


def _mean_of_pairs(wrong: Array, n_test: int) -> tuple[float, float]:
    """Mean of draws and their mirror images, (2, pairs), and its standard error; the last may be alone."""
    error, weights = wrong.mean(axis=0), np.ones(wrong.shape[1])
    if n_test % 2 == 1:
        error[-1], weights[-1] = wrong[0, -1], 0.5
    mean = float((weights * error).sum() / weights.sum())
    if error.size == 1:
        return mean, math.nan
    squares = (weights * (error - mean) ** 2).sum()
    return mean, math.sqrt(squares / (weights.sum() * (error.size - 1)))
