"""Training at d = ∞: against a plain NumPy version, the Gram engine as d grows, and closed forms."""

from typing import Any, NamedTuple

import numpy as np
import pytest
from scipy.special import ndtr

from benchmarks.limit import KEY0, KEY1, Point, gram_rows, limit_rows, output_start
from bocnn.arrays import Array
from bocnn.data.draws import Seed
from bocnn.models.limit.descent import LimitStart, LimitStep, LimitStop, descend
from bocnn.models.limit.model import MODEL
from bocnn.models.limit.run import draw_start, new_state
from bocnn.simd.arena import new_arena

SEED = Seed(np.uint64(KEY0), np.uint64(KEY1), np.uint64(3))


def columns_of(runs: int, **given: Any) -> dict[str, np.ndarray]:
    """Replicates of one cell."""
    row = {column.name: column.default for column in MODEL.parameters}
    row |= {"seed": 1, "n": 20, "m": 10, "signal": 0.3} | given
    columns = {
        name: np.full(
            runs, np.nan if value is None else value, dtype=object if name == "train" else None
        )
        for name, value in row.items()
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


class PlainRun(NamedTuple):
    """U, z and S, and V′ and V in the rows of `output`."""

    u: Array
    z: Array
    s: Array
    output: Array


def plainly_trained(
    start: LimitStart, point: Point, steps: int, *, n_over_d: float = 0.0
) -> PlainRun:
    """A run after steps, as the docstring of `descent` has them."""
    sign = np.repeat([1.0, -1.0], point.m)[:, None]
    u, s, output = np.zeros_like(start.z), np.zeros(2 * point.m), np.ones((2, 2 * point.m))
    y, true = start.observed, start.true
    rate = point.step_size * (point.v0_over_kink**-4 if point.v0_over_kink else 0) / point.n
    for _ in range(steps):
        z = start.z + u @ start.g
        margin = y * (sign * output[1][:, None] * np.maximum(u, 0)).sum(axis=0) / point.m
        slope = 1 / (1 + np.exp(margin))
        active = (u > 0) | ((u == 0) & (z > 0))
        side = np.where(s == 0, start.along, s)[:, None]
        seen = np.sqrt(point.signal * n_over_d) / point.n * np.maximum(true * s[:, None], 0)
        grown = [(sign * y * slope * patch).sum(axis=1) for patch in (seen, np.maximum(u, 0))]
        gain = (sign * (true * y * slope * (true * side > 0))).sum(axis=1)
        s = s + point.step_size * output[0] * gain
        u = u + point.step_size * output[1][:, None] * slope * sign * y * active
        output = output + rate * np.stack(grown)
    return PlainRun(u, start.z + u @ start.g, s, output)


BOTH = Point(v0_over_kink=0.7, step_size=0.1, signal=3.0)


@pytest.mark.parametrize(
    "point",
    [
        Point(),
        Point(p_flip=0.3, step_size=2.0),
        Point(n=7, m=3, kappa=2.0),
        Point(n=33, m=1, step_size=0.05),
        Point(n=1, m=1),
        BOTH,
        BOTH._replace(n=33, m=3, v0_over_kink=0.3, step_size=0.02, p_flip=0.2),
    ],
)
@pytest.mark.parametrize("steps", [0, 1, 25])
def test_training_is_that_of_a_plain_version(point: Point, steps: int) -> None:
    arena = new_arena(1, 10**7)
    start = draw_start(SEED, (point.n, point.m), point.kappa, point.p_flip, arena)
    drawn = start_of(point)
    state = new_state(start, arena)
    rate = point.v0_over_kink**-4 if point.v0_over_kink else 0.0
    scale = np.sqrt(point.signal * 0.2) / point.n
    sizes = LimitStep(point.step_size, point.step_size * rate, scale)
    assert descend(start, state, sizes, LimitStop(steps, -1.0)) == steps
    u, z, s, output = plainly_trained(drawn, point, steps, n_over_d=0.2)
    np.testing.assert_allclose(state.output, output, rtol=1e-12)
    assert (output.max() > 1) == (rate > 0 and steps > 1)
    filters, n = u.shape
    np.testing.assert_allclose(state.u[:filters, :n], u, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(state.z[:filters, :n], z, rtol=1e-9, atol=1e-12)
    if steps:
        np.testing.assert_allclose(state.signal, s, rtol=1e-12, atol=1e-13)
    assert not state.u[filters:].any() and not state.u[:, n:].any()


@pytest.mark.parametrize(
    ("point", "d"),
    [
        (Point(n=12, m=4, signal=0.5, n_test=20_000), np.inf),
        (BOTH._replace(n=12, m=4, n_test=20_000), 60.0),
    ],
)
def test_the_error_is_that_of_plain_monte_carlo(point: Point, d: float) -> None:
    _, rows = limit_rows(point, 4, d=d)
    steps = int(rows["steps_run"][3])
    u, _, s, output = plainly_trained(start_of(point), point, steps, n_over_d=point.n / d)
    rng, m = np.random.default_rng(5), point.m
    sign = np.repeat([1.0, -1.0], m)
    law = np.linalg.cholesky(u @ u.T / point.n + point.kappa**2 * np.eye(2 * m))
    noise = np.maximum(rng.normal(size=(200_000, 2 * m)) @ law.T, 0) @ (sign * output[1])
    wrong = []
    for label in (1, -1):
        seen = np.sqrt(point.signal) / point.n * ((sign * output[0]) @ np.maximum(label * s, 0))
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
        BOTH,
        BOTH._replace(n=40, m=5, p_flip=0.1),
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
    scale = point.m * output_start(point, d)
    np.testing.assert_allclose(scale * finite["max_w_xi"], rows["max_u"], rtol=1e-4)


def test_a_small_start_keeps_the_ratio_of_the_rates() -> None:
    """Far below the kink the signal's output weights grow at any usable d: left out, the error is wrong."""
    point = Point(v0_over_kink=0.15, step_size=0.002, kappa=0.01, signal=500.0)
    strict, at_ratio = limit_rows(point, 16), limit_rows(point, 16, d=1e8)
    found, finite = gram_rows(point, 1e8, 16)
    np.testing.assert_array_equal(found, at_ratio[0])
    apart = [
        finite["test_error_clean"] - rows["test_error_clean"] for _, rows in (strict, at_ratio)
    ]
    assert apart[0].max() < -1e-3
    assert np.median(np.abs(apart[1])) < 2e-4


def test_a_large_output_start_trains_the_hidden_layer_alone() -> None:
    hidden, both = (
        MODEL.run(columns_of(8, train=train, v0_over_kink=300.0)) for train in ("hidden", "both")
    )
    apart = np.abs(hidden["test_error_clean"] - both["test_error_clean"])
    assert 0 < apart.max() < 1e-7
    near = MODEL.run(columns_of(8, train="both"))
    assert (near["test_error_clean"] > hidden["test_error_clean"] + 0.02).all()


def test_where_the_output_layer_is_not_trained_its_start_has_no_effect() -> None:
    plain, other = (
        MODEL.run(columns_of(3)),
        MODEL.run(columns_of(3, v0_over_kink=0.1, n_over_d=0.5)),
    )
    for name, column in plain.items():
        np.testing.assert_array_equal(other[name], column, err_msg=name)


def test_another_word_for_the_layers_is_an_error() -> None:
    with pytest.raises(ValueError, match="train: output; the engine limit accepts hidden, both"):
        MODEL.run(columns_of(1, train="output"))


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
