"""The gram engine on the CPU: one compiled loop per run, draws to measures, its state in cache.

A run's arithmetic never depends on which runs stand beside it. Scheduling, files and statuses' names
are left to others.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from bocnn.arrays import Array, Ints
from bocnn.draws import Seed, draw_factor, draw_labels, draw_signal, inner_products
from bocnn.gram import DIVERGED, Network, Sample, Schedule, loss, outputs, train
from bocnn.measures import (
    Measures,
    cholesky,
    clean_error,
    filter_factor,
    learning,
    memorization,
    training_error,
)


class Runs(NamedTuple):
    """Parameters of many runs, one array of shape (runs,) each; symbols as in the README."""

    key0: Ints
    key1: Ints
    replicate: Ints
    n: Ints
    d: Ints
    m: Ints
    mu_norm: Array
    sigma_p: Array
    sigma_0: Array
    v0: Array
    p_flip: Array
    eta: Array
    steps: Ints
    loss_tol: Array
    hidden: Ints
    output: Ints
    n_test: Ints


@njit(cache=True)
def _draw(runs: Runs, r: int, seed: Seed, real):  # type: ignore[no-untyped-def]
    """Training set, network and Bartlett factor of run r, the first two in dtype `real`."""
    n, filters = runs.n[r], 2 * runs.m[r]
    true, observed = draw_labels(seed, n, runs.p_flip[r])
    factor = draw_factor(seed, n + filters, runs.d[r] - 1)
    noise = runs.sigma_p[r] * factor[:n]
    weights = runs.sigma_0[r] * factor[n:]
    sample = Sample(
        inner_products(noise, noise).astype(real),
        observed.astype(real),
        true.astype(real),
        real(runs.mu_norm[r]),
    )
    network = Network(
        inner_products(noise, weights).astype(real),
        (runs.sigma_0[r] * draw_signal(seed, filters)).astype(real),
        np.full((2, filters), runs.v0[r]).astype(real),
        np.zeros((n, filters), real),
    )
    return sample, network, factor


@njit(cache=True)
def _measure(runs: Runs, r: int, seed: Seed, trained, factor):  # type: ignore[no-untyped-def]
    """The measured columns of trained run r; `trained` is (sample, network, steps run)."""
    sample, network, steps_run = trained
    output = np.empty(sample.observed.size, sample.observed.dtype)
    outputs(sample, network, output)
    filters = filter_factor(factor, network, (runs.sigma_0[r], runs.sigma_p[r]))
    w_norm = math.sqrt(np.sum(filters**2) + np.sum(network.signal.astype(np.float64) ** 2))
    scaled = runs.sigma_p[r] * filters
    root = inner_products(scaled, scaled)
    cholesky(root)
    clean, error = clean_error(root, network, runs.mu_norm[r], runs.n_test[r], seed)
    span = 1.0 - 2.0 * runs.p_flip[r]
    signal = learning(network, runs.mu_norm[r])
    noise = memorization(sample, network)
    return Measures(
        loss(sample, output),
        training_error(sample, output),
        runs.p_flip[r] + span * clean,
        clean,
        span * error,
        signal,
        noise,
        signal / noise if noise > 0.0 else math.nan,
        np.float64(np.max(network.output[0])),
        np.float64(np.max(network.output[1])),
        w_norm,
        math.sqrt(np.sum(network.output.astype(np.float64) ** 2)),
        np.float64(steps_run),
    )


@njit(cache=True, nogil=True)
def run_all(runs: Runs, real, status: Ints, measured: Array) -> None:  # type: ignore[no-untyped-def]
    """Train and measure every run.

    Args:
        runs: parameters.
        real: dtype class in which training is done, np.float32 or np.float64.
        status: int8, shape (runs,): written.
        measured: float64, shape (runs, len(Measures._fields)): written, NaN where a run diverged.
    """
    for r in range(runs.n.size):
        seed = Seed(runs.key0[r], runs.key1[r], runs.replicate[r])
        sample, network, factor = _draw(runs, r, seed, real)
        schedule = Schedule(
            real(runs.eta[r]),
            runs.steps[r],
            runs.loss_tol[r],
            runs.hidden[r] != 0,
            runs.output[r] != 0,
        )
        status[r], steps_run = train(sample, network, schedule)
        measured[r] = math.nan
        if status[r] == DIVERGED:
            continue
        row = _measure(runs, r, seed, (sample, network, steps_run), factor)
        if math.isfinite(row.train_loss + row.test_error + row.max_w_xi + row.w_norm + row.v_norm):
            for column in range(len(row)):
                measured[r, column] = row[column]
        else:  # the last numbers were finite, their squares and products are not
            status[r] = DIVERGED
