"""Several noise patches, classes of unequal size, and further measures: exact training and test."""

from typing import Any

import numpy as np
import pytest
import torch

from bocnn import MODEL
from bocnn.dynamics.losses import loss_value
from bocnn.engines.dense import network as dense
from bocnn.engines.gpu.engine import GramGPU
from bocnn.engines.registry import GRAM_CPU
from bocnn.measure.details import Details
from sweeps.errors import SweepError
from sweeps.models.installed import load_model
from tests.bocnn.data.drawn_runs import Tensors, assert_steps_are_the_tensors, drawn_run
from tests.bocnn.run_columns import columns

SMALL: dict[str, Any] = {"n": 12, "m": 3, "mu_norm": 1.0, "sigma_0": 0.1}
KINDS: list[dict[str, Any]] = [
    {"noise_patches": 3},
    {"noise_patches": 2, "data": "xor", "noise": "isotropic", "train": "hidden"},
    {"noise_patches": 4, "spectrum_decay": 0.5, "d": 50, "output_init": "sign"},
    {"minority_share": 0.2, "noise_patches": 2},
    {"minority_share": 0.25, "class_process": "count", "p_flip": 0.2},
]
OF_CLASSES = [
    {"label_process": "asymmetric", "p_flip": 0.3, "minority_share": 0.2},
    {"p_flip": 0.2, "minority_share": 0.2},
]


def fresh_errors(run: Tensors, kind: dict[str, Any], count: int) -> np.ndarray:
    """Error of each class on fresh samples of isotropic or orthogonal noise in the run's coordinates."""
    generator = torch.Generator().manual_seed(5)
    patches, dimension = kind.get("noise_patches", 1), run.centres.shape[1]
    shape, signals = (count, patches, dimension), len(run.centres) // 2
    noise = torch.randn(shape, generator=generator, dtype=torch.float64)
    if kind.get("noise") != "isotropic":
        noise[..., :signals] = 0
    wrong = []
    for c, centre in enumerate(run.centres):
        samples = torch.cat([centre.expand(count, 1, dimension), noise], dim=1)
        labels = torch.full((count,), 1.0 if c < signals else -1.0, dtype=torch.float64)
        wrong.append(dense.error(run.network, samples, labels))
    return np.array(wrong).reshape(2, -1).mean(axis=1)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_every_step_is_the_dense_networks(kind: dict[str, Any]) -> None:
    run = assert_steps_are_the_tensors(SMALL | kind)
    assert run.data.patches.shape[:2] == (12, 1 + kind.get("noise_patches", 1))


@pytest.mark.parametrize("kind", KINDS[:2] + KINDS[3:], ids=str)
def test_the_test_error_is_that_of_fresh_samples(kind: dict[str, Any]) -> None:
    """By class, and of both by their shares."""
    run, count = assert_steps_are_the_tensors(SMALL | kind), 20_000
    model = MODEL.with_details()
    row = model.run(columns(1, **(SMALL | kind), precision="float64", steps=30, n_test=count))
    errors, accuracy = fresh_errors(run, kind, count), 4 * np.hypot(0.5, 0.5) / np.sqrt(count)
    share = kind.get("minority_share", 0.5)
    found = [row[f"test_error_{name}"][0] for name in ("positive", "negative", "clean")]
    expected = [*errors, (1 - share) * errors[0] + share * errors[1]]
    np.testing.assert_allclose(found, expected, atol=accuracy)
    assert found[2] == pytest.approx((1 - share) * found[0] + share * found[1], rel=1e-6)
    p = kind.get("p_flip", 0.0)
    assert row["test_error"][0] == pytest.approx(p + (1 - 2 * p) * found[2])
    assert 0.002 < max(expected) < 0.9


def test_noise_patches_of_a_sample_are_drawn_apart() -> None:
    geometry = drawn_run(**SMALL, noise_patches=3).geometry
    products = geometry.points.T @ geometry.points
    cosines = products[2:38, 2:38] / 200
    assert np.abs(cosines - np.eye(36)).max() < 0.5
    assert not geometry.points[0, 2:38].any()


