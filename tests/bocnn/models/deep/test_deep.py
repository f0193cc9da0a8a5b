"""Deep patch CNNs: against a dense network by autograd, the engine at L = 2, conservation laws, limits."""

from itertools import product
from typing import Any

import numpy as np
import pytest
from scipy.special import ndtr

from bocnn.models.cnn.model import MODEL as BOCNN
from bocnn.models.deep.measuring import TrainedDeep, measure
from bocnn.models.deep.model import MODEL, train_vectors
from bocnn.models.deep.start import DeepVectors, draw_vectors
from bocnn.parameters.columns import Column
from tests.bocnn.models.deep.dense import DenseDeep
from tests.tolerance import assert_near

POINT = {
    "n": 9,
    "d": 15,
    "m": 3,
    "mu_norm": 1.5,
    "sigma_0": 0.2,
    "v0": 0.7,
    "depth": 3,
    "steps": 12,
}
LINES = [
    {"depth": depth, "upper": upper, **given}
    for depth, upper, given in product(
        (2, 3, 4),
        ("per_patch", "shared"),
        (
            {},
            {"activation": "leaky_relu", "leak": 0.2, "noise": "isotropic"},
            {"skip": "linear", "p_flip": 0.3},
            {"residual": "identity"},
            {"train": "hidden", "skip": "linear"},
            {"normalization": "weight"},
            {"normalization": "batch"},
            {"normalization": "layer"},
            {"normalization": "batch", "skip": "linear", "residual": "identity", "p_flip": 0.2},
            {"normalization": "layer", "activation": "leaky_relu", "leak": 0.1},
            {"normalization": "weight", "skip": "linear", "residual": "identity"},
        ),
    )
]


def columns_of(
    runs: int, parameters: tuple[Column, ...] = MODEL.parameters, **given: Any
) -> dict[str, np.ndarray]:
    """Replicates of one cell."""
    row = {column.name: column.default for column in parameters} | {"seed": 1} | given
    columns = {
        name: np.array(
            [np.nan if value is None else value] * runs,
            dtype=object if isinstance(value, str) else None,
        )
        for name, value in row.items()
    }
    return columns | {"replicate": np.arange(runs)}


def row_of(**given: Any) -> dict[str, Any]:
    """The third replicate of a cell, with its key."""
    columns = MODEL.keyed_runs(columns_of(3, **{**POINT, "eta": 0.1, **given}))
    return {name: values[2] for name, values in columns.items()}


def trained(row: dict[str, Any], vectors: DeepVectors, **given: Any) -> TrainedDeep:
    return train_vectors({**row, **given}, vectors)[0]


def assert_same_network(run: TrainedDeep, dense: DenseDeep) -> None:
    """Outputs, filters and upper weights agree."""
    assert_near(run.state.f[0], dense.outputs().detach())
    m, weights = int(run.row["m"]), run.state.weights
    filters = dense.trained_filters().detach().reshape(2 * m, -1)
    assert_near(run.filters[:, : 2 * m].T, filters)
    for level in range(weights.middle.shape[0]):
        assert_near(weights.middle[level], dense.upper[level].detach())
    assert_near(weights.output, dense.upper[-1].detach()[:, :, 0])
    if run.row["skip"] == "linear":
        assert_near(run.filters[:, -1], dense.theta.detach())


@pytest.mark.parametrize("given", LINES, ids=str)
def test_every_step_is_that_of_the_dense_network(given: dict[str, Any]) -> None:
    """Vectors in all d coordinates, drawn here: nothing is shared but their inner products."""
    row, rng = row_of(**given), np.random.default_rng(len(str(given)))
    n, d, m = int(row["n"]), int(row["d"]), int(row["m"])
    noise = rng.normal(size=(d, n))
    noise[0] *= row["noise"] == "isotropic"
    centres = np.zeros((d, 2))
    centres[0] = row["mu_norm"], -row["mu_norm"]
    vectors = DeepVectors(
        np.concatenate([centres, noise], axis=1),
        row["sigma_0"] * rng.normal(size=(d, 2 * m)),
        rng.integers(2, size=n),
        rng.choice([-1.0, 1.0], size=n),
    )
    dense = DenseDeep(row, vectors)
    for steps in range(13):
        run = trained(row, vectors, steps=steps, loss_tol=np.nan)
        assert_same_network(run, dense)
        dense.step(float(row["eta"]))
    assert abs(float(dense.loss().detach()) - np.log(2)) > 0.01


@pytest.mark.parametrize("given", LINES[::3], ids=str)
def test_a_run_that_is_drawn_is_the_dense_network_in_all_coordinates(given: dict[str, Any]) -> None:
    """d is so small that the coordinates of a run are all d; steps are those that the flow took."""
    row = row_of(**{**given, "eta": None, "flow_rate": 0.1})
    vectors = draw_vectors(row)
    assert vectors.points.shape[0] >= int(row["d"])
    dense, before = DenseDeep(row, vectors), 0.0
    for steps in range(1, 16):
        run = trained(row, vectors, steps=steps, loss_tol=np.nan)
        time = float(run.state.progress[0])
        assert np.abs(run.state.f[0] - run.state.f[1]).max() <= 0.4
        dense.step(time - before)
        before = time
        assert_same_network(run, dense)


