"""The hidden layer at d = ∞ trained from waking to waking: equal to rounding to training step by step."""

import numpy as np
import pytest

from benchmarks.limit import KEY0, KEY1, Point
from bocnn.arrays import Array
from bocnn.data.draws import Seed
from bocnn.models.limit.descent import LimitState, LimitStep, LimitStop, descend, training_loss
from bocnn.models.limit.run import draw_start, new_state
from bocnn.models.limit.waking import descend_hidden, new_awake
from bocnn.simd.arena import new_arena


def trained(point: Point, replicate: int, *, by_waking: bool) -> tuple[int, float, LimitState]:
    """Steps, training loss and state at the end."""
    arena = new_arena(1, 2 * 10**7)
    seed = Seed(np.uint64(KEY0), np.uint64(KEY1), np.uint64(replicate))
    start = draw_start(seed, (point.n, point.m), point.kappa, point.p_flip, arena)
    state, stop = new_state(start, arena), LimitStop(point.steps, point.loss_tol)
    if by_waking:
        awake = new_awake(start, state, arena)
        steps = descend_hidden(start, state, awake, point.step_size, stop)
    else:
        steps = descend(start, state, LimitStep(point.step_size, 0.0, 0.0), stop)
    loss = training_loss(start, state)
    return steps, loss, LimitState(*(part.copy() for part in state))  # they are the arena's


POINTS = (
    Point(),
    Point(step_size=0.02),
    Point(step_size=30.0),
    Point(p_flip=0.3, step_size=2.0),
    Point(n=33, m=1, kappa=3.0),
    Point(n=1, m=1),
    Point(n=64, m=17, kappa=1.0, p_flip=0.1),
    Point(kappa=0.0, steps=40),
    Point(loss_tol=-1.0, steps=300),
    Point(step_size=300.0, loss_tol=-1.0, steps=50),  # slopes underflow
)


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("replicate", [0, 1, 2])
def test_it_is_training_step_by_step(point: Point, replicate: int) -> None:
    steps, loss, plain = trained(point, replicate, by_waking=False)
    found_steps, found_loss, found = trained(point, replicate, by_waking=True)
    assert found_steps == steps
    np.testing.assert_allclose(found_loss, loss, rtol=1e-11, atol=1e-300)
    np.testing.assert_array_equal(np.sign(found.u), np.sign(plain.u))

    def close(one: Array, other: Array) -> None:
        np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-12)

    close(found.u, plain.u)
    close(found.signal, plain.signal)
    close(found.margin[: point.n], plain.margin[: point.n])
    close(found.pull[: point.n], plain.pull[: point.n])


def test_filters_wake_along_the_way() -> None:
    """Else the comparison above would be one of first steps alone."""
    first = trained(Point(steps=1), 0, by_waking=True)[2].u
    steps, _, ended = trained(Point(), 0, by_waking=True)
    last = ended.u
    assert steps > 20
    assert (last > 0).sum() > 1.3 * (first > 0).sum()
    assert (last < 0).sum() > 1.1 * (first < 0).sum()
