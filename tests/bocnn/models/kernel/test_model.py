"""The kernel regime: labels, what is measured beside theory, limits, statuses."""

from typing import Any

import numpy as np
import pytest

from bocnn.models.kernel.draws import draw_data, worst_labels
from bocnn.models.kernel.model import Kernel
from bocnn.theory.kernel import limit_gram
from tests.tolerance import assert_near

MODEL = Kernel()

ROW = {"seed": 3, "replicate": 0, "n": 30, "d": 12, "m": 64, "eta": 0.3, "steps": 60}
ROW |= {"n_test": 400}


def row_of(**given: Any) -> dict[str, Any]:
    defaults = {column.name: column.default for column in MODEL.parameters}
    return defaults | ROW | given


def keyed_row(**given: Any) -> dict[str, Any]:
    """A run as its draws take it, with its key."""
    columns = MODEL.keyed_runs(columns_of(1, **given))
    return {name: values[0] for name, values in columns.items()}


def columns_of(count: int, **given: Any) -> dict[str, np.ndarray]:
    """`count` replicates of one setting."""
    columns = {
        name: np.array([value] * count, dtype=object if isinstance(value, str) else None)
        for name, value in row_of(**given).items()
    }
    return columns | {"replicate": np.arange(count)}


def run_of(model: Kernel, count: int = 3, **given: Any) -> dict[str, np.ndarray]:
    """What a model measures on `count` replicates of one setting."""
    return model.run(columns_of(count, **given))


def run(count: int = 3, **given: Any) -> dict[str, np.ndarray]:
    return run_of(MODEL, count, **given)


@pytest.mark.parametrize("teacher", ["linear", "quadratic"])
def test_teachers_have_unit_moments_and_their_parity(teacher: str) -> None:
    data = draw_data(keyed_row(teacher=teacher), 100_000)
    mean, error = data.taught.mean(), data.taught.std() / len(data.taught) ** 0.5
    assert abs(mean) < 4.5 * error
    # t is that of a sphere: its moments differ from the normal's by 2/(d + 2) of their size.
    assert abs((data.taught**2).mean() - 1) < 0.25
    t = np.sqrt(12) * data.x @ np.linalg.lstsq(data.x, data.taught, rcond=None)[0]
    odd = abs(np.corrcoef(t, data.taught)[0, 1])
    assert odd > 0.99 if teacher == "linear" else odd < 0.1


def test_inputs_have_unit_length_and_test_samples_are_others() -> None:
    training, fresh = draw_data(keyed_row(), 30), draw_data(keyed_row(), 30, test=True)
    assert_near(np.linalg.norm(training.x, axis=1), np.ones(30))
    assert not np.isclose(training.x, fresh.x).any()
    both = [np.linalg.lstsq(part.x, part.taught, rcond=None)[0] for part in (training, fresh)]
    assert_near(both[0], both[1])


def test_replaced_labels_are_signs_and_their_set_grows_with_the_share() -> None:
    sets = []
    for share in (0.0, 0.3, 0.7, 1.0):
        data = draw_data(keyed_row(random_share=share), 2000)
        replaced = data.labels != data.taught
        assert set(np.abs(data.labels[replaced])) <= {1.0}
        assert replaced.mean() == pytest.approx(share, abs=0.05)
        sets.append(replaced)
    assert all((few <= many).all() for few, many in zip(sets, sets[1:], strict=False))
    np.testing.assert_array_equal(draw_data(keyed_row(labels="random"), 2000).labels, data.labels)


def test_the_worst_labels_are_the_slowest_eigenvector() -> None:
    gram = limit_gram(draw_data(keyed_row(), 30).x)
    labels = worst_labels(gram)
    assert_near(gram @ labels, np.linalg.eigvalsh(gram)[0] * labels)
    assert_near(np.linalg.norm(labels), np.sqrt(30))