@pytest.mark.parametrize("given", LINES[::2], ids=str)
def test_the_test_error_is_that_of_fresh_samples(given: dict[str, Any]) -> None:
    row = row_of(**{**given, "steps": 12, "loss_tol": None, "n_test": 20_000, "sigma_0": 0.05})
    vectors = draw_vectors(row)
    run, steps = train_vectors(row, vectors)
    found, dense = measure(run, steps), DenseDeep(row, vectors)
    for _ in range(steps):
        dense.step(float(row["eta"]))
    normals = np.random.default_rng(3).normal(size=(100_000, vectors.points.shape[0]))
    normals[:, int(row["d"]) :] = 0.0
    wrong = dense.errors(normals).mean(axis=0)
    error, p_flip = float(wrong.mean()), float(row["p_flip"])
    spread = np.hypot(wrong.std() / len(wrong) ** 0.5, found["test_error_se"] / (1 - 2 * p_flip))
    assert abs(found["test_error_clean"] - error) < 4.5 * spread + 1e-5
    assert found["test_error"] == pytest.approx(
        p_flip + (1 - 2 * p_flip) * found["test_error_clean"]
    )
    assert found["train_loss"] == pytest.approx(float(dense.loss().detach()), rel=1e-9)


@pytest.mark.parametrize(
    "given",
    [
        {"p_flip": 0.1, "n_test": 501},
        {"noise": "isotropic", "activation": "leaky_relu", "leak": 0.1},
        {"train": "hidden", "d": 10**12, "sigma_0": 1e-12, "mu_norm": 600.0, "eta": 1e-9},
        {"loss_tol": 0.3, "n": 7, "m": 3, "n_test": 64},
    ],
)
def test_two_layers_are_those_of_the_engine(given: dict[str, Any]) -> None:
    """On the same draws, to rounding; test errors to that of float32, in which the engine tests."""
    shared = {"n": 20, "d": 2000, "m": 10, "mu_norm": 5.0, "sigma_0": 1e-3, "v0": 0.1}
    shared |= {"eta": 0.05, "steps": 300, "loss_tol": None, **given}
    deep = MODEL.run(columns_of(6, **shared, depth=2))
    engine = BOCNN.run(columns_of(6, BOCNN.parameters, **shared, precision="float64"))
    np.testing.assert_array_equal(deep["status"], engine["status"])
    for column in BOCNN.measures[1:]:
        exact = not column.name.startswith("test_error")
        rtol = 1e-9 if exact else 1e-5
        atol = 0.0 if exact else 1e-8
        np.testing.assert_allclose(
            deep[column.name], engine[column.name], rtol=rtol, atol=atol, err_msg=column.name
        )


@pytest.mark.parametrize("upper", ["per_patch", "shared"])
def test_with_upper_weights_kept_layers_only_rescale_the_output(upper: str) -> None:
    """Every path has the weight v₀^(L−1): the network of L layers is that of two with m^(L−2) v₀^(L−1)."""
    given = {**POINT, "train": "hidden", "upper": upper, "eta": 0.05, "steps": 40}
    two = MODEL.run(columns_of(5, **given | {"depth": 2, "v0": 3**2 * 0.7**3}))
    four = MODEL.run(columns_of(5, **given | {"depth": 4}))
    for name in ("train_loss", "test_error", "max_w_mu", "max_w_xi", "w_norm"):
        np.testing.assert_allclose(four[name], two[name], rtol=1e-9, err_msg=name)
    assert (four["train_loss"] < 0.6).all()


@pytest.mark.parametrize(("upper", "depth"), [("per_patch", 3), ("shared", 4), ("per_patch", 2)])
def test_the_gradient_flow_conserves_what_it_should(upper: str, depth: int) -> None:
    """‖weights out‖² − ‖weights in‖² of every neuron, up to the rate of steps."""
    drift = []
    for rate in (0.04, 0.02, 0.01):
        row = row_of(upper=upper, depth=depth, eta=None, flow_rate=rate, loss_tol=0.05, steps=10**5)
        vectors = draw_vectors(row)
        run, steps = train_vectors(row, vectors)
        assert run.state.f[0] @ vectors.observed > 0 and steps < 10**5
        before = trained(row, vectors, steps=0)
        moved = [conserved(one) for one in (before, run)]
        drift.append(np.abs(moved[1] - moved[0]).max() / (run.state.weights.output**2).max())
    assert drift[0] < 0.1
    assert drift[1] < 0.65 * drift[0] and drift[2] < 0.65 * drift[1]


