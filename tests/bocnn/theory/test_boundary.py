"""The boundary in closed form, against simulation of what it is derived from, limits, derivatives."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from bocnn.theory.boundary import (
    both_layers_boundary,
    both_layers_ratio,
    both_layers_ratio_at,
    hidden_layer_boundary,
    hidden_layer_constant,
    one_step_constant,
    one_step_error,
)
from bocnn.theory.critical_ratio import (
    FROZEN,
    Overlap,
    clean_error,
    critical_ratio,
    filter_variance,
    noise_response,
)
from bocnn.theory.training_time import (
    Descent,
    Sizes,
    growth_rate,
    stop_margin,
    stop_time,
    time_after,
    training_steps,
)

WOKEN = Overlap(0.74, 0.56)
overlaps = pytest.mark.parametrize("overlap", [FROZEN, WOKEN, Overlap(0.5, 0.5)])
LAMBDA = float(stop_margin(0.01))


@overlaps
def test_the_response_is_the_mean_over_filters(overlap: Overlap) -> None:
    z = np.array([-2.0, -0.3, 0.0, 1.0, 3.0])
    zeta = np.random.default_rng(0).standard_normal(400_000)
    own = np.sqrt((overlap.active - overlap.shared) / 2) * zeta
    drawn = np.maximum(np.sqrt(overlap.shared / 2) * z[:, None] + own, 0)
    error = drawn.std(axis=1) / np.sqrt(zeta.size)
    assert (np.abs(drawn.mean(axis=1) - noise_response(z, overlap)) <= 4.5 * error + 1e-15).all()


@overlaps
@pytest.mark.parametrize("ratio", [0.05, 0.2, 0.6])
def test_the_error_is_the_share_of_normals_that_win_over_the_signal(
    overlap: Overlap, ratio: float
) -> None:
    z = np.random.default_rng(1).standard_normal((2, 1_000_000))
    wins = np.subtract(*noise_response(z, overlap)) > ratio
    expected = clean_error(ratio, overlap)
    assert abs(wins.mean() - expected) <= 4.5 * np.sqrt(expected / wins.size)


@pytest.mark.parametrize("level", [0.3, 0.2, 0.05])
def test_the_critical_ratio_has_the_error_of_its_level(level: float) -> None:
    assert clean_error(critical_ratio(level)) == pytest.approx(level, abs=1e-12)


@pytest.mark.parametrize("level", [0.0, 0.5, -1.0, float("nan")])
def test_a_level_that_no_ratio_has_is_refused(level: float) -> None:
    with pytest.raises(ValueError, match=r"expected a clean test error within \(0, 0.5\)"):
        critical_ratio(level)


def test_a_filter_that_all_share_has_half_a_normal_on_each_side() -> None:
    """ψ(z) = max(z/2, 0) for α = α₂ = ½: the error is that of two clipped normals."""
    whole, r = Overlap(0.5, 0.5), 0.3
    z = np.random.default_rng(2).standard_normal((2, 1_000_000))
    wins = np.subtract(*np.maximum(z / 2, 0)) > r
    assert abs(wins.mean() - clean_error(r, whole)) < 0.002


def test_one_large_step_is_a_linear_classifier() -> None:
    """A filter holds a random half of all samples: m = ∞ filters and both classes, drawn."""
    rng = np.random.default_rng(3)
    n, m, draws, constant = 200, 400, 4000, 0.5
    labels = rng.choice([-1.0, 1.0], n)
    active = rng.random((2, m, n)) < 0.5
    fresh = rng.standard_normal((draws, n)) / np.sqrt(n)
    sums = [fresh @ (j * labels * active[k]).T for k, j in enumerate((1.0, -1.0))]
    noise = np.maximum(sums[0], 0).mean(1) - np.maximum(sums[1], 0).mean(1)
    error = (noise > np.sqrt(constant) / 2).mean()
    assert error == pytest.approx(float(one_step_error(constant)), abs=0.03)
    assert one_step_constant(float(one_step_error(constant))) == pytest.approx(constant)


def test_flips_raise_the_boundary() -> None:
    sizes = Sizes(n=100.0, d=1e4, m=10.0, sigma_p=2.0)
    clean, flipped = (hidden_layer_boundary(sizes, 0.15, p) for p in (0.0, 0.2))
    assert clean == pytest.approx(2.0 * (0.15 * 100) ** 0.25)
    assert flipped / clean == pytest.approx(0.6**-0.5)


def grown(mu: float, v0: float, sizes: Sizes) -> tuple[float, float, float]:
    """τ, R and steps at η = 1 where the margin is Λ, by integrating the flow in time step by step."""
    a, n_active = sizes.sigma_p**2 * sizes.d, FROZEN.active * sizes.n / 2

    def margin(state: np.ndarray) -> float:
        v1, s, v2, u = state[:4]
        return sizes.m * (FROZEN.active * v2 * u + v1 * s)

    def flow(t: float, state: np.ndarray) -> list[float]:
        v1, s, v2, u = state[:4]
        slope = 1 / (1 + np.exp(margin(state)))
        rates = s / 2, mu**2 / 2 * v1, n_active / sizes.n * u, a / sizes.n * v2
        return [slope * rate for rate in rates] + [slope]

    def stops(t: float, state: np.ndarray) -> float:
        return margin(state) - LAMBDA

    stops.terminal = True  # type: ignore[attr-defined]
    start = [v0, 0.0, v0, 0.0, 0.0]
    found = solve_ivp(flow, (0, 1e9), start, events=stops, rtol=1e-10, atol=1e-14, method="LSODA")
    v1, s, v2, u, tau = found.y[:, -1]
    return tau, v1 * s / (v2 * u) * np.sqrt(sizes.d / sizes.n), found.t[-1]


@pytest.mark.parametrize("mu", [0.5, 3.0, 40.0])
@pytest.mark.parametrize("v0", [0.001, 0.05, 2.0])
def test_the_closed_form_is_the_flow_of_both_layers(mu: float, v0: float) -> None:
    sizes = Sizes(n=20.0, d=1e4, m=10.0, sigma_p=1.0)
    tau, ratio, steps = grown(mu, v0, sizes)
    found = stop_time(mu, v0, sizes, margin=LAMBDA)
    assert found == pytest.approx(tau, rel=1e-6)
    assert both_layers_ratio(mu, v0, sizes, margin=LAMBDA) == pytest.approx(ratio, rel=1e-6)
    descent = Descent(*(np.array([value]) for value in (mu, v0, 1.0)))
    taken = training_steps(np.array([float(found)]), descent, sizes)
    assert taken[0] == pytest.approx(steps, rel=1e-4)
    back = time_after(taken, descent, sizes)
    assert back[0] == pytest.approx(tau, rel=1e-5)


@pytest.mark.parametrize("d", [1e2, 1e5, 1e12])
def test_the_ratio_on_the_boundary_is_the_critical_one(d: float) -> None:
    sizes, v0 = Sizes(20.0, d, 10.0, 1.5), np.geomspace(1e-4, 10, 9)
    found = both_layers_boundary(v0, sizes, margin=LAMBDA, ratio=0.2)
    ratio = both_layers_ratio(found.mu_norm, v0, sizes, margin=LAMBDA)
    assert ratio == pytest.approx(np.full(9, 0.2), rel=1e-9)


def test_the_exponent_is_the_derivative_of_the_boundary() -> None:
    sizes, v0 = Sizes(20.0, 1e7, 10.0, 1.0), np.geomspace(1e-5, 1.0, 11)
    step = 1e-5
    low, high = (
        both_layers_boundary(v0 * np.exp(k * step), sizes, margin=LAMBDA, ratio=0.2).mu_norm
        for k in (-1, 1)
    )
    found = both_layers_boundary(v0, sizes, margin=LAMBDA, ratio=0.2).exponent
    assert found == pytest.approx(-np.log(high / low) / (2 * step), abs=1e-8)


def test_a_large_v0_has_the_boundary_of_the_hidden_layer_alone() -> None:
    sizes = Sizes(20.0, 1e6, 10.0, 1.0)
    ratio = critical_ratio(0.2)
    found = both_layers_boundary(1e3, sizes, margin=LAMBDA, ratio=ratio)
    alone = hidden_layer_boundary(sizes, hidden_layer_constant(0.2))
    assert found.mu_norm == pytest.approx(alone, rel=1e-3)
    assert found.exponent == pytest.approx(0.0, abs=1e-3)


def test_a_small_v0_has_the_published_power_with_a_logarithm() -> None:
    sizes, v0, ratio = Sizes(20.0, 1e40, 10.0, 1.0), 1e-12, 0.2
    found = both_layers_boundary(v0, sizes, margin=LAMBDA, ratio=ratio)
    rate = growth_rate(sizes)
    log_2s = np.log(4 * LAMBDA / (10 * v0**2 * rate))
    expected = 2 * np.sqrt(2 / FROZEN.active) * LAMBDA * ratio
    assert 10 * v0**2 * found.mu_norm**2 * log_2s == pytest.approx(expected, rel=1e-2)
    assert found.exponent == pytest.approx(1 - 1 / log_2s, abs=0.01)


def test_the_tail_of_the_error_falls_with_the_shared_part() -> None:
    """−log error ≈ R² / α₂ for large R: C/(4 α₂), the constant C₂ of Kou et al.'s theorem."""
    near, far = clean_error(4.0), clean_error(5.0)
    assert np.log(near / far) == pytest.approx((25 - 16) / FROZEN.shared, rel=0.15)


