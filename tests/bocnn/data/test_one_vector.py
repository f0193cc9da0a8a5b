"""Samples of one vector, x = μ_c + ξ: steps, test error and law are those of networks that see it."""

from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

from bocnn import MODEL
from bocnn.engines.dense import network as dense
from bocnn.engines.dense.training import Recipe, optimizer_of, step
from bocnn.engines.registry import ENGINES, GRAM_CPU
from bocnn.measure.trajectory import TrajectoryPoint
from tests.bocnn.data.drawn_runs import Tensors, as_tensors, drawn_run
from tests.bocnn.data.test_distribution import train_together
from tests.bocnn.run_columns import columns

HINGE: dict[str, Any] = {"activation": "leaky_relu", "leak": 0.1, "loss": "hinge"}
SMALL: dict[str, Any] = {"n": 12, "m": 3, "mu_norm": 1.0, "sigma_0": 0.1, "train": "hidden"}
KINDS: list[dict[str, Any]] = [
    HINGE | {"p_flip": 0.2},
    {"noise": "isotropic", "p_flip": 0.3, "label_process": "count"},
    {"data": "xor", "xor_cosine": 0.4, "noise": "isotropic"},
    HINGE | {"data": "xor", "d": 9, "output_init": "normal"},
    {"spectrum_decay": 0.5, "minority_share": 0.3, "class_process": "count", "leak": 1.0}
    | {"activation": "leaky_relu"},
    {"activation": "relu2", "sigma_0": 0.4, "p_flip": 0.2, "label_process": "asymmetric"},
]


def one_vector(**given: Any) -> tuple[Tensors, torch.Tensor]:
    """A run as a network of tensors that sees sums of patches drawn apart, and its noise patches."""
    apart = drawn_run(**given, input="patches")
    run = as_tensors(apart)
    network = dense.TwoLayerCNN(
        run.network.hidden.detach(),
        run.network.output.detach()[..., 1:],
        activation=given.get("activation", "relu"),
        leak=given.get("leak", 0.01),
    )
    data = run.data
    vectors = dense.Samples(data.patches.sum(dim=1, keepdim=True), data.observed, data.true)
    return Tensors(vectors, run.centres, network), data.patches[:, 1]


