"""The mean field as a prediction: by hand, between dimensions, over flips, and where it is silent."""

from typing import Any

import numpy as np
import pytest

from bocnn import MODEL as BOCNN
from bocnn.arrays import Array
from bocnn.models.limit.model import MODEL as LIMIT
from bocnn.theory.critical_ratio import clean_error
from bocnn.theory.mean_field import MOST_STEPS, Schedule, train_mean_field
from bocnn.theory.predictions.error import kept_labels
from bocnn.theory.predictions.steps import Scheduled, mean_field_error
from tests.bocnn.models.limit.test_limit import columns_of
from tests.bocnn.run_columns import columns

SIGNALS = np.array([0.05, 0.2, 0.6, 2.0])


def of_limit(**given: Any) -> Array:
    filled = {"step_size": 1.0, "kappa": 0.3, "loss_tol": 0.05, "train": "hidden", "p_flip": 0.0}
    found = columns_of(SIGNALS.size, **(filled | given))
    return LIMIT.predict("mean_field", found | {"signal": SIGNALS})


def test_it_is_the_error_of_the_trained_field() -> None:
    field = train_mean_field(Schedule(1.0, 0.3, loss_tol=0.05))
    by_hand = [
        clean_error(root, field.noise, correlation=field.correlation) for root in np.sqrt(SIGNALS)
    ]
    np.testing.assert_allclose(of_limit(), by_hand, atol=1e-5)


def test_flips_are_summed_over_their_counts() -> None:
    clean = dict(zip(SIGNALS, of_limit(), strict=True))
    kept, probability = kept_labels(4, 0.2)
    np.testing.assert_allclose(kept, [1, 0, -1])
    flipped = of_limit(n=4, p_flip=0.2)
    expected = [
        probability[0] * e + probability[1] / 2 + probability[2] * (1 - e) for e in clean.values()
    ]
    np.testing.assert_allclose(flipped, expected, atol=1e-5)


def of_bocnn(d: Array, **given: Any) -> Array:
    """Networks of Kou et al. that differ in d alone, C = 0.2."""
    filled = {
        "n": 20,
        "m": 10,
        "v0": 0.1,
        "sigma_0": 0.01,
        "eta": 0.1,
        "steps": 40,
        "train": "hidden",
    }
    found = columns(d.size, d=d, mu_norm=(0.2 * d / 20) ** 0.25, **(filled | given))
    return BOCNN.predict("mean_field", found)


def test_it_reads_the_networks_schedule() -> None:
    """h = η m v₀² d/n = 0.3, κ = σ₀ d m v₀/√n at d = 600."""
    field = train_mean_field(Schedule(0.3, 0.01 * 600 / np.sqrt(20), 20 / 600, steps=40))
    expected = clean_error(np.sqrt(0.2), field.noise, correlation=field.correlation)
    assert of_bocnn(np.array([600]))[0] == pytest.approx(expected, abs=1e-5)


def test_between_dimensions_it_is_interpolated() -> None:
    d = np.linspace(200, 1000, 17).astype(int)
    alone = np.concatenate([of_bocnn(d[at : at + 1]) for at in (8, 12, 14)])
    np.testing.assert_allclose(of_bocnn(d)[[8, 12, 14]], alone, atol=0.005)


@pytest.mark.parametrize(
    "given",
    [{"train": "both"}, {"activation": "tanh"}, {"steps": MOST_STEPS + 1}, {"d": np.array([60])}],
    ids=str,
)
def test_it_is_silent_elsewhere(given: dict[str, Any]) -> None:
    d = given.pop("d", np.array([400]))
    assert np.isnan(of_bocnn(d, **given)).all()


def test_no_runs_have_no_errors() -> None:
    assert mean_field_error(Scheduled(*[np.empty(0)] * 8)).size == 0
