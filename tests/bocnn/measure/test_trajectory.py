"""Recording along the training: it changes nothing, and records what the papers define."""

from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import softplus

from bocnn import MODEL
from bocnn.engines.dense import network as dense
from bocnn.measure.measures import measure
from bocnn.measure.trajectory import (
    largest_ratio,
    noise_coefficients,
    signal_coefficients,
    slope_sizes,
    trajectory_point,
)
from tests.bocnn.arenas import arena
from tests.bocnn.dense_pairs import Problem, make_pair
from tests.bocnn.lane_training import SEED
from tests.bocnn.run_columns import columns
from tests.bocnn.trained_pairs import Trained, trained
from tests.tolerance import assert_near

STEPS = np.array([0, 1, 7, 30, 60, 1000])
FIG_3 = {"n": 20, "m": 10, "d": 2000, "mu_norm": 2.0, "sigma_0": 0.001, "eta": 0.01}
"""Settings of Shang et al. 2024, Fig. 3."""

KINDS: list[dict[str, Any]] = [
    {},
    {"precision": "float64", "p_flip": 0.2},
    {"loss_tol": 0.3, "steps": 500},
    {"loss_tol": 1e-9},
    {"momentum": 0.5, "momentum_rule": "nesterov", "weight_decay": 0.01, "batch": 7},
    {"data": "xor", "noise": "isotropic", "bias": "trained", "activation": "tanh"},
    {"mu_norm": 20.0, "v0": 5.0, "eta": 100.0, "p_flip": 0.2, "steps": 3000},
    {"steps": 0},
    {"train": "output", "loss": "square"},
]


def assert_same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> None:
    assert one.keys() == other.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: "+".join(kind) or "plain")
def test_a_recorded_run_ends_as_an_unrecorded_one_bit_for_bit(kind: dict[str, Any]) -> None:
    inputs = columns(8, **kind)
    assert_same(MODEL.record(inputs, STEPS)[0], MODEL.run(inputs))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: "+".join(kind) or "plain")
