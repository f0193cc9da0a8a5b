"""Training at d = ∞: against a plain NumPy version, the Gram engine as d grows, and closed forms."""

from typing import Any

import numpy as np
import pytest
from scipy.special import ndtr

from benchmarks.limit import KEY0, KEY1, Point, gram_rows, limit_rows
from bocnn.arrays import Array
from bocnn.data.draws import Seed
from bocnn.models.limit.descent import LimitStart, LimitStop, descend
from bocnn.models.limit.model import MODEL
from bocnn.models.limit.run import draw_start, new_state
from bocnn.simd.arena import new_arena

SEED = Seed(np.uint64(KEY0), np.uint64(KEY1), np.uint64(3))


def columns_of(runs: int, **given: Any) -> dict[str, np.ndarray]:
    """Replicates of one cell."""
    row = {column.name: column.default for column in MODEL.parameters}
    row |= {"seed": 1, "n": 20, "m": 10, "signal": 0.3} | given
    columns = {
        name: np.full(runs, np.nan if value is None else value) for name, value in row.items()
    }
    return columns | {"replicate": np.arange(runs)}


def start_of(point: Point) -> LimitStart:
    """What replicate 3 starts from, without padding."""
    arena = new_arena(1, 10**7)
    sizes = (point.n, point.m)
    start = draw_start(SEED, sizes, point.kappa, point.p_flip, arena)
    n, filters = point.n, 2 * point.m
    parts = (start.true, start.observed, start.g[:n, :n], start.z[:filters, :n], start.along)
    return LimitStart(*(part.copy() for part in parts))


def plainly_trained(start: LimitStart, point: Point, steps: int) -> tuple[Array, Array, Array]:
    """U, z and S after steps, as the docstring of `descent` has them."""
    sign = np.repeat([1.0, -1.0], point.m)[:, None]
    u, s = np.zeros_like(start.z), np.zeros(2 * point.m)
    y, true = start.observed, start.true
    for _ in range(steps):
        z = start.z + u @ start.g
        margin = y * (sign * np.maximum(u, 0)).sum(axis=0) / point.m
        slope = 1 / (1 + np.exp(margin))
        active = (u > 0) | ((u == 0) & (z > 0))
        side = np.where(s == 0, start.along, s)[:, None]
        s = s + point.step_size * (sign * (true * y * slope * (true * side > 0))).sum(axis=1)
        u = u + point.step_size * slope * sign * y * active
    return u, start.z + u @ start.g, s