def test_no_fitted_number_is_needed_for_the_exponents_of_small_v0() -> None:
    """Of the sweep small-v0-over-d, as it was measured (docs/results), on its axes."""
    measured = {1e3: 0.146, 1e5: 0.349, 1e7: 0.595, 1e9: 0.779, 1e11: 0.842, 1e12: 0.852}
    critical = critical_ratio(0.2)
    for d, exponent in measured.items():
        sizes = Sizes(20.0, d, 10.0, 1.0)
        v0 = np.geomspace(0.03, 0.6, 14) * 10**-0.5 * (20 / d) ** 0.25
        found = both_layers_boundary(v0, sizes, margin=LAMBDA, ratio=critical)
        slope = -np.polyfit(np.log(v0), np.log(found.mu_norm), 1)[0]
        assert slope == pytest.approx(exponent, abs=0.012)


def test_training_on_flattens_the_boundary_as_it_was_measured() -> None:
    """Of the sweep training-length (docs/results), whose training stops after a number of steps."""
    measured = {200: 0.322, 400: 0.301, 1000: 0.290, 4000: 0.255, 16000: 0.245}
    sizes, v0, critical = (
        Sizes(20.0, 2000.0, 10.0, 1.0),
        np.linspace(0.01, 0.1, 13),
        critical_ratio(0.2),
    )
    for steps, exponent in measured.items():
        low, high = np.full_like(v0, 0.5), np.full_like(v0, 50.0)
        for _ in range(40):
            mu = np.sqrt(low * high)
            tau = time_after(
                np.full_like(v0, steps), Descent(mu, v0, np.full_like(v0, 0.01)), sizes
            )
            above = both_layers_ratio_at(tau, mu, sizes) > critical
            low, high = np.where(above, low, mu), np.where(above, mu, high)
        assert -np.polyfit(np.log(v0), np.log(mu), 1)[0] == pytest.approx(exponent, abs=0.02)


@pytest.mark.parametrize("overlap", [FROZEN, Overlap(0.75, 0.59)])
def test_the_variance_over_filters_is_that_of_draws(overlap: Overlap) -> None:
    rng = np.random.default_rng(2)
    z, zeta = rng.standard_normal((2000, 1)), rng.standard_normal((2000, 400))
    a, b = np.sqrt(overlap.shared / 2), np.sqrt((overlap.active - overlap.shared) / 2)
    drawn = np.maximum(a * z + b * zeta, 0).var(axis=1, ddof=1)
    assert abs(drawn.mean() - filter_variance(overlap)) < 4 * drawn.std() / 2000**0.5
