"""Further measures, for sweeps that ask for them: errors by class, fit by flips, margins, activity."""

import math
from typing import NamedTuple

from bocnn.arrays import Array
from bocnn.data.draws import Seed
from bocnn.data.geometry import trained_filters
from bocnn.dynamics.losses import loss_value
from bocnn.measure.fresh_output import fresh_output, reweighted
from bocnn.measure.measures import training_error
from bocnn.measure.run_state import RunState
from bocnn.measure.test_error import clean_error
from bocnn.simd.arena import Arena, allocate
from bocnn.simd.compiler.compiled import compiled


class Details(NamedTuple):
    """The further measured columns of a run, in the dataset's order; all float64, NaN of no samples."""

    test_error_positive: float
    test_error_negative: float
    train_loss_kept: float
    train_loss_flipped: float
    train_error_kept: float
    train_error_flipped: float
    margin_min: float
    margin_max: float
    active_share: float


@compiled()
def measure_details(run: RunState, n_test: int, seed: Seed, arena: Arena) -> Details:
    """Further measures of a run.

    Args:
        run: the run; nothing is changed.
        n_test: fresh noise draws of the test error.
        seed: the run's.
        arena: to work in.
    """
    fresh = fresh_output(run, trained_filters(run.geometry, run.network, arena), arena)
    kept, flipped = _fit(run, False, arena), _fit(run, True, arena)
    least, most = _margins(run)
    # Half of the mean error is that of a class: of weights 2 and 0 it is one class's own.
    positive, negative = reweighted(fresh, (2.0, 0.0), arena), reweighted(fresh, (0.0, 2.0), arena)
    return Details(
        clean_error(positive, run.step_type, n_test, seed, arena)[0],
        clean_error(negative, run.step_type, n_test, seed, arena)[0],
        kept[0],
        flipped[0],
        kept[1],
        flipped[1],
        least,
        most,
        _active_share(run),
    )


@compiled(_nrt=False)
def _is_flipped(run: RunState, i: int) -> bool:
    """Whether a sample's observed label is not that of its centre."""
    shared, true = run.training_set.shared, 0.0
    for c in range(run.geometry.labels.size):
        true += shared[c, i] * run.geometry.labels[c]
    return bool(true * run.training_set.observed[i] < 0.0)


@compiled(_nrt=True)
def _fit(run: RunState, flipped: bool, arena: Arena) -> tuple[float, float]:
    """Loss and error of the training samples that are flipped, or of the others; NaN of none."""
    observed, output = run.training_set.observed, run.output
    labels, outputs = (
        allocate(arena, observed.shape, observed.dtype),
        allocate(arena, output.shape, output.dtype),
    )
    count = 0
    for i in range(observed.size):
        if _is_flipped(run, i) == flipped:
            labels[count], outputs[count] = observed[i], output[i]
            count += 1
    if count == 0:
        return math.nan, math.nan
    some, theirs = labels[:count], outputs[:count]
    return loss_value(run.step_type.loss, some, theirs), training_error(some, theirs)


@compiled(_nrt=False)
def _margins(run: RunState) -> tuple[float, float]:
    """The smallest and the largest y f of a training sample."""
    observed, output = run.training_set.observed, run.output
    least, most = math.inf, -math.inf
    for i in range(output.size):
        margin = observed[i] * output[i]
        least, most = margin if margin < least else least, margin if margin > most else most
    return least, most


@compiled(_nrt=False)
def _active_share(run: RunState) -> float:
    """Share of the noise patches' pre-activations, by filters of their sample's observed class, above 0."""
    observed, half = run.training_set.observed, run.geometry.m
    count, active = run.geometry.labels.size, 0
    patches: Array = run.network.activations[:, count:]
    for i in range(patches.shape[1]):
        first = 0 if observed[i % observed.size] > 0 else half
        for k in range(first, first + half):
            active += 1 if patches[k, i] > 0 else 0
    return active / (patches.shape[1] * half)