@pytest.mark.parametrize("labels", ["teacher", "random"])
def test_the_distance_to_the_predicted_curve_falls_as_the_root_of_the_width(labels: str) -> None:
    few, many = (run(6, m=m, labels=labels, steps=25)["residual_gap"].mean() for m in (128, 2048))
    assert 2.4 < few / many < 6.5  # √16 = 4


def test_true_labels_fall_faster_than_random_ones_and_those_than_the_worst() -> None:
    ends = [
        run(m=1024, labels=labels)["residual"].mean() for labels in ("teacher", "random", "worst")
    ]
    assert 3 * ends[0] < ends[1] and 2 * ends[1] < ends[2]


def test_a_wide_network_moves_as_far_as_the_bound_says() -> None:
    rows = run(m=4096, steps=300)
    np.testing.assert_allclose(rows["distance"], rows["distance_bound"], rtol=0.03)
    assert (rows["residual"] < 1e-2).all()


def test_the_bound_grows_with_the_share_and_stays_above_the_loss() -> None:
    rows = [run(m=512, steps=200, random_share=share) for share in (0.0, 0.4, 1.0)]
    bounds, losses = (np.array([row[name] for row in rows]) for name in ("bound", "test_l1"))
    assert (np.diff(bounds.mean(axis=1)) > 0).all()
    assert (losses < bounds).all() and ((losses >= 0) & (losses <= 1)).all()
    assert_near(np.array([row["bound_room"] for row in rows]), bounds - losses)


def test_nothing_is_learned_in_no_steps() -> None:
    rows = run(steps=0)
    np.testing.assert_array_equal(rows["distance"], 0.0)
    assert_near(rows["residual"], rows["predicted_residual"])


def test_worst_labels_have_no_test_loss() -> None:
    rows = run(labels="worst")
    assert set(rows["status"]) == {"ok"}
    assert np.isnan([rows[name] for name in ("test_l1", "test_error", "bound_room")]).all()


def test_divergence_is_a_status_and_nulls() -> None:
    rows = run(eta=1e300)
    assert set(rows["status"]) == {"diverged"}
    assert all(np.isnan(rows[column.name]).all() for column in MODEL.measures[1:])


def test_more_dimensions_than_samples_run_and_cost_rises_with_width() -> None:
    assert set(run(n=5, d=40)["status"]) == {"ok"}
    small, large = (
        {name: np.array([value]) for name, value in row_of(m=m).items()} for m in (64, 640)
    )
    assert MODEL.flops(large) > MODEL.flops(small)
    assert MODEL.memory_bytes(large) > MODEL.memory_bytes(small)


STEPS = np.array([0, 3, 10, 60, 500])


def test_a_recorded_run_is_the_run_itself_and_its_curve_that_of_shorter_runs() -> None:
    measured, traced = MODEL.record(columns_of(2), STEPS)
    for name, values in run(2).items():
        np.testing.assert_array_equal(measured[name], values)
    np.testing.assert_array_equal(traced["step"], [0, 3, 10, 60] * 2)
    np.testing.assert_array_equal(traced["run"], np.repeat([0, 1], 4))
    for row, steps in enumerate((0, 3, 10, 60)):
        rows = run(2, steps=steps)
        for name in ("residual", "predicted_residual", "residual_gap", "distance"):
            np.testing.assert_array_equal(traced[name][[row, row + 4]], rows[name])


def test_a_run_that_diverges_is_recorded_until_it_did() -> None:
    measured, traced = MODEL.record(columns_of(1, eta=1e90, steps=500), np.array([0, 1, 2, 499]))
    assert set(measured["status"]) == {"diverged"}
    assert traced["step"][-1] < 500 and np.isnan(traced["residual"][-1])
    assert np.isfinite(traced["residual"][0])


def test_images_without_a_reader_are_reported() -> None:
    with pytest.raises(ValueError, match="received data: digits; expected sphere"):
        run(data="digits")