@pytest.mark.parametrize(
    "point",
    [
        Point(),
        Point(p_flip=0.3, step_size=2.0),
        Point(n=7, m=3, kappa=2.0),
        Point(n=33, m=1, step_size=0.05),
        Point(n=1, m=1),
    ],
)
@pytest.mark.parametrize("steps", [0, 1, 25])
def test_training_is_that_of_a_plain_version(point: Point, steps: int) -> None:
    arena = new_arena(1, 10**7)
    start = draw_start(SEED, (point.n, point.m), point.kappa, point.p_flip, arena)
    drawn = start_of(point)
    state = new_state(start, arena)
    assert descend(start, state, point.step_size, LimitStop(steps, -1.0)) == steps
    u, z, s = plainly_trained(drawn, point, steps)
    filters, n = u.shape
    np.testing.assert_allclose(state.u[:filters, :n], u, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(state.z[:filters, :n], z, rtol=1e-9, atol=1e-12)
    if steps:
        np.testing.assert_allclose(state.signal, s, rtol=1e-12, atol=1e-13)
    assert not state.u[filters:].any() and not state.u[:, n:].any()


def test_the_error_is_that_of_plain_monte_carlo() -> None:
    point = Point(n=12, m=4, signal=0.5, n_test=20_000)
    _, rows = limit_rows(point, 4)
    steps = int(rows["steps_run"][3])
    u, _, s = plainly_trained(start_of(point), point, steps)
    rng, m = np.random.default_rng(5), point.m
    sign = np.repeat([1.0, -1.0], m)
    law = np.linalg.cholesky(u @ u.T / point.n + point.kappa**2 * np.eye(2 * m))
    noise = np.maximum(rng.normal(size=(200_000, 2 * m)) @ law.T, 0) @ sign
    wrong = []
    for label in (1, -1):
        seen = np.sqrt(point.signal) / point.n * (sign @ np.maximum(label * s, 0))
        wrong.append(np.mean(label * (seen + noise) < 0))
    spread = np.sqrt(0.25 / 200_000)
    error = np.hypot(rows["test_error_se"][3], spread)
    assert abs(rows["test_error_clean"][3] - np.mean(wrong)) < 4 * error


@pytest.mark.parametrize(
    "point",
    [
        Point(),
        Point(p_flip=0.2, signal=0.6),
        Point(n=10, m=4, step_size=1.5),
        Point(n=40, m=5, kappa=1.0, signal=0.1),
    ],
)
def test_the_gram_engine_comes_to_it_as_d_grows(point: Point) -> None:
    """On the same random numbers, run by run. Half of a class flipped at first leaves S at 0 for a step."""
    status, rows = limit_rows(point, 16)
    for d, most in ((1e8, 3e-4), (1e14, 1e-5)):
        found, finite = gram_rows(point, d, 16)
        np.testing.assert_array_equal(found, status)
        apart = np.abs(finite["test_error_clean"] - rows["test_error_clean"])
        assert np.median(apart) < most
    assert apart.max() < 3e-5
    np.testing.assert_array_equal(finite["steps_run"], rows["steps_run"])
    np.testing.assert_allclose(finite["train_loss"], rows["train_loss"], rtol=1e-4)
    np.testing.assert_allclose(finite["max_w_xi"], rows["max_u"], rtol=1e-4)


@pytest.mark.slow
def test_one_large_step_is_a_linear_classifier() -> None:
    """The error after one large step is Φ(−√C) for many samples and filters."""
    for signal in (0.04, 0.61, 2.38):
        _, rows = limit_rows(Point(n=400, m=20, signal=signal, step_size=1e3, steps=1), 40)
        mean, spread = rows["test_error_clean"].mean(), rows["test_error_clean"].std() / 40**0.5
        assert abs(mean - ndtr(-np.sqrt(signal))) < 0.004 + 4 * spread


def test_a_run_is_the_same_alone_and_in_any_company() -> None:
    many = columns_of(6, p_flip=0.1)
    many["n"][2:4], many["m"][4:] = 11, 3
    whole = MODEL.run(many)
    for r in range(6):
        alone = MODEL.run({name: column[r : r + 1] for name, column in many.items()})
        for name, column in whole.items():
            np.testing.assert_array_equal(alone[name][0], column[r], err_msg=name)


@pytest.mark.parametrize(("n", "m"), [(1, 1), (2, 60), (8, 8), (9, 1), (150, 3), (40, 40)])
@pytest.mark.parametrize("n_test", [1, 129, 5000])
def test_the_memory_that_is_counted_suffices(n: int, m: int, n_test: int) -> None:
    found = MODEL.run(columns_of(2, n=n, m=m, n_test=n_test, steps=2, p_flip=0.2))
    assert set(found["status"]) <= {"ok", "unconverged"}


def test_signals_share_draws_and_more_of_it_is_no_worse() -> None:
    weak, strong = (MODEL.run(columns_of(20, signal=signal)) for signal in (0.1, 1.0))
    np.testing.assert_array_equal(weak["train_loss"], strong["train_loss"])
    assert (strong["test_error_clean"] < weak["test_error_clean"]).all()


def test_statuses_and_shares() -> None:
    found = MODEL.run(columns_of(5, steps=3))
    assert set(found["status"]) == {"unconverged"} and (found["steps_run"] == 3).all()
    never = MODEL.run(columns_of(5, steps=3, loss_tol=None, n_test=1))
    assert set(never["status"]) == {"ok"} and np.isnan(never["test_error_se"]).all()
    before = MODEL.run(columns_of(5, steps=0))
    assert (before["active"] == 0).all() and (before["train_error"] == 0.5).all()
    ended = MODEL.run(columns_of(200))
    assert set(ended["status"]) == {"ok"} and (ended["train_loss"] <= 0.05).all()
    # The share of active pairs grows beyond one half as memorized samples wake others.
    assert 0.7 < ended["active"].mean() < 0.85
    assert 0.5 < ended["active_in_two"].mean() < ended["active"].mean()
    assert MODEL.flops(columns_of(2)).shape == MODEL.memory_bytes(columns_of(2)).shape == (2,)
