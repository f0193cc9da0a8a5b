"""The closed form at d = ∞: what the one at finite d goes to, its two ends, and trained networks."""

from typing import Any

import numpy as np
import pytest

from bocnn import MODEL as BOCNN
from bocnn.arrays import Array
from bocnn.models.limit.model import MODEL
from bocnn.theory.critical_ratio import GRADIENT_FLOW, critical_ratio
from bocnn.theory.predictions.limit import gradient_flow_error, kink_factor, kink_strength
from bocnn.theory.training_time import stop_margin
from tests.bocnn.models.limit.test_limit import columns_of
from tests.bocnn.run_columns import columns

STARTS = np.array([0.1, 0.4, 1.0, 2.0, 8.0])


def of_limit(train: str = "both", **given: Any) -> Array:
    """The prediction for runs of the model `limit`, by their starts."""
    found = columns_of(STARTS.size, train=train, step_size=0.01, kappa=0.01)
    return gradient_flow_error(found | {"v0_over_kink": STARTS} | given)


def of_bocnn(signal: Array, d: float, *, train: str, p_flip: float) -> Array:
    """The prediction for the same networks at finite d, σ_p = 1."""
    n, m = 20, 10
    v0 = STARTS / np.sqrt(m) * (n / d) ** 0.25
    given = {
        "n": n,
        "d": d,
        "m": m,
        "mu_norm": (signal * d / n) ** 0.25,
        "v0": v0,
        "eta": 0.01 * n / (m * v0**2 * d),
        "sigma_0": 0.01 * np.sqrt(n) / (d * m * v0),
        "p_flip": p_flip,
        "loss_tol": 0.05,
        "steps": 10**9,
        "train": train,
    }
    return BOCNN.predict("gradient_flow", columns(STARTS.size, **given))


@pytest.mark.parametrize("p_flip", [0.0, 0.1])
@pytest.mark.parametrize("train", ["hidden", "both"])
def test_it_is_what_the_prediction_at_finite_d_goes_to(train: str, p_flip: float) -> None:
    factor = kink_factor(kink_strength(STARTS, stop_margin(0.05), GRADIENT_FLOW.active))
    signal = 0.4 * (factor if train == "both" else np.ones(5))
    strict = of_limit(train, signal=signal, p_flip=np.full(5, p_flip))
    assert (np.abs(strict - 0.2) < 0.1).all()
    np.testing.assert_allclose(
        of_bocnn(signal, 1e14, train=train, p_flip=p_flip), strict, atol=1e-4
    )
    # At the ratio of the layers' rates that d gives, what is left out is of the order √(n/d).
    d = 2e8
    finite = of_bocnn(signal, d, train=train, p_flip=p_flip)
    ratio = of_limit(train, signal=signal, p_flip=np.full(5, p_flip), n_over_d=np.full(5, 20 / d))
    np.testing.assert_allclose(finite, ratio, atol=1e-4)
    assert (np.abs(finite - strict).max() > 1e-3) == (train == "both")


def test_the_two_ends_of_the_kink() -> None:
    assert kink_factor(1e-3) == pytest.approx(1, abs=1e-6)
    # Small v₀: √C x² log 2S = 2 √(2/α) Λ R_c, the published power with a logarithm.
    margin, active, x = 3.0, 0.75, 1e-4
    strength = kink_strength(x, margin, active)
    constant = 4 * 0.3**2 * kink_factor(strength)
    expected = 2 * np.sqrt(2 / active) * margin * 0.3
    assert np.sqrt(constant) * x**2 * np.log(2 * strength) == pytest.approx(expected)


@pytest.mark.parametrize("x", [0.15, 1.0, 3.0])
def test_trained_networks_have_the_predicted_boundary(x: float) -> None:
    """Over five decades of C; with the measured shares the boundary's C is 10 to 20 % too high."""
    strength = kink_strength(x, stop_margin(0.05), GRADIENT_FLOW.active)
    signal = 4 * critical_ratio(0.2, GRADIENT_FLOW) ** 2 * float(kink_factor(strength))
    small = min(1.0, x)
    given = {"n": 40, "step_size": 0.05 * small**2, "kappa": 0.1 * small}
    found = MODEL.run(columns_of(24, train="both", v0_over_kink=x, signal=signal, **given))
    assert set(found["status"]) == {"ok"}
    assert 0.17 < found["test_error_clean"].mean() < 0.205


def test_it_is_silent_where_it_does_not_hold() -> None:
    assert not np.isnan(of_limit()).any() and not np.isnan(of_limit("hidden")).any()
    for name, value in (("step_size", 1.1), ("kappa", 0.6), ("steps", 0)):
        for train in ("both", "hidden"):
            assert np.isnan(of_limit(train, **{name: np.full(5, value)})).all()
    never = {"loss_tol": np.full(5, np.nan)}
    assert np.isnan(of_limit("both", **never)).all()
    np.testing.assert_array_equal(of_limit("hidden", **never), of_limit("hidden"))


def test_the_model_names_it_and_refuses_others() -> None:
    cell = columns_of(1, train="both")
    np.testing.assert_array_equal(MODEL.predict("gradient_flow", cell), gradient_flow_error(cell))
    with pytest.raises(ValueError, match="'one_large_step'; expected one of gradient_flow"):
        MODEL.predict("one_large_step", cell)
