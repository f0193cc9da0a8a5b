"""Samples of different strength, flips that follow it, and the angle of XOR: exact training and test."""

from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

from bocnn import MODEL
from bocnn.data.draws import Seed, draw_labels
from bocnn.data.geometry import draw_geometry
from bocnn.data.records import EVEN_CLASSES, STRONG_NOISE, WEAK_SIGNAL, Flips, Strengths
from bocnn.data.strengths import flip_chance, kinds_of, relative_signal
from bocnn.engines.dense import network as dense
from bocnn.engines.gpu.engine import GramGPU
from bocnn.engines.registry import GRAM_CPU
from tests.bocnn.arenas import arena, workspace
from tests.bocnn.data.drawn_runs import Tensors, assert_steps_are_the_tensors, drawn_run
from tests.bocnn.run_columns import columns

SMALL: dict[str, Any] = {"n": 12, "m": 3, "mu_norm": 1.0, "sigma_0": 0.1}
KINDS: list[dict[str, Any]] = [
    {"signal_spread": 0.5, "p_flip": 0.5, "label_process": "margin"},
    {"noise_spread": 0.6, "p_flip": 0.3, "label_process": "noise_aligned", "noise_patches": 2},
    {"signal_spread": 0.3, "noise_spread": 0.5, "activation": "relu2", "sigma_0": 0.3},
    {"data": "xor", "xor_cosine": 0.6, "noise": "isotropic", "noise_spread": 0.4},
    {"data": "xor", "xor_cosine": -0.3, "train": "hidden", "spectrum_decay": 0.5},
    {"signal_spread": 0.9, "minority_share": 0.3, "p_flip": 0.2, "label_process": "margin"},
]


def fresh_errors(run: Tensors, kind: dict[str, Any], count: int) -> dict[tuple[int, ...], float]:
    """Clean error on fresh samples by class (0 is +1), weak signal and strong noise."""
    generator = torch.Generator().manual_seed(5)
    dimension, signals = run.centres.shape[1], len(run.centres) // 2
    shape = (count, kind.get("noise_patches", 1), dimension)
    noise = torch.randn(shape, generator=generator, dtype=torch.float64)
    if kind.get("noise") != "isotropic":
        noise[..., :signals] = 0
    signal, radius = kind.get("signal_spread", 0.0), kind.get("noise_spread", 0.0)
    found: dict[tuple[int, ...], float] = {}
    for c, centre in enumerate(run.centres):
        labels = torch.full((count,), 1.0 if c < signals else -1.0, dtype=torch.float64)
        for weak in (0, 1):
            for strong in (0, 1):
                patch = (1 + signal * (-1) ** weak) * centre.expand(count, 1, dimension)
                samples = torch.cat([patch, (1 - radius * (-1) ** strong) * noise], dim=1)
                wrong = dense.error(run.network, samples, labels)
                key = (int(c >= signals), weak, strong)
                found[key] = found.get(key, 0.0) + wrong / signals
    return found


def points_of(spread: float, **given: Any) -> np.ndarray:
    """Points of one run whose noise has this spread, all else alike."""
    parameters = drawn_run(**SMALL, **given).parameters
    parameters = parameters._replace(strengths=Strengths(0.0, spread, 1))
    return draw_geometry(parameters, Seed(*map(np.uint64, (3, 2, 1))), workspace()).points.copy()


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_every_step_is_the_dense_networks(kind: dict[str, Any]) -> None:
    run = assert_steps_are_the_tensors(SMALL | kind)
    norms = run.data.patches[:, 0].norm(dim=1)
    spread = kind.get("signal_spread", 0.0)
    expected = {1 - spread, 1 + spread}
    assert {round(float(norm), 9) for norm in norms} == {round(c, 9) for c in expected}


@pytest.mark.parametrize("kind", [*KINDS[:4], KINDS[5]], ids=str)
def test_the_test_error_is_that_of_fresh_samples(kind: dict[str, Any]) -> None:
    """Of all strengths, flipped as the training set was."""
    run, count = assert_steps_are_the_tensors(SMALL | kind), 20_000
    row = MODEL.run(columns(1, **(SMALL | kind), precision="float64", steps=30, n_test=count))
    share, p = kind.get("minority_share", 0.5), kind.get("p_flip", 0.0)
    hard = {"margin": 1, "noise_aligned": 2}.get(kind.get("label_process", ""))
    clean, noisy = 0.0, 0.0
    for key, wrong in fresh_errors(run, kind, count).items():
        weight = (share if key[0] else 1 - share) / 4
        chance = 2 * p * key[hard] if hard else p
        clean, noisy = clean + weight * wrong, noisy + weight * (chance + (1 - 2 * chance) * wrong)
    accuracy = 4 * np.hypot(0.5, 0.5) / np.sqrt(count)
    found = [row["test_error_clean"][0], row["test_error"][0]]
    np.testing.assert_allclose(found, [clean, noisy], atol=accuracy)
    assert 0.01 < clean < 0.6 and (hard is None or abs(noisy - p - (1 - 2 * p) * clean) > 1e-3)


