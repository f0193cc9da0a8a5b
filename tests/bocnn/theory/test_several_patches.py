"""Noise of several patches adds up: against drawn sums, and in its limits; classes by their sizes."""

import numpy as np
import pytest
from scipy.special import ndtr

from bocnn import MODEL
from bocnn.theory.critical_ratio import FROZEN, GRADIENT_FLOW, Overlap, clean_errors, noise_response
from bocnn.theory.predictions.counts import mean_over_sizes
from bocnn.theory.several_patches import summed_errors
from tests.bocnn.run_columns import columns

RATIOS = np.linspace(0.0, 3.0, 13)
GIVEN = {"train": "hidden", "v0": 0.2, "sigma_0": 1e-9, "d": 10**6, "eta": 1e-5, "mu_norm": 15.0}


@pytest.mark.parametrize("patches", [1, 2, 5])
def test_the_error_is_that_of_drawn_sums(patches: int) -> None:
    own, other = Overlap(0.45, 0.35), Overlap(1.05, 0.83)
    normals = np.random.default_rng(patches).standard_normal((2, patches, 200_000))
    drawn = noise_response(normals[0], other) - noise_response(normals[1], own)
    sums = drawn.sum(axis=0) / np.sqrt(patches)
    expected = (sums[:, None] > RATIOS).mean(axis=0)
    found = summed_errors(RATIOS, own, other=other, patches=patches, most=20.0)
    np.testing.assert_allclose(found, expected, atol=0.005)


def test_one_patch_is_the_old_law_and_many_have_a_normal_one() -> None:
    one = summed_errors(RATIOS, FROZEN, other=FROZEN, patches=1, most=20.0)
    np.testing.assert_array_equal(one, clean_errors(RATIOS, FROZEN))
    normals = np.random.default_rng(0).standard_normal(4_000_000)
    spread = np.sqrt(2) * noise_response(normals, GRADIENT_FLOW).std()
    many = summed_errors(RATIOS, GRADIENT_FLOW, other=GRADIENT_FLOW, patches=400, most=20.0)
    np.testing.assert_allclose(many, ndtr(-RATIOS / spread), atol=0.003)


def test_more_patches_need_more_signal() -> None:
    errors = [
        MODEL.predict("gradient_flow", columns(1, **GIVEN, noise_patches=q))[0] for q in (1, 2, 4)
    ]
    assert 0 < errors[0] < errors[1] < errors[2] < 0.5
    assert np.isnan(MODEL.predict("mean_field", columns(1, **GIVEN, noise_patches=2))[0])
    both = GIVEN | {"train": "both", "loss_tol": 0.01}
    assert np.isnan(MODEL.predict("gradient_flow", columns(1, **both, noise_patches=2))[0])


@pytest.mark.parametrize("counted", [False, True])
def test_sizes_of_a_class_have_its_share(counted: bool) -> None:
    mean = mean_over_sizes(40, 0.2, counted, lambda kept, _: np.array([kept / 2, kept**2 / 4]))
    variance = 0.0 if counted else 0.2 * 0.8 / 40
    np.testing.assert_allclose(mean, [0.2, 0.04 + variance], rtol=1e-4)


def test_a_minority_is_predicted_to_be_missed_more_often() -> None:
    runs = columns(1, **GIVEN, minority_share=0.2)
    model = MODEL.with_details()
    minority, majority = (
        model.predict(f"gradient_flow_{name}", runs)[0] for name in ("negative", "positive")
    )
    even = [
        model.predict(f"gradient_flow_{n}", columns(1, **GIVEN))[0]
        for n in ("negative", "positive")
    ]
    assert majority < even[0] == even[1] < minority
    assert even[0] == pytest.approx(
        MODEL.predict("gradient_flow", columns(1, **GIVEN))[0], rel=1e-3
    )
    assert np.isnan(MODEL.predict("gradient_flow", runs)[0])
