"""The gram engine on the CPU: one compiled loop per run, draws to measures, its state in cache.

A run's arithmetic never depends on which runs stand beside it. Scheduling, files and statuses' names
are left to others.
"""

import math
from typing import NamedTuple

from bocnn.arrays import Array, Ints
from bocnn.compiled import compiled
from bocnn.draws import Seed
from bocnn.gram import DIVERGED, Rule, new_velocity, train
from bocnn.laws import Law, draw_geometry, draw_network, draw_points
from bocnn.measures import Run, measure


class Runs(NamedTuple):
    """Parameters of many runs, one array of shape (runs,) each; words as their codes."""

    key0: Ints
    key1: Ints
    replicate: Ints
    data: Ints
    n: Ints
    d: Ints
    m: Ints
    mu_norm: Array
    sigma_p: Array
    sigma_0: Array
    v0: Array
    p_flip: Array
    isotropic: Ints
    bias: Ints
    output_init: Ints
    activation: Ints
    leak: Array
    loss: Ints
    eta: Array
    eta_output: Array
    momentum: Array
    nesterov: Ints
    weight_decay: Array
    batch: Ints
    loss_tol: Array
    steps: Ints
    n_test: Ints


@compiled()
def _seed(runs: Runs, r: int) -> Seed:
    return Seed(runs.key0[r], runs.key1[r], runs.replicate[r])


@compiled()
def _law(runs: Runs, r: int) -> Law:
    return Law(
        runs.data[r],
        runs.n[r],
        runs.d[r],
        runs.m[r],
        runs.mu_norm[r],
        runs.sigma_p[r],
        runs.sigma_0[r],
        runs.v0[r],
        runs.p_flip[r],
        runs.isotropic[r] != 0,
        runs.bias[r] != 0,
        runs.output_init[r],
    )


@compiled()
def _rule(runs: Runs, r: int) -> Rule:
    return Rule(
        runs.activation[r],
        runs.leak[r],
        runs.loss[r],
        runs.eta[r],
        runs.eta_output[r],
        runs.momentum[r],
        runs.nesterov[r] != 0,
        runs.weight_decay[r],
        runs.batch[r],
        runs.loss_tol[r],
    )


@compiled()
def _draw(runs: Runs, r: int, real) -> Run:  # type: ignore[no-untyped-def]
    """Run r before training, in dtype `real`."""
    seed, law = _seed(runs, r), _law(runs, r)
    geometry = draw_geometry(law, seed)
    points = draw_points(law, geometry, seed, real)
    return Run(law, _rule(runs, r), geometry, points, draw_network(law, geometry, seed, real))


@compiled(nogil=True)
def run_all(runs: Runs, real, status: Ints, measured: Array) -> None:  # type: ignore[no-untyped-def]
    """Train and measure every run.

    Args:
        runs: parameters.
        real: dtype class in which training is done, np.float32 or np.float64.
        status: int8, shape (runs,): written.
        measured: float64, shape (runs, len(Measures._fields)): written, NaN where a run diverged.
    """
    for r in range(runs.n.size):
        seed = _seed(runs, r)
        run = _draw(runs, r, real)
        velocity = new_velocity(run.network)
        span = (0, runs.steps[r], seed)
        status[r], steps = train(run.points, run.network, velocity, run.rule, span)
        measured[r] = math.nan
        if status[r] == DIVERGED:
            continue
        row = measure(run, runs.n_test[r], seed, steps)
        if math.isfinite(row.train_loss + row.test_error + row.max_w_xi + row.w_norm + row.v_norm):
            for column in range(len(row)):
                measured[r, column] = row[column]
        else:  # the last numbers were finite, their squares and products are not
            status[r] = DIVERGED