@pytest.mark.parametrize("noise", ["orthogonal", "isotropic"])
def test_elliptical_noise_scales_the_gram_matrix_of_gaussian_noise(noise: str) -> None:
    plain, scaled = (points_of(s, noise=noise, noise_patches=2) for s in (0.0, 0.4))
    size, count = 12, 2
    gram, expected = (points.T @ points for points in (scaled, plain))
    factors = np.sqrt(np.diag(gram)[count : count + 2 * size] / np.diag(expected)[count:26])
    np.testing.assert_allclose(np.sort(np.unique(factors.round(9))), [0.6, 1.4])
    np.testing.assert_allclose(factors[:size], factors[size:])  # a sample's patches share its r
    scale = np.concatenate([np.ones(count), factors])
    rows = slice(0, count + 2 * size)
    np.testing.assert_allclose(
        gram[rows, rows], scale[:, None] * expected[rows, rows] * scale, atol=1e-9
    )


@pytest.mark.parametrize("hard", [WEAK_SIGNAL, STRONG_NOISE])
def test_flips_fall_on_hard_samples_with_twice_the_chance(hard: int) -> None:
    seed = Seed(*map(np.uint64, (1, 2, 3)))
    n = 20_000
    true, observed = draw_labels(seed, n, EVEN_CLASSES, Flips(0.3, 0.3, False, hard), arena())
    every = draw_labels(seed, n, EVEN_CLASSES, Flips(0.6, 0.6, False), arena())[1]
    flipped = true != observed
    assert flipped.mean() == pytest.approx(0.3, abs=0.015)
    assert (flipped <= (every != true)).all()
    for kind in range(4):
        is_hard = kind in ((1, 3) if hard == WEAK_SIGNAL else (2, 3))
        assert flip_chance(Flips(0.3, 0.3, False, hard), True, kind) == (0.6 if is_hard else 0.0)


def test_random_labels_of_hard_samples_are_all_wrong() -> None:
    """p = ½ flips every hard label, and no other: half of the labels are wrong, and signal is left."""
    kind = {"label_process": "margin", "p_flip": 0.5, "signal_spread": 0.5}
    drawn = drawn_run(n=100, m=2, **kind)
    held, true = drawn.training_set.shared.sum(axis=0), drawn.training_set.shared[0] > 0
    wrong = (drawn.training_set.observed > 0) != true
    np.testing.assert_array_equal(wrong, held < 1)
    assert 0.3 < wrong.mean() < 0.7


def test_kinds_of_samples_have_their_relative_signal() -> None:
    found = [relative_signal(Strengths(0.5, 0.2, 2), kind) for kind in range(4)]
    expected = [(c / r) ** 2 for r in (0.8, 1.2) for c in (1.5, 0.5)]
    np.testing.assert_allclose(found, expected)
    assert [kinds_of(Strengths(*s, 1)) for s in ((0.0, 0.0), (0.1, 0.0), (0.0, 0.1))] == [1, 4, 4]


@pytest.mark.parametrize(
    ("kind", "limit"),
    [
        ({"signal_spread": 1e-9, "label_process": "margin", "p_flip": 0.2}, {"p_flip": 0.2}),
        ({"noise_spread": 1e-9, "label_process": "noise_aligned", "p_flip": 0.2}, {"p_flip": 0.2}),
        ({"data": "xor", "xor_cosine": 1e-9}, {"data": "xor"}),
    ],
    ids=str,
)
def test_near_equal_strengths_and_a_right_angle_have_the_law_of_equal_ones(
    kind: dict[str, Any], limit: dict[str, Any]
) -> None:
    given = {"n": 12, "m": 3, "d": 60, "mu_norm": 1.2, "steps": 40}
    near, equal = (MODEL.run(columns(400, **given, **more)) for more in (kind, limit))
    for name in ("train_loss", "test_error", "test_error_clean", "max_w_xi", "w_norm"):
        assert np.isclose(near[name], equal[name]).mean() < 0.02
        assert stats.ks_2samp(near[name], equal[name]).pvalue > 1e-3


def test_centres_of_xor_have_their_angle() -> None:
    points = drawn_run(**SMALL, data="xor", xor_cosine=0.6).geometry.points[:, :4]
    axes = np.array([[1, 0.6], [0.6, 1]])
    np.testing.assert_allclose(points.T @ points, np.kron(axes, [[1, -1], [-1, 1]]), atol=1e-12)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_other_engines_refuse_them(kind: dict[str, Any]) -> None:
    assert GRAM_CPU.accepts(columns(2, **kind)).all()
    assert not GramGPU().accepts(columns(2, **kind)).any()
    with pytest.raises(ValueError, match="no engine trains this combination"):
        MODEL.check_runs(columns(2, **(kind | {"optimizer": "adam"})), False)


@pytest.mark.parametrize("other", [{"activation": "tanh"}, {"bias": "trained"}], ids=str)
@pytest.mark.parametrize("kind", KINDS[:2], ids=str)
@pytest.mark.parametrize("model", [MODEL, MODEL.with_details()], ids=lambda model: model.name)
def test_strengths_need_a_homogeneous_network(
    kind: dict[str, Any], other: dict[str, Any], model: Any
) -> None:
    with pytest.raises(ValueError, match="take a power of relu, or leaky_relu, without biases"):
        model.check_runs(columns(2, **kind, **other), False)
