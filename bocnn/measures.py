"""What is measured on a run: training fit, test error, signal learning and noise memorization."""

import math
from typing import NamedTuple

import numpy as np

from bocnn.arrays import Array
from bocnn.compiled import compiled
from bocnn.draws import Seed
from bocnn.gram import Kind, Network, Points
from bocnn.laws import Geometry, Law, trained_filters
from bocnn.losses import loss_value
from bocnn.risk import clean_error, fresh_samples, wrongness


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


class Run(NamedTuple):
    """A run between draw and measure; `output` is f of the training samples as the network stands."""

    law: Law
    kind: Kind
    geometry: Geometry
    points: Points
    network: Network
    output: Array


@compiled()
def measure(run: Run, n_test: int, seed: Seed, steps: int) -> Measures:
    """Measure a run as it stands after `steps` steps.

    Args:
        run: the run; nothing is changed.
        n_test: fresh noise draws of the test error.
        seed: the run's.
        steps: steps that it has taken.
    """
    network, points, kind = run.network, run.points, run.kind
    trained = trained_filters(run.geometry, network)
    fresh = fresh_samples(run.law, run.geometry, trained, network, kind)
    clean, error = clean_error(fresh, kind, n_test, seed)
    span = 1.0 - 2.0 * run.law.p_flip
    signal = learning(run.geometry, trained)
    noise = memorization(points.observed, run.geometry, network, trained)
    weights = network.output[:, : trained.shape[0]].astype(np.float64)
    return Measures(
        loss_value(kind.loss, points.observed, run.output),
        training_error(points.observed, run.output),
        run.law.p_flip + span * clean,
        clean,
        span * error,
        signal,
        noise,
        signal / noise if noise > 0.0 else math.nan,
        np.max(weights[0]),
        np.max(weights[1]),
        math.sqrt(np.sum(trained * trained)),
        math.sqrt(np.sum(weights * weights)),
        float(steps),
    )


@compiled()
def training_error(observed: Array, output: Array) -> float:
    """Share of training samples whose observed label the sign of f misses; f = 0 counts half."""
    return float(np.mean(wrongness(observed * output)))


@compiled()
def learning(geometry: Geometry, trained: Array) -> float:
    """max over classes j, filters r of class j and centres μ_c of class j of ⟨w_{j,r}, μ_c⟩."""
    half, signals = trained.shape[0] // 2, geometry.signals
    largest = -math.inf
    for c in range(geometry.labels.size):
        first = 0 if geometry.labels[c] > 0 else half
        centre = geometry.points[c, :signals]
        for k in range(first, first + half):
            largest = max(largest, np.sum(trained[k, :signals] * centre))
    return largest


@compiled()
def memorization(observed: Array, geometry: Geometry, network: Network, trained: Array) -> float:
    """max over samples i and filters r of class y_i of ⟨w_{y_i,r}, ξ_i⟩; a bias is not counted.

    Args:
        points: the training set.
        geometry: the run's coordinates.
        network: the trained network.
        trained: its filters in the coordinates, (2m, D).
    """
    half, count = trained.shape[0] // 2, geometry.labels.size
    biased = geometry.widths[0] > geometry.signals
    largest = -math.inf
    for i in range(observed.size):
        first = 0 if observed[i] > 0 else half
        for k in range(first, first + half):
            bias = trained[k, geometry.signals] if biased else 0.0
            activation = np.float64(network.activations[k, count + i])
            largest = max(largest, activation - bias)
    return largest