def conserved(run: TrainedDeep) -> np.ndarray:
    """Of every filter, and every neuron of the layers between."""
    weights, m = run.state.weights, int(run.row["m"])
    chain = [*weights.middle, weights.output[:, :, None]]  # (2, Q, out, in)
    out = [(layer**2).sum(axis=2) for layer in chain]  # by neuron below, (2, Q, m)
    into = [(layer**2).sum(axis=3) for layer in chain[:-1]]
    filters = out[0].sum(axis=1) - (run.filters**2).sum(axis=0).reshape(2, m)
    return np.concatenate(
        [filters.ravel(), *((o - i).ravel() for o, i in zip(out[1:], into, strict=True))]
    )


@pytest.mark.parametrize(("upper", "depth"), [("per_patch", 3), ("shared", 3), ("shared", 4)])
def test_a_leak_makes_a_linear_classifier_of_any_depth(upper: str, depth: int) -> None:
    """From large upper weights: the error Φ(−√C) of a linear network, for d → ∞ and many samples."""
    n, m, d, signal = 200, 4, 10**13, 0.5
    given = {"n": n, "m": m, "d": d, "mu_norm": (signal * d / n) ** 0.25, "depth": depth}
    kink = (m ** (1 - depth) * (n / d) ** 0.5) ** (1 / depth)
    given |= {"v0": 30 * kink, "sigma_0": 0.1 * n**0.5 / d / 100, "activation": "leaky_relu"}
    given |= {"leak": 0.5, "upper": upper, "loss_tol": 0.05, "steps": 10**5, "n_test": 200}
    found = MODEL.run(columns_of(30, **given))
    assert set(found["status"]) == {"ok"}
    mean, spread = found["test_error_clean"].mean(), found["test_error_clean"].std() / 30**0.5
    assert abs(mean - ndtr(-(signal**0.5))) < 0.01 + 4 * spread


def test_statuses_and_steps() -> None:
    given = {**POINT, "loss_tol": 0.05, "steps": 10**5}
    flow = MODEL.run(columns_of(4, **given))
    assert set(flow["status"]) == {"ok"} and (flow["train_loss"] <= 0.05).all()
    assert (flow["flow_time"] > 0).all()
    finer = MODEL.run(columns_of(4, **given, flow_rate=0.01))
    assert (finer["steps_run"] > 3 * flow["steps_run"]).all()
    np.testing.assert_allclose(finer["flow_time"], flow["flow_time"], rtol=0.1)
    short = MODEL.run(columns_of(4, **given | {"steps": 2}))
    assert set(short["status"]) == {"unconverged"} and (short["steps_run"] == 2).all()
    fixed = MODEL.run(columns_of(4, **given | {"steps": 7, "eta": 0.25, "loss_tol": None}))
    np.testing.assert_allclose(fixed["flow_time"], 1.75)
    wild = MODEL.run(columns_of(4, **given | {"eta": 1e200}))
    assert set(wild["status"]) == {"diverged"}
    assert all(np.isnan(wild[column.name]).all() for column in MODEL.measures[1:])
    one = MODEL.run(columns_of(2, **given | {"n_test": 1}))
    assert np.isnan(one["test_error_se"]).all() and np.isfinite(one["test_error"]).all()


def test_a_run_is_the_same_alone_and_in_any_company() -> None:
    many = columns_of(6, **POINT | {"steps": 30})
    many["n"][2:4], many["m"][4:], many["depth"][::2] = 5, 2, 4
    whole = MODEL.run(many)
    for r in range(6):
        alone = MODEL.run({name: column[r : r + 1] for name, column in many.items()})
        for name, column in whole.items():
            np.testing.assert_array_equal(alone[name][0], column[r], err_msg=name)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"upper": "tied"}, "upper: tied; the engine deep accepts per_patch, shared"),
        ({"normalization": "group"}, "normalization: group; the engine deep accepts none, weight"),
        ({"skip": "dense"}, "skip: dense; the engine deep accepts none, linear"),
        ({"residual": "gated"}, "residual: gated; the engine deep accepts none, identity"),
        ({"activation": "tanh"}, "activation: tanh; the engine deep accepts relu, leaky_relu"),
        ({"noise": "laplace"}, "noise: laplace; the engine deep accepts orthogonal, isotropic"),
        ({"train": "output"}, "train: output; the engine deep accepts both, hidden"),
        ({"normalization": "layer", "m": 1}, "layer with m: 1; expected two filters a class"),
        (
            {"normalization": "weight", "sigma_0": 0.0},
            "weight with sigma_0: 0; expected sigma_0 ab",
        ),
    ],
)
def test_what_is_not_trained_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MODEL.run(columns_of(1, **{**POINT, **given}))


def test_parameters_without_effect_change_nothing() -> None:
    given = {**POINT, "steps": 5, "depth": 2, "eta": 0.1}
    plain = MODEL.run(columns_of(2, **given))
    other = MODEL.run(
        columns_of(2, **given, residual="identity", leak=0.5, norm_epsilon=0.3, flow_rate=0.2)
    )
    for name, column in plain.items():
        np.testing.assert_array_equal(other[name], column, err_msg=name)
