"""A run in d coordinates from draws to measures."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from bocnn.data.draws import Seed
from bocnn.engines.coordinates.draw import DrawnRun, Row, descent_of, draw_run, rule_of
from bocnn.engines.coordinates.measure import MeasuredRun, measure
from bocnn.engines.coordinates.train import CoordinatesTraining, new_training, train
from bocnn.engines.cpu.runs import DIVERGED, OK, UNCONVERGED
from bocnn.measure.measures import Measures

_DIVERGED_MEASURES = Measures(*(math.nan,) * len(Measures._fields))


class RunResult(NamedTuple):
    """How a run ended: index of its status, and its measures, NaN where it diverged."""

    status: int
    measures: Measures


def run_row(row: Mapping[str, Any], real: Any) -> RunResult:
    """Train and measure one run.

    Args:
        row: canonical parameters, `key0`, `key1` and `replicate`.
        real: dtype in which it is trained.
    """
    seed = Seed(*(np.uint64(row[name]) for name in ("key0", "key1", "replicate")))
    trained, run = train_row(row, seed, real)
    if not math.isfinite(trained.loss):
        return RunResult(DIVERGED, _DIVERGED_MEASURES)
    measures = measure(run, trained)
    if not math.isfinite(measures.test_error + measures.w_norm + measures.v_norm):
        return RunResult(DIVERGED, _DIVERGED_MEASURES)
    converged = trained.reached or math.isnan(row["loss_tol"])
    return RunResult(OK if converged else UNCONVERGED, measures)


def train_row(row: Row, seed: Seed, real: Any) -> tuple[Any, MeasuredRun]:
    """Draw and train one run.

    Args:
        row: canonical parameters.
        seed: of the run.
        real: dtype in which it is trained.
    Returns:
        Where training ended, and the run.
    """
    drawn, training = drawn_training(row, seed, real)
    trained = train(training)
    return trained, MeasuredRun(drawn, row, seed, training.options, training.inner, training.f)


def drawn_training(row: Row, seed: Seed, real: Any) -> tuple[DrawnRun, CoordinatesTraining]:
    """A run as it is drawn, and before its first step.

    Args:
        row: canonical parameters.
        seed: of the run.
        real: dtype in which it is trained.
    """
    drawn = draw_run(row, seed, real)
    layers = drawn.patches, drawn.filters, drawn.output
    return drawn, new_training(layers, rule_of(row), descent_of(row))
