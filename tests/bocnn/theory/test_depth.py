"""The gradient flow of L layers: against its equations by a solver, and the closed form of two."""

import numpy as np
import pytest
from scipy.integrate import quad, solve_ivp

from bocnn.models.deep.model import MODEL
from bocnn.theory.boundary import both_layers_ratio
from bocnn.theory.critical_ratio import FROZEN, GRADIENT_FLOW
from bocnn.theory.depth import depth_ratio, growth_times, kink_of_depth, middle_growth
from bocnn.theory.predictions.error import error_at
from bocnn.theory.training_time import Sizes, stop_margin
from tests.bocnn.models.deep.test_deep import columns_of

SIZES = Sizes(20.0, 1e10, 10.0, 1.5)


@pytest.mark.parametrize("overlap", [FROZEN, GRADIENT_FLOW])
def test_two_layers_are_the_closed_form(overlap: tuple[float, float]) -> None:
    mu_norm, v0 = np.array([10.0, 300.0, 3000.0, 1e5]), np.array([1e-4, 1e-3, 0.01, 1.0])
    given = {"margin": np.full(4, 3.0), "overlap": overlap}
    found = depth_ratio(2, (mu_norm, v0), SIZES, **given)  # type: ignore[arg-type]
    expected = both_layers_ratio(mu_norm, v0, SIZES, **given)  # type: ignore[arg-type]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("depth", [3, 4, 6])
@pytest.mark.parametrize(("x", "strength"), [(0.2, 0.01), (0.2, 3.0), (1.0, 0.2), (4.0, 0.1)])
def test_the_ratio_is_that_of_the_equations(depth: int, x: float, strength: float) -> None:
    """u, v, V of the noise patch and s, v, V of the signal patch, integrated until the margin is Λ."""
    n, d, m, sigma_p = SIZES
    a, alpha, margin = sigma_p**2 * d, GRADIENT_FLOW.active, 3.0
    v0 = x * float(kink_of_depth(depth, SIZES))
    mu = strength * sigma_p * np.sqrt(2 * alpha * d / n)
    scale = np.array([np.sqrt(a / n), 1.0, 1.0] * 2) * v0
    unit = 1 / (np.sqrt(a / n) * (m * v0) ** (depth - 2))

    def motion(_: float, scaled: np.ndarray) -> np.ndarray:
        moved = []
        for (u, v, middle), rate, share in zip(
            (scaled * scale).reshape(2, 3), (a / n, mu**2 / 2), (alpha / 2, 0.5), strict=True
        ):
            lower = (m * middle) ** (depth - 3)
            moved += [rate * v * lower * m * middle, share * u * lower * m * middle]
            moved += [share * u * v * lower]
        return unit * np.array(moved) / scale

    def margin_left(_: float, scaled: np.ndarray) -> float:
        (u, v, middle), (s, w, other) = (scaled * scale).reshape(2, 3)
        outputs = alpha * m * u * v * (m * middle) ** (depth - 2)
        return float(outputs + m * s * w * (m * other) ** (depth - 2) - margin)

    margin_left.terminal = True  # type: ignore[attr-defined]
    start = np.array([0.0, 1.0, 1.0] * 2)
    end = solve_ivp(motion, (0, 1e3), start, events=margin_left, rtol=1e-9, atol=1e-12)
    (u, v, middle), (s, w, other) = (end.y[:, -1] * scale).reshape(2, 3)
    expected = s * w * other ** (depth - 2) / (u * v * middle ** (depth - 2)) * np.sqrt(d / n)
    signal = (np.array([mu]), np.array([v0]))
    found = depth_ratio(depth, signal, SIZES, margin=np.array([margin]), overlap=GRADIENT_FLOW)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


@pytest.mark.parametrize(("depth", "m"), [(2, 10), (3, 10), (3, 1), (5, 40)])
def test_growth_times_are_the_integral(depth: int, m: int) -> None:
    times = growth_times(depth, m)
    for i in (1, 500, 5000, 20_000):
        expected, _ = quad(lambda y: middle_growth(y, m) ** (2 - depth), 0, times.growth[i])
        assert times.time[i] == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize("depth", [2, 3, 4])
def test_for_small_starts_the_boundary_has_half_the_depth_as_its_power(depth: int) -> None:
    """1/‖μ‖ ∝ v₀^(L/2): beyond a logarithm for two layers, to a per cent for more."""
    sizes = Sizes(20.0, 1e30, 10.0, 1.0)
    v0 = np.array([1e-3, 2e-3]) * float(kink_of_depth(depth, sizes))
    logs = np.linspace(0, 60, 6001)
    crossings = [
        np.interp(
            0.3,
            depth_ratio(
                depth, (np.exp(logs), np.full_like(logs, v)), sizes, margin=np.full_like(logs, 3.0)
            ),
            logs,
        )
        for v in v0
    ]
    slope = -np.diff(crossings)[0] / np.log(2)
    near = 0.02 if depth > 2 else 0.08
    assert depth / 2 - near < slope < depth / 2 + 0.001


def test_predictions_of_the_model() -> None:
    given = {"n": 20, "d": 10**10, "m": 10, "sigma_0": 1e-11, "loss_tol": 0.05, "steps": 10**5}
    given |= {"mu_norm": 80.0, "v0": 0.1, "depth": 3}
    error = MODEL.predict("gradient_flow", columns_of(1, **given))
    ratio = depth_ratio(
        3,
        (np.array([80.0]), np.array([0.1])),
        Sizes(20.0, 1e10, 10.0, 1.0),
        margin=stop_margin(np.array([0.05])),
        overlap=GRADIENT_FLOW,
    )
    np.testing.assert_allclose(error, error_at(ratio, GRADIENT_FLOW))
    shared, hidden = (
        MODEL.predict("gradient_flow", columns_of(1, **given, **more))
        for more in ({"upper": "shared"}, {"train": "hidden"})
    )
    expected = error_at(np.array([80.0**2 * (20 / 1e10) ** 0.5 / 2]), GRADIENT_FLOW)
    np.testing.assert_allclose([shared[0], hidden[0]], expected[0])
    flipped = MODEL.predict("gradient_flow", columns_of(1, **given, p_flip=0.1))
    assert 0.5 > flipped[0] > error[0]
    silent = (
        {"eta": 0.1},
        {"flow_rate": 0.5},
        {"residual": "identity"},
        {"skip": "linear"},
        {"activation": "leaky_relu"},
        {"normalization": "batch"},
        {"sigma_0": 1e-3},
        {"loss_tol": None},
        {"steps": 0},
    )
    for more in silent:
        assert np.isnan(MODEL.predict("gradient_flow", columns_of(1, **given | more))).all(), more
    with pytest.raises(
        ValueError, match="received the prediction 'flow'; expected one of gradient"
    ):
        MODEL.predict("flow", columns_of(1, **given))
