"""The gram engine on the CPU: one compiled loop per run, draws to measures, its state in cache.

A run's arithmetic never depends on which runs stand beside it. Scheduling, files and statuses' names
are left to others.
"""

import math
from typing import NamedTuple

from bocnn.arrays import Array, Ints
from bocnn.compiled import compiled
from bocnn.draws import Seed
from bocnn.gram import DIVERGED, OK, UNCONVERGED, Rule, new_velocity, train
from bocnn.laws import Law, draw_geometry, draw_network, draw_points
from bocnn.measures import Measures, Run, measure
from bocnn.trace import trace

_NOTHING = (math.nan,) * len(Measures._fields)


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


@compiled()
def _measured(run: Run, status: int, steps: int, n_test: int, seed: Seed) -> tuple[int, Measures]:
    """Status and measures of a run that was trained; NaN where it diverged."""
    nothing = Measures(*_NOTHING)
    if status == DIVERGED:
        return status, nothing
    row = measure(run, n_test, seed, steps)
    if math.isfinite(row.train_loss + row.test_error + row.max_w_xi + row.w_norm + row.v_norm):
        return status, row
    return DIVERGED, nothing  # the last numbers were finite, their squares and products are not


@compiled()
def _write(row, out: Array) -> None:  # type: ignore[no-untyped-def]
    """Write a record's numbers, shape (len(row),)."""
    for column in range(len(row)):
        out[column] = row[column]


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
        span = (0, runs.steps[r], seed)
        ended, steps = train(run.points, run.network, new_velocity(run.network), run.rule, span)
        status[r], row = _measured(run, ended, steps, runs.n_test[r], seed)
        _write(row, measured[r])


@compiled()
def _record(run: Run, status: int, step: int, row: Measures, out: Array) -> None:
    """Write what is recorded of a run at a step; all but the step is NaN where it diverged."""
    out[:] = math.nan
    out[0] = step
    if status != DIVERGED:
        _write(trace(run, row), out)


class Record(NamedTuple):
    """What `trace_all` writes.

    status, measured: as `run_all`. traced: float64, shape (runs, steps asked for + 1,
    len(Trace._fields)), its rows beyond `lengths` left as they are. lengths: int64, shape (runs,).
    """

    status: Ints
    measured: Array
    traced: Array
    lengths: Ints


@compiled(nogil=True)
def trace_all(runs: Runs, real, asked: Ints, record: Record) -> None:  # type: ignore[no-untyped-def]
    """Train and measure every run, and record it along the training.

    The measures are those of `run_all`, bit for bit.

    Args:
        runs: parameters.
        real: dtype class in which training is done, np.float32 or np.float64.
        asked: steps at which to record, rising, beside the one at which training ended.
        record: written.
    """
    for r in range(runs.n.size):
        seed, n_test, traced = _seed(runs, r), runs.n_test[r], record.traced[r]
        run = _draw(runs, r, real)
        velocity = new_velocity(run.network)
        step, length = 0, 0
        for stop in asked[asked < runs.steps[r]]:
            status, step = train(run.points, run.network, velocity, run.rule, (step, stop, seed))
            if status == UNCONVERGED or (status == OK and run.rule.loss_tol <= 0.0):
                status, row = _measured(run, status, step, n_test, seed)
                _record(run, status, step, row, traced[length])
                length += 1
        # A run that has reached its loss, or has diverged, only says so again.
        span = (step, runs.steps[r], seed)
        status, step = train(run.points, run.network, velocity, run.rule, span)
        status, row = _measured(run, status, step, n_test, seed)
        _record(run, status, step, row, traced[length])
        _write(row, record.measured[r])
        record.status[r], record.lengths[r] = status, length + 1
