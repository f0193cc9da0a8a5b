"""The mean field as a prediction: by hand, between dimensions, over flips, and where it is silent."""

from typing import Any

import numpy as np
import pytest
from scipy.special import ndtr

from bocnn import MODEL as BOCNN
from bocnn.arrays import Array
from bocnn.models.limit.model import MODEL as LIMIT
from bocnn.theory.critical_ratio import clean_error, clean_errors
from bocnn.theory.mean_field import MOST_STEPS, Schedule, train_mean_field
from bocnn.theory.predictions.counts import class_counts, mean_over_counts
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
    np.testing.assert_allclose(of_limit(n=10**7, m=10**6), by_hand, atol=2e-4)


def test_classes_and_flips_are_summed_over_their_counts() -> None:
    """Against classes of unequal noise by hand: of own samples and of the others' overshoot."""
    field = train_mean_field(Schedule(1.0, 0.3, loss_tol=0.05))
    expected = np.zeros(SIGNALS.size)
    for kept, memorized, probability in zip(*class_counts(4, 0.2), strict=True):
        noise, other = field.noise_at(memorized), field.noise_at(2 - memorized)
        if kept < 0:
            noise, other = other, noise
        correlation = field.correlation * field.noise.shared / np.sqrt(noise.shared * other.shared)
        errors = clean_errors(
            abs(kept) * np.sqrt(SIGNALS), noise, other=other, correlation=correlation
        )
        expected += probability * (1 - errors if kept < 0 else errors)
    np.testing.assert_allclose(of_limit(n=4, m=10**6, p_flip=0.2), expected, atol=2e-3)


def test_parts_of_the_noise_are_those_of_the_whole() -> None:
    field = train_mean_field(Schedule(1.0, 0.3, loss_tol=0.05))
    np.testing.assert_allclose(field.noise_at(1.0), field.noise)
    assert field.noise_at(1.5).shared > field.noise.shared > field.noise_at(0.5).shared
    # One large step memorizes the samples of both classes alike: only their number counts.
    step = train_mean_field(Schedule(1e4, 0.1, steps=1))
    np.testing.assert_allclose(step.noise_at(1.6), step.noise, rtol=0.1)


def test_noise_along_the_signal_is_read_with_the_signals_sign() -> None:
    """Against draws: both classes' filters see the same part of the noise, with opposite signs."""
    field = train_mean_field(Schedule(0.3, 0.01 * 600 / np.sqrt(20), 20 / 600, steps=40))
    random = np.random.default_rng(5)
    shared, own = np.sqrt(field.noise.shared / 2), field.noise.active - field.noise.shared
    common, apart = random.standard_normal((2, 400_000))
    half = np.sqrt((1 + field.correlation) / 2), np.sqrt((1 - field.correlation) / 2)
    along = random.standard_normal(common.size) * np.sqrt(np.sqrt(0.2 * 20 / 600))
    fields = [
        shared * (half[0] * common + sign * half[1] * apart) + sign * along for sign in (1, -1)
    ]
    spread = np.sqrt(own / 2)
    answers = [
        a * ndtr(a / spread) + spread * np.exp(-((a / spread) ** 2) / 2) / np.sqrt(2 * np.pi)
        for a in fields
    ]
    expected = np.mean(answers[1] - answers[0] > np.sqrt(0.2))
    given: dict[str, Any] = {"m": 10**6, "v0": 1e-6, "eta": 1e4}
    found = of_bocnn(np.array([600]), noise="isotropic", **given)[0]
    assert found == pytest.approx(expected, abs=0.006)  # n = 20
    assert found > of_bocnn(np.array([600]), **given)[0] + 0.005


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
    found = of_bocnn(np.array([600]), m=10**6, v0=1e-6, eta=1e4)[0]
    assert found == pytest.approx(expected, abs=0.006)  # n = 20


def test_both_layers_with_large_output_weights_are_the_hidden_layer() -> None:
    """(ṽ/v₀)⁴ = 0.003, v₀ = 0.5; the step and the start are those of v₀ = 0.1."""
    d, given = np.array([400]), {"v0": 0.5, "eta": 0.004, "sigma_0": 0.002}
    np.testing.assert_array_equal(of_bocnn(d, **given), of_bocnn(d))
    np.testing.assert_array_equal(of_bocnn(d, **given, train="both"), of_bocnn(d))


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
    assert mean_field_error(Scheduled(*[np.empty(0)] * 10), mean_over_counts).size == 0


@pytest.mark.parametrize(("step", "kappa"), [(1.0, 3.0), (100.0, 0.1)])
def test_few_filters_have_the_excess_that_networks_have(step: float, kappa: float) -> None:
    """A start's noise is averaged over m filters alone: at κ = 3, m = 10 errors grow by 0.015 and more."""
    signals = np.array([0.3, 1.0])
    given = {"step_size": step, "kappa": kappa, "loss_tol": 0.05, "n": 60}
    for m in (10, 40):
        runs = {**columns_of(2, **given, m=m), "signal": signals}
        predicted = LIMIT.predict("mean_field", runs)
        many = LIMIT.predict("mean_field", runs | {"m": np.full(2, 10**6)})
        repeated = {name: np.repeat(column, 60) for name, column in runs.items()}
        error = LIMIT.run(repeated | {"replicate": np.arange(120)})["test_error_clean"]
        error = error.reshape(2, 60)
        spread = error.std(axis=1) / 60**0.5
        assert (np.abs(error.mean(axis=1) - predicted) < 0.006 + 3 * spread).all()
        if kappa == 3.0 and m == 10:
            assert (np.abs(error.mean(axis=1) - many) > 0.01).any()
