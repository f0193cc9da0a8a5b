"""Noise of any covariance as noise of equal eigenvalues: its traces, and predictions by them."""

import numpy as np
import pytest

from bocnn import MODEL
from bocnn.data.spectrum import spectrum_blocks
from bocnn.theory.covariance import directions_of_noise, equal_noise, traces
from bocnn.theory.predictions.noise import FEWEST_DIRECTIONS, with_equal_eigenvalues
from tests.bocnn.data.test_spectrum import eigenvalues
from tests.bocnn.run_columns import columns

GIVEN = {"train": "hidden", "mu_norm": 1.5, "v0": 0.2, "sigma_0": 1e-8, "eta": 1e-5}


@pytest.mark.parametrize(("decay", "spike"), [(0.0, 1.0), (0.0, 5.0), (0.4, 1.0), (1.3, 0.2)])
def test_traces_are_sums_over_all_eigenvalues(decay: float, spike: float) -> None:
    blocks = spectrum_blocks(*(np.array([x]) for x in (300, decay, spike)))
    every = eigenvalues(300, decay, spike)
    for power in (1, 2, 4):
        assert traces(*blocks, power)[0] == pytest.approx(np.sum(every**power))
    noise = equal_noise(np.array([2.0]), *blocks)
    assert noise.sigma_p[0] ** 2 * noise.d[0] == pytest.approx(4 * np.sum(every))
    assert noise.sigma_p[0] ** 4 * noise.d[0] == pytest.approx(16 * np.sum(every**2))
    if decay == 0 and spike == 1:
        assert directions_of_noise(*blocks)[0] == pytest.approx(300)


def test_a_run_is_predicted_as_that_of_its_equal_noise() -> None:
    runs = columns(1, d=10**6, spectrum_decay=0.3, **GIVEN)
    same = with_equal_eigenvalues(runs)
    plain = runs | {"spectrum_decay": np.zeros(1), "sigma_p": same["sigma_p"], "d": same["d"]}
    for name in ("gradient_flow", "mean_field", "gradient_flow_median"):
        found = MODEL.predict(name, runs)
        assert 0 < found[0] < 0.5 or name == "mean_field"
        np.testing.assert_array_equal(found, MODEL.predict(name, plain))
    assert not np.isclose(MODEL.predict("gradient_flow", columns(1, d=10**6, **GIVEN)), found)


def test_theory_is_silent_where_few_directions_have_the_noise() -> None:
    spikes = np.array([1.0, 10.0, 1e4])
    runs = columns(3, d=10**5, **GIVEN) | {"spike": spikes}
    blocks = spectrum_blocks(runs["d"] - 1, runs["spectrum_decay"], spikes)
    few = directions_of_noise(*blocks) < FEWEST_DIRECTIONS
    np.testing.assert_array_equal(few, [False, False, True])
    np.testing.assert_array_equal(np.isnan(MODEL.predict("gradient_flow", runs)), few)
