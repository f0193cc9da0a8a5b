"""The mean field: one large step in closed form, wide networks at d = ∞, and what it refuses."""

import numpy as np
import pytest
from scipy.special import ndtr

from bocnn.theory.critical_ratio import clean_error, critical_ratio
from bocnn.theory.mean_field import MOST_STEPS, MeanField, Schedule, train_mean_field

SEEDS = 4


def strengths(level: float, fields: list[MeanField]) -> np.ndarray:
    """C at which each field has an error level."""
    roots = [critical_ratio(level, one.noise, correlation=one.correlation) for one in fields]
    return np.square(roots)


def trained(schedule: Schedule) -> list[MeanField]:
    return [train_mean_field(schedule, seed=seed) for seed in range(SEEDS)]


def mean_and_error(values: np.ndarray) -> tuple[float, float]:
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(values.size))


def test_one_large_step_is_a_linear_classifier() -> None:
    """Error Φ(−√C): C = 0.7083 at 0.2; half of a class's samples, q = h²/8 and c′ = −c."""
    fields = trained(Schedule(1e3, 1e-3, steps=1))
    mean, error = mean_and_error(strengths(0.2, fields))
    assert abs(mean - 0.70833) < 4 * error < 0.1
    for field in fields:
        assert field.steps == 1
        assert field.learned == pytest.approx(1e3 / 2)
        assert field.noise.active == pytest.approx(4.0, rel=0.05)
        assert field.overlap.active == pytest.approx(0.5, abs=0.05)
        assert field.correlation == pytest.approx(-1.0, abs=0.01)


@pytest.mark.parametrize(
    ("step", "start", "level", "measured"),
    [
        (3.0, 0.1, 0.2, 0.511),
        (10.0, 0.1, 0.2, 0.703),
        (3.0, 1.0, 0.2, 0.408),
    ],
)
def test_it_is_where_wide_networks_cross(
    step: float, start: float, level: float, measured: float
) -> None:
    """C of networks with n = 60, m = 20 at d = ∞ (docs/explanation/limit.md), each to ± 0.004."""
    found = strengths(level, trained(Schedule(step, start, loss_tol=0.05)))
    mean, error = mean_and_error(found)
    assert abs(mean - measured) < 0.04 * measured + 3 * error
    assert error < 0.02 * measured


def test_wide_networks_with_a_large_start_are_linear_on_what_they_learn() -> None:
    """κ → ∞: half of the filters are active on a fresh sample, whatever it is; the start averages out."""
    field = train_mean_field(Schedule(0.1, 1e3, steps=3))
    deviation = np.sqrt(field.noise.shared / 2 * (1 - field.correlation) / 2)
    for root in (0.3, 1.0):
        found = clean_error(root, field.noise, correlation=field.correlation)
        assert found == pytest.approx(ndtr(-root / deviation), abs=1e-3)


def test_the_same_seed_trains_the_same_field() -> None:
    schedule = Schedule(1.0, 0.5, n_over_d=0.05, steps=12)
    assert train_mean_field(schedule) == train_mean_field(schedule)
    assert train_mean_field(schedule) != train_mean_field(schedule, seed=1)


def test_training_stops_at_the_loss() -> None:
    stopped = train_mean_field(Schedule(1.0, 0.1, loss_tol=0.05))
    assert stopped.loss <= 0.05 < train_mean_field(Schedule(1.0, 0.1, steps=stopped.steps - 1)).loss


@pytest.mark.parametrize("steps", [0, MOST_STEPS + 1])
def test_a_number_of_steps_that_is_not_followed_is_refused(steps: int) -> None:
    with pytest.raises(ValueError, match=rf"received {steps} steps; expected 1 to {MOST_STEPS}"):
        train_mean_field(Schedule(1.0, 0.1, steps=steps))