@pytest.mark.parametrize("share", [0.5, 0.25, 0.1])
def test_counted_classes_have_their_sizes_in_every_run(share: float) -> None:
    for seed in range(5):
        kind = {"minority_share": share, "class_process": "count", "seed": seed}
        centres = drawn_run(**SMALL, **kind).training_set.shared.sum(axis=1)
        assert centres[1] == 12 - np.floor((1 - share) * 12 + 0.5)


@pytest.mark.parametrize("kind", OF_CLASSES, ids=str)
def test_observed_labels_of_fresh_samples_are_flipped_by_class_and_share(
    kind: dict[str, Any],
) -> None:
    row = MODEL.with_details().run(columns(3, **SMALL, **kind, steps=30, n_test=500))
    flips = kind["p_flip"], (0.0 if "label_process" in kind else kind["p_flip"])
    expected = sum(
        weight * (p + (1 - 2 * p) * row[f"test_error_{name}"])
        for weight, p, name in zip((0.8, 0.2), flips, ("positive", "negative"), strict=True)
    )
    np.testing.assert_allclose(row["test_error"], expected, rtol=1e-6)


@pytest.mark.parametrize("kind", [{"p_flip": 0.3}, {"loss": "square"}, KINDS[0]], ids=str)
def test_further_measures_are_those_of_the_trained_network(kind: dict[str, Any]) -> None:
    given = SMALL | {"precision": "float64", "steps": 30} | kind
    row = MODEL.with_details().run(columns(1, **given))
    plain = MODEL.run(columns(1, **given))
    for name in plain:
        np.testing.assert_array_equal(row[name], plain[name])
    if kind.get("loss") == "square":
        return
    run = assert_steps_are_the_tensors(given)
    with torch.no_grad():
        output = run.network(run.data.patches).numpy()
        inner = run.network.preactivations(run.data.patches)[..., 1:].numpy()
    observed, flipped = run.data.observed.numpy(), (run.data.observed != run.data.true).numpy()
    own = inner[np.arange(12), (observed < 0).astype(int)]
    margins = observed * output
    expected = {"margin_min": margins.min(), "margin_max": margins.max()}
    expected["active_share"] = (own > 0).mean()
    for name, some in (("kept", ~flipped), ("flipped", flipped)):
        if some.any():
            expected[f"train_loss_{name}"] = loss_value(0, observed[some], output[some])
            expected[f"train_error_{name}"] = (margins[some] < 0).mean()
        else:
            assert np.isnan(row[f"train_loss_{name}"][0])
    for name, value in expected.items():
        np.testing.assert_allclose(row[name][0], value, rtol=1e-9)


def test_a_model_with_details_is_named_in_the_sweep_file() -> None:
    model = load_model("bocnn+details")
    assert model.name == "bocnn+details"
    names = [column.name for column in model.measures]
    assert names[-len(Details._fields) :] == list(Details._fields)
    assert len(names) == len(MODEL.measures) + len(Details._fields)
    for name in ("bocnn+more", "kernel+details"):
        with pytest.raises(SweepError, match=r"expected .* or bocnn\+details"):
            load_model(name)


def test_what_the_gram_engine_does_not_train_has_no_details() -> None:
    model = MODEL.with_details()
    with pytest.raises(ValueError, match="gram-cpu accepts sgd"):
        model.check_runs(columns(1, optimizer="adam"), False)
    with pytest.raises(ValueError, match="not recorded"):
        model.check_runs(columns(1), True)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_other_engines_refuse_them(kind: dict[str, Any]) -> None:
    assert GRAM_CPU.accepts(columns(2, **kind)).all()
    assert not GramGPU().accepts(columns(2, **kind)).any()
    with pytest.raises(ValueError, match="draws no data with"):
        MODEL.check_runs(columns(2, **(kind | {"optimizer": "adam"})), False)