@torch.no_grad()
def measured(run: Tensors, noise: torch.Tensor, start: torch.Tensor, loss: str) -> dict[str, float]:
    """What is recorded of a run, by definition."""
    network, data, centres = run.network, run.data, run.centres
    inner = torch.einsum("jrd,id->ijr", network.hidden, noise)
    half = len(centres) // 2
    signal = torch.einsum("jrd,cd->jrc", network.hidden, centres)
    change = (network.hidden - start).reshape(-1, noise.shape[1])
    found = {
        "train_loss": float(dense.training_loss(network, data, loss)),
        "train_error": dense.error(network, data.patches, data.observed),
        "max_w_mu": float(torch.cat([signal[0, :, :half], signal[1, :, half:]]).max()),
        "max_w_xi": float(inner[torch.arange(len(inner)), (data.observed < 0).long()].max()),
        "max_v2": float(network.output.max()),
        "w_norm": float(network.hidden.norm()),
        "v_norm": float(network.output.norm()),
    }
    if half == 1 and not noise[:, 0].any():  # then the decomposition is unique
        weights = torch.linalg.lstsq(noise.T, change.T).solution.T
        own = torch.tensor([1.0, -1.0]).repeat_interleave(len(change) // 2)
        found["gamma_max"] = float((own * (change @ centres[0])).max())
        found["rho_max"] = float((weights * noise.norm(dim=1) ** 2).max())
    return found


@torch.no_grad()
def fresh_errors(run: Tensors, given: dict[str, Any], count: int) -> list[float]:
    """Clean error on fresh samples of each centre."""
    generator = torch.Generator().manual_seed(7)
    dimension, half = run.centres.shape[1], len(run.centres) // 2
    noise = torch.randn((count, dimension), generator=generator, dtype=torch.float64)
    if given.get("noise") != "isotropic":
        noise[:, :half] = 0
    errors = []
    for c, centre in enumerate(run.centres):
        label = torch.full((count,), 1.0 if c < half else -1.0, dtype=torch.float64)
        errors.append(dense.error(run.network, (centre + noise)[:, None], label))
    return errors


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_every_step_and_the_test_error_are_those_of_a_dense_network(kind: dict[str, Any]) -> None:
    steps, given = 30, {"precision": "float64", "n_test": 4000} | SMALL | kind
    runs = MODEL.canonical(columns(1, **given, steps=steps, input="sum"))
    recorded = GRAM_CPU.record(runs, np.arange(steps))
    run, noise = one_vector(**given)
    start, loss = run.network.hidden.detach().clone(), given.get("loss", "logistic")
    recipe = Recipe(0.05, "hidden", loss)
    optimizer = optimizer_of(run.network, recipe)
    for t in range(steps + 1):
        for name, value in measured(run, noise, start, loss).items():
            found = recorded.trajectory[0, t, TrajectoryPoint._fields.index(name)]
            np.testing.assert_allclose(found, value, rtol=1e-9, atol=1e-12, err_msg=name)
        if t < steps:
            step(run.network, run.data, recipe, optimizer)
    row = MODEL.run(columns(1, **given, steps=steps, input="sum"))
    assert np.isnan(row["max_v1"][0])  # there is no signal patch
    if "spectrum_decay" not in kind:
        errors = np.array(fresh_errors(run, given, 20_000))
        spread = np.hypot(row["test_error_se"][0], 0.5 / np.sqrt(20_000))
        assert abs(row["test_error_clean"][0] - errors.mean()) < 4 * spread


def test_errors_of_classes_and_of_flipped_samples() -> None:
    given = SMALL | HINGE | {"p_flip": 0.3, "n_test": 4000, "input": "sum", "minority_share": 0.2}
    row = MODEL.with_details().run(columns(1, **given))
    share = np.array([0.8, 0.2])
    of_class = [row[f"test_error_{name}"][0] for name in ("positive", "negative")]
    np.testing.assert_allclose(share @ of_class, row["test_error_clean"], atol=1e-12)
    drawn = drawn_run(**given)
    centre = drawn.training_set.shared.argmax(axis=0)
    flipped = drawn.geometry.labels[centre] != drawn.training_set.observed
    parts = [row["train_loss_kept"][0], row["train_loss_flipped"][0]]
    expected = np.average(parts, weights=[(~flipped).sum(), flipped.sum()])
    np.testing.assert_allclose(row["train_loss"][0], expected, rtol=1e-5)


def test_fresh_draws_in_all_d_dimensions_have_the_law() -> None:
    """Vectors, labels and filters drawn by torch, against runs drawn as inner products."""
    sizes, replicates = {"n": 10, "m": 2, "d": 25, "mu_norm": 1.5, "sigma_0": 0.2}, 300
    given = sizes | HINGE | {"p_flip": 0.2, "train": "hidden", "input": "sum", "steps": 40}
    found = MODEL.run(columns(replicates, **given, precision="float64", n_test=1000))
    generator = torch.Generator().manual_seed(3)
    mu = 1.5 * torch.eye(25, dtype=torch.float64)[:1]
    networks, data = [], []
    for _ in range(replicates):
        drawn = dense.draw_data(
            generator, 10, torch.cat([mu, -mu]), dense.SampleOptions(p_flip=0.2)
        )
        data.append(
            dense.Samples(drawn.patches.sum(dim=1, keepdim=True), drawn.observed, drawn.true)
        )
        scales = dense.InitialScales(0.2, 0.2)
        one = dense.initialize(generator, (2, 25), scales, activation="leaky_relu")
        kept = one.output.detach()[..., 1:]
        networks.append(
            dense.TwoLayerCNN(one.hidden.detach(), kept, activation="leaky_relu", leak=0.1)
        )
    train_together(networks, data, Recipe(0.05, "hidden", "hinge"), 40)
    fresh = dense.draw_data(generator, 1000, torch.cat([mu, -mu]), dense.SampleOptions())
    vectors = fresh.patches.sum(dim=1, keepdim=True)
    pairs = zip(networks, data, strict=True)
    expected = {
        "train_loss": [float(dense.training_loss(*pair, "hinge").detach()) for pair in pairs],
        "test_error_clean": [dense.error(network, vectors, fresh.true) for network in networks],
        "w_norm": [float(network.hidden.detach().norm()) for network in networks],
    }
    for name, values in expected.items():
        assert stats.ks_2samp(found[name], values).pvalue > 1e-3, name


@pytest.mark.parametrize("noise", ["orthogonal", "isotropic"])
def test_a_linear_network_has_the_error_of_its_linear_classifier(noise: str) -> None:
    """With a leak of 1, f(x) = ⟨θ, x⟩, θ = Σ j v w, and the error is Φ(−⟨θ, μ⟩ / (σ_p ‖θ‖))."""
    given = SMALL | {"activation": "leaky_relu", "leak": 1.0, "noise": noise, "p_flip": 0.1}
    given |= {"precision": "float64", "n_test": 100_000, "steps": 60}
    run, _ = one_vector(**given)
    recipe = Recipe(0.05, "hidden")
    optimizer = optimizer_of(run.network, recipe)
    for _ in range(60):
        step(run.network, run.data, recipe, optimizer)
    signs = torch.tensor([1.0, -1.0], dtype=torch.float64)[:, None, None]
    theta = (signs * run.network.output * run.network.hidden).sum(dim=(0, 1)).detach().numpy()
    across = theta if noise == "isotropic" else theta[1:]
    expected = stats.norm.cdf(
        -theta[0] / np.linalg.norm(across)
    )  # μ is the first axis, of length 1
    row = MODEL.run(columns(1, **given, input="sum"))
    assert abs(row["test_error_clean"][0] - expected) < 4 * row["test_error_se"][0]


def test_without_a_signal_it_is_the_network_of_two_patches() -> None:
    given = SMALL | {"mu_norm": 0.0, "p_flip": 0.2, "precision": "float64"}
    one, two = (MODEL.run(columns(3, **given, input=word)) for word in ("sum", "patches"))
    for name in ("train_loss", "train_error", "max_w_xi", "w_norm", "max_v2"):
        np.testing.assert_allclose(one[name], two[name], rtol=1e-12)


@pytest.mark.parametrize(
    "kind",
    [{"train": "both"}, {"noise_patches": 2}, {"noise_spread": 0.3}, {"signal_spread": 0.3}],
    ids=str,
)
def test_what_one_vector_does_not_have_is_refused(kind: dict[str, Any]) -> None:
    given = SMALL | kind | {"input": "sum"}
    with pytest.raises(ValueError, match="input: sum takes train: hidden, one noise patch"):
        MODEL.check_runs(columns(2, **given), False)


def test_other_engines_refuse_one_vector() -> None:
    given = columns(2, **SMALL, input="sum")
    assert [engine.name for engine in ENGINES if engine.accepts(given).any()] == ["gram-cpu"]
    with pytest.raises(ValueError, match="dense-cpu: received input: sum"):
        MODEL.check_runs(columns(2, **SMALL, input="sum", optimizer="adam"), False)
