"""Measures of a run: training fit, test error, signal learning and noise memorization."""

import math
from typing import NamedTuple

import numpy as np

from bocnn.arrays import Array
from bocnn.data.draws import Seed
from bocnn.data.geometry import trained_filters
from bocnn.data.model import Geometry
from bocnn.data.one_vector import as_patches
from bocnn.data.records import EVERY
from bocnn.data.strengths import flip_chance, kinds_of
from bocnn.dynamics.losses import loss_value
from bocnn.dynamics.state import Network
from bocnn.measure.fresh_output import fresh_output, reweighted
from bocnn.measure.run_state import RunState
from bocnn.measure.test_error import clean_error, zero_one_loss
from bocnn.simd.arena import Arena
from bocnn.simd.compiler.compiled import compiled


class Measures(NamedTuple):
    """The measured columns of a run, in the dataset's order; all float64."""

    train_loss: float
    train_error: float
    test_error: float
    test_error_clean: float
    test_error_se: float
    max_w_mu: float
    max_w_xi: float
    signal_to_noise: float
    max_v1: float
    max_v2: float
    w_norm: float
    v_norm: float
    steps_run: float


@compiled()
def measure(run: RunState, n_test: int, seed: Seed, steps: int, arena: Arena) -> Measures:
    """Measure a run after `steps` steps.

    Args:
        run: the run; nothing is changed.
        n_test: fresh noise draws of the test error.
        seed: the run's.
        steps: steps that it has taken.
        arena: to work in.
    """
    network, training_set, step_type = run.network, run.training_set, run.step_type
    trained = trained_filters(run.geometry, network, arena)
    fresh = fresh_output(run, trained, arena)
    share = run.parameters.classes.positive
    if share != 0.5:
        fresh = reweighted(fresh, (2.0 * share, 2.0 - 2.0 * share), arena)
    clean, error = clean_error(fresh, step_type, n_test, seed, arena)
    noisy, noisy_error = _noisy_error(fresh, run, (clean, error), (n_test, seed), arena)
    signal = signal_learning(run.geometry, trained)
    geometry, parted = run.geometry, network
    if run.parameters.summed:
        geometry, parted = as_patches(geometry, network, training_set.shared, trained, arena)
    noise = noise_memorization(training_set.observed, geometry, parted, trained)
    largest, size = _output_sizes(network, 2 * geometry.m)
    return Measures(
        loss_value(step_type.loss, training_set.observed, run.output),
        training_error(training_set.observed, run.output),
        noisy,
        clean,
        noisy_error,
        signal,
        noise,
        signal / noise if noise > 0.0 else math.nan,
        math.nan if run.parameters.summed else largest[0],
        largest[1],
        _norm(trained),
        size,
        float(steps),
    )


@compiled()
def _noisy_error(fresh, run, clean, draws, arena):  # type: ignore[no-untyped-def]
    """Test error against the observed label, and its standard error: (1 − 2p) clean + p at each centre.

    Classes count by their shares.

    Args:
        fresh: distribution of its outputs.
        run: the run.
        clean: test error against the clean label, and its standard error.
        draws: fresh noise draws, and the run's seed.
        arena: to work in.
    """
    flips = run.parameters.flips
    if flips.positive == flips.negative and flips.hard == EVERY:
        span = 1.0 - 2.0 * flips.positive
        return flips.positive + span * clean[0], span * clean[1]
    kept, kinds = reweighted(fresh, (1.0, 1.0), arena), kinds_of(run.parameters.strengths)
    half, positive, negative = kept.centres.size // 2, 0.0, 0.0
    for c in range(2 * half):
        p = flip_chance(flips, c < half, c % kinds)
        of_centre = p * kept.centre_weights[c]
        if c < half:
            positive += of_centre
        else:
            negative += of_centre
        kept.centre_weights[c] *= 1.0 - 2.0 * p
    missed, error = clean_error(kept, run.step_type, draws[0], draws[1], arena)
    return 0.5 * (positive / half + negative / half) + missed, error


@compiled(fastmath={"contract", "reassoc"}, _nrt=False)
def _norm(matrix: Array) -> float:
    """Frobenius norm."""
    total, flat = 0.0, matrix.reshape(-1)
    for i in range(flat.size):
        total += flat[i] * flat[i]
    return math.sqrt(total)


@compiled(_nrt=False)
def _output_sizes(network: Network, filters: int) -> tuple[tuple[float, float], float]:
    """Largest output weight of the signal patch and of the noise patches, and the norm of all."""
    first, second, squares = -math.inf, -math.inf, 0.0
    patches = network.output.shape[0]
    for k in range(filters):
        v1, v2 = np.float64(network.output[0, k]), np.float64(network.output[1, k])
        first, second = v1 if v1 > first else first, v2 if v2 > second else second
        squares += v1 * v1 + v2 * v2
        for p in range(2, patches):
            v = np.float64(network.output[p, k])
            second = v if v > second else second
            squares += v * v
    return (first, second), math.sqrt(squares)


@compiled(_nrt=False)
def training_error(observed: Array, output: Array) -> float:
    """Share of training samples whose observed label the sign of f misses; f = 0 counts half.

    Args:
        observed: y, shape (n,).
        output: f, shape (n,).
    Returns:
        In [0, 1]; NaN where an output is.
    """
    wrong = 0.0
    for i in range(output.size):
        wrong += zero_one_loss(observed[i] * output[i])
    return wrong / output.size


@compiled(_nrt=False)
def signal_learning(geometry: Geometry, trained: Array) -> float:
    """max over classes j, filters r of class j and centres μ_c of class j of ⟨w_{j,r}, μ_c⟩.

    Args:
        geometry: the run's coordinates.
        trained: filters in them, from `trained_filters`.
    """
    half, largest = geometry.m, -math.inf
    for c in range(geometry.labels.size):
        first = 0 if geometry.labels[c] > 0 else half
        for k in range(first, first + half):
            total = 0.0
            for j in range(geometry.signals):
                total += trained[j, k] * geometry.points[j, c]
            largest = total if total > largest else largest
    return largest


@compiled(_nrt=False)
def noise_memorization(
    observed: Array, geometry: Geometry, network: Network, trained: Array
) -> float:
    """max over samples i, their noise patches and filters r of class y_i of ⟨w_{y_i,r}, ξ_i⟩, without bias.

    Args:
        observed: y.
        geometry: the run's coordinates.
        network: the trained network.
        trained: its filters in the coordinates, from `trained_filters`.
    """
    half, count = geometry.m, geometry.labels.size
    biased = geometry.widths[0] > geometry.signals
    largest = -math.inf
    for i in range(geometry.widths.size - count):
        first = 0 if observed[i % observed.size] > 0 else half
        for k in range(first, first + half):
            bias = trained[geometry.signals, k] if biased else 0.0
            activation = np.float64(network.activations[k, count + i])
            product = activation - bias
            largest = product if product > largest else largest
    return largest
