"""What samples of different strength teach: margins, the limits, and the predictions that follow."""

from typing import Any

import numpy as np
import pytest

from bocnn import MODEL
from bocnn.theory.predictions.strengths import mean_over_kinds
from bocnn.theory.strengths import kinds_of_samples, margins_at, taught
from tests.bocnn.run_columns import columns

GIVEN: dict[str, Any] = {"train": "hidden", "v0": 0.2, "sigma_0": 1e-9, "d": 10**6, "eta": 1e-5}
GIVEN |= {"n": 40, "loss_tol": 0.01}


def pull(signal_spread: float, noise_spread: float, p_flip: float, process: str) -> float:
    """E[c ρ (1 − 2p)] / √E[ρ² r²] at equal margins."""
    kinds = kinds_of_samples(signal_spread, noise_spread, p_flip, process)
    return float(np.mean(taught(kinds, 1e-14).signal * (1 - 2 * kinds.flipped)))


def test_margins_are_those_of_a_gradient_flow() -> None:
    """Euler's method in small steps of time, until the mean loss is reached."""
    noise, margins = np.array([0.5, 1.0, 1.5]), np.zeros(3)
    while np.mean(np.log1p(np.exp(-margins))) > 0.2:
        margins += 1e-3 * noise**2 / (1 + np.exp(margins))
    np.testing.assert_allclose(margins_at(0.2, noise), margins, rtol=2e-3)


@pytest.mark.parametrize("s", [0.2, 0.5])
def test_margins_become_equal_and_coefficients_inverse_squares(s: float) -> None:
    """C_eff = C E[r⁻²], with few per cent left at any loss that is trained to."""
    inverse = np.mean([(1 - s) ** -2, (1 + s) ** -2])
    assert pull(0.0, s, 0.0, "flip") ** 2 == pytest.approx(inverse, rel=0.01)


def test_flips_of_weak_samples_pull_back_less() -> None:
    """C_sym/C = (E[c(1 − 2p(c))]/((1 − 2p) E[c]))², and at p = ½ the spread is left."""
    assert pull(0.5, 0.0, 0.2, "margin") == pytest.approx(1 - 0.4 * (1 - 0.5))
    assert pull(0.5, 0.0, 0.5, "margin") == pytest.approx(0.5)
    assert pull(0.5, 0.0, 0.2, "flip") == pytest.approx(0.6)
    loud = pull(0.0, 0.5, 0.5, "noise_aligned") / pull(0.0, 0.5, 0.0, "flip")
    assert loud == pytest.approx((0.5**-2 - 1.5**-2) / (0.5**-2 + 1.5**-2), rel=0.03)


@pytest.mark.parametrize("p_flip", [0.0, 0.2])
def test_samples_that_are_alike_have_the_old_prediction(p_flip: float) -> None:
    mu_norm = np.array([9.0, 12.0, 15.0])
    runs = columns(3, **GIVEN, p_flip=p_flip) | {"mu_norm": mu_norm}
    kinds = kinds_of_samples(0.0, 0.0, p_flip, "flip")
    root = np.sqrt(40 / 1e6) * mu_norm**2
    found = mean_over_kinds(40, kinds, taught(kinds, 0.01), root)
    np.testing.assert_allclose(found, MODEL.predict("gradient_flow", runs), atol=0.01)
    near = MODEL.predict("gradient_flow", runs | {"noise_spread": np.full(3, 1e-6)})
    np.testing.assert_allclose(near, found, atol=1e-4)


def test_predictions_are_silent_where_nothing_was_derived() -> None:
    spread = GIVEN | {"noise_spread": 0.5}
    assert np.isfinite(MODEL.predict("gradient_flow", columns(1, **spread))[0])
    for other in ({"train": "both"}, {"loss_tol": None}, {"noise_patches": 2}, {"data": "xor"}):
        assert np.isnan(MODEL.predict("gradient_flow", columns(1, **(spread | other)))[0])
    assert np.isnan(MODEL.predict("mean_field", columns(1, **spread))[0])