def test_a_record_is_the_measures_of_a_run_that_ends_there(
    kind: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    one_key = np.arange(8, dtype=np.uint64)
    monkeypatch.setattr(
        "bocnn.engines.packing.cell_keys", lambda columns, keyed: (one_key, one_key)
    )
    _, traces = MODEL.record(columns(8, **kind), STEPS)
    for step in (1, 7, 30):
        rows = MODEL.run(columns(8, **kind | {"steps": step}))
        there = traces["step"] == step
        for name in traces.keys() & rows.keys():
            np.testing.assert_array_equal(traces[name][there], rows[name][traces["run"][there]])


def test_runs_are_recorded_while_they_train_and_where_they_end() -> None:
    rows, traces = MODEL.record(columns(8, loss_tol=0.3, steps=500), STEPS)
    assert (rows["steps_run"] < 500).all()
    for run, ended in enumerate(rows["steps_run"]):
        expected = [step for step in STEPS if step < ended] + [ended]
        assert traces["step"][traces["run"] == run].tolist() == expected


def test_the_last_record_of_a_run_is_its_row() -> None:
    rows, traces = MODEL.record(columns(5), STEPS)
    last = traces["step"] == rows["steps_run"][traces["run"]]
    assert traces["run"][last].tolist() == [0, 1, 2, 3, 4]
    for name in traces.keys() & rows.keys():
        np.testing.assert_array_equal(traces[name][last], rows[name])


def test_a_diverged_run_ends_in_nulls_at_its_step() -> None:
    kind = {"mu_norm": 20.0, "v0": 5.0, "eta": 100.0, "p_flip": 0.2, "steps": 3000}
    rows, traces = MODEL.record(columns(20, **kind), np.array([0, 1, 2]))
    diverged = np.flatnonzero(rows["status"] == "diverged")
    assert diverged.size >= 10
    for run in diverged:
        loss = traces["train_loss"][traces["run"] == run]
        assert np.isfinite(loss[0])
        assert np.isnan(loss[-1])
        assert np.isnan(traces["w_norm"][traces["run"] == run][-1])


def test_runs_of_mixed_precision_and_length_keep_their_order() -> None:
    parts = columns(3, precision="float64"), columns(3, steps=5), columns(3, precision="float64")
    mixed = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    _, traces = MODEL.record(mixed, STEPS)
    assert (np.diff(traces["run"]) >= 0).all()
    assert np.bincount(traces["run"]).tolist() == [5, 5, 5, 3, 3, 3, 5, 5, 5]
    _, alone = MODEL.record(parts[1], STEPS)
    middle = (traces["run"] >= 3) & (traces["run"] < 6)
    assert_same({n: v[middle] for n, v in traces.items() if n != "run"}, _without_run(alone))


def test_recorded_columns_are_the_declared_ones_and_cost_more() -> None:
    inputs = columns(2)
    _, traces = MODEL.record(inputs, STEPS)
    assert list(traces) == ["run", *(column.name for column in MODEL.trajectory_measures)]
    assert (MODEL.trajectory_flops(inputs, STEPS) > MODEL.flops(inputs)).all()


PROBLEMS = [
    Problem(20, 100, mu_norm=1.0),
    Problem(20, 60, isotropic=True),
    Problem(20, 60, bias=True, v0=0.5),
    Problem(20, 60, isotropic=True, bias=True, activation="sigmoid"),
    Problem(20, 60, data="xor", mu_norm=2.0),
    Problem(20, 60, data="xor", bias=True, isotropic=True),
]


def solved(run: Trained, decay: float) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients of the dense filters' change, by least squares.

    Returns:
        Along μ / ‖μ‖² (or u and v), (2m, directions), and along ξ_i / ‖ξ_i‖², (2m, n).
    """
    problem, pair = run.pair.problem, run.pair
    shape = (2 * problem.m, problem.d)
    start = make_pair(problem).dense.hidden.detach().reshape(shape)
    change = pair.dense.hidden.detach().reshape(shape) - (1 - 0.02 * decay) ** 60 * start
    vectors = torch.cat([pair.centres[::2], pair.data.patches[:, 1]])
    scaled = vectors / (vectors**2).sum(dim=1, keepdim=True)
    found = torch.linalg.lstsq(scaled.T, change.T).solution.T.numpy()
    return np.split(found, [len(pair.centres[::2])], axis=1)


@pytest.mark.parametrize("decay", [0.0, 0.5])
@pytest.mark.parametrize("problem", PROBLEMS, ids=str)
def test_coefficients_are_those_of_the_dense_filters(problem: Problem, decay: float) -> None:
    run = trained(problem, decay)
    signal, noise = solved(run, decay)
    if problem.data == "xor":
        gamma = np.abs(np.concatenate([signal[: problem.m, 0], signal[problem.m :, 1]]))
    else:
        gamma = signal[:, 0] * np.repeat([1, -1], problem.m)
    assert_near(signal_coefficients(run.geometry, run.pair.network, arena()), gamma)
    assert_near(noise_coefficients(run.geometry, run.pair.network, arena()), noise)


@pytest.mark.parametrize("problem", PROBLEMS, ids=str)
def test_a_record_is_the_dense_networks_by_definition(problem: Problem) -> None:
    run = trained(problem)
    found = trajectory_point(run.run, measure(run.run, 10, SEED, 60, arena()), False, arena())
    expected = dense.measure(run.pair.dense, run.pair.data, run.pair.centres)
    output = run.pair.dense(run.pair.data.patches).detach().requires_grad_()
    softplus(-run.pair.data.observed * output).sum().backward()
    slopes = output.grad.abs().numpy()
    assert_near(
        slope_sizes(run.step_type.loss, run.pair.training_set.observed, run.output, arena()), slopes
    )
    gamma = signal_coefficients(run.geometry, run.pair.network, arena())
    rho = noise_coefficients(run.geometry, run.pair.network, arena())
    expected |= {
        "step": 60,
        "noise_ratio": expected["max_w_xi"] / expected["max_v2"],
        "gamma_max": gamma.max(),
        "rho_max": rho.max(),
        "gamma_over_rho": max(
            g / np.clip(r, 0, None).sum() for g, r in zip(gamma, rho, strict=True)
        ),
        "slope_min": slopes.min(),
        "slope_max": slopes.max(),
    }
    for name, value in expected.items():
        assert getattr(found, name) == pytest.approx(value, rel=1e-8), name


def test_a_ratio_without_a_positive_rho_is_null() -> None:
    gamma = np.array([1.0, 2.0, 4.0])
    assert np.isnan(largest_ratio(gamma, np.array([[0.0], [-1.0], [0.0]])))
    assert largest_ratio(gamma, np.array([[0.0, 0.0], [-9.0, 4.0], [8.0, 8.0]])) == 0.5


def test_output_weights_that_are_not_positive_have_no_noise_ratio() -> None:
    _, traces = MODEL.record(columns(4, v0=-0.2, train="hidden"), STEPS)
    assert np.isnan(traces["noise_ratio"]).all()
    assert np.isfinite(traces["max_w_xi"]).all()


def by_step(name: str, v0: float, steps: list[int]) -> np.ndarray:
    """A recorded column in the settings of Fig. 3, mean over replicates, shape (steps,)."""
    given = FIG_3 | {"v0": v0, "steps": 200, "n_test": 1}
    _, traces = MODEL.record(columns(10, **given), np.array(steps))
    return np.array([traces[name][traces["step"] == step].mean() for step in steps])


def test_a_small_v0s_noise_ratio_settles_where_theory_says() -> None:
    """At √(σ_p² d / n_a) with n_a between n / 4 and n / 2, while both layers grow threefold."""
    start, middle, settled = by_step("noise_ratio", 0.02, [1, 50, 100])
    grown = by_step("max_v2", 0.02, [1, 50, 100])
    assert start < 0.5 * settled
    assert abs(settled / middle - 1) < 0.1
    assert grown[2] > 2 * grown[1] > 4 * grown[0]
    assert 0.9 * np.sqrt(2000 / 10) < settled < 1.1 * np.sqrt(2000 / 5)


def test_a_large_v0s_noise_ratio_keeps_growing_while_v_hardly_moves() -> None:
    ratios = by_step("noise_ratio", 0.5, [1, 10, 25, 50, 100, 199])
    outputs = by_step("max_v2", 0.5, [1, 199])
    assert (ratios[1:] > 1.1 * ratios[:-1]).all()
    assert outputs[1] < 1.05 * outputs[0]
    assert ratios[-1] < 0.75 * np.sqrt(2000 / 10)


def test_signal_over_noise_stays_near_the_ratio_of_the_patches() -> None:
    """γ / Σ ρ = Θ(‖μ‖² / (σ_p² d)) at all steps (Kou et al. 2023), fixed output weights."""
    given = FIG_3 | {"v0": 0.1, "train": "hidden", "steps": 400, "eta": 0.05}
    steps = np.array([10, 50, 100, 400])
    _, traces = MODEL.record(columns(10, **given), steps)
    ratios = [traces["gamma_over_rho"][traces["step"] == step].mean() for step in steps]
    assert all(1 < ratio / (4 / 2000) < 10 for ratio in ratios)
    assert max(ratios) < 2 * min(ratios)


def _without_run(traces: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: values for name, values in traces.items() if name != "run"}
