"""Noise with eigenvalues in blocks: exact training and test, the law of drawn vectors, and its limits."""

from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

from bocnn import MODEL
from bocnn.data.geometry import trained_filters
from bocnn.data.records import Spectrum
from bocnn.data.spectrum import block_after, coordinates, spectrum_blocks, spectrum_rank
from bocnn.dynamics.state import StepType
from bocnn.engines.gpu.engine import GramGPU
from bocnn.engines.registry import GRAM_CPU
from bocnn.measure.fresh_output import fresh_output
from bocnn.measure.run_state import RunState
from tests.bocnn.arenas import arena
from tests.bocnn.data.drawn_runs import Drawn, assert_steps_are_the_tensors, drawn_run
from tests.bocnn.run_columns import columns

KINDS: list[dict[str, Any]] = [
    {"spectrum_decay": 0.4},
    {"spectrum_decay": 1.5, "d": 30, "noise": "isotropic"},
    {"spike": 40.0, "data": "xor", "train": "hidden"},
    {"spectrum_decay": 0.7, "spike": 0.2, "d": 10**10, "sigma_p": 0.01},
]


def eigenvalues(d: int, decay: float, spike: float) -> np.ndarray:
    """All of them, by the definition."""
    found, first = [], 1
    while first <= d:
        last = min(2 * first - 1, d)
        found += [(first * last) ** (-decay / 2)] * (last - first + 1)
        first = last + 1
    return np.array(found) * np.where(np.arange(d) == 0, spike, 1.0)


def variances_of(kind: dict[str, Any], drawn: Drawn) -> np.ndarray:
    """Of fresh noise in each coordinate, over σ_p², by the definition."""
    signals = drawn.geometry.signals
    d, vectors = drawn.parameters.d - signals, drawn.parameters.n + 2 * drawn.geometry.m
    decay, spike = kind.get("spectrum_decay", 0.0), kind.get("spike", 1.0)
    found = [float(kind.get("noise") == "isotropic")] * signals
    first = 1
    while first <= d:
        last = min(2 * first - 1, d) if decay > 0 else (1 if first == 1 else d)
        value = (first * last) ** (-decay / 2) * (spike if first == 1 else 1.0)
        found += [value] * min(vectors, last - first + 1)
        first = last + 1
    return np.array(found)


@pytest.mark.parametrize("d", [1, 2, 3, 7, 8, 100])
@pytest.mark.parametrize(("decay", "spike"), [(0.0, 1.0), (0.0, 9.0), (0.5, 1.0), (2.0, 0.3)])
def test_blocks_hold_every_eigenvalue(d: int, decay: float, spike: float) -> None:
    sizes, values = spectrum_blocks(*(np.array([x]) for x in (d, decay, spike)))
    blocks = np.repeat(values[:, 0], sizes[:, 0].astype(int))
    np.testing.assert_allclose(blocks, eigenvalues(d, decay, spike), rtol=1e-14)
    first, rank = 0, 0
    for size, value in zip(sizes[:, 0], values[:, 0], strict=True):
        found = block_after(Spectrum(decay, spike), d, first)
        assert found == (size, pytest.approx(value, rel=1e-14))
        first, rank = first + found[0], rank + min(found[0], 5)
    assert first == d and spectrum_rank(Spectrum(decay, spike), d, 5) == rank


def test_octaves_follow_the_power_law() -> None:
    c = np.arange(1, 1001)
    ratio = eigenvalues(1000, 0.5, 1.0) / c**-0.5
    assert ratio.min() >= 2**-0.25 and ratio.max() <= 2**0.25
    assert ratio.mean() == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_every_step_is_the_dense_networks(kind: dict[str, Any]) -> None:
    assert_steps_are_the_tensors({"n": 12, "m": 3} | kind)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_fresh_noise_has_the_covariance_of_its_definition(kind: dict[str, Any]) -> None:
    """Of filters α W(0) + B Z with any α and B: σ_p² Σ_b λ_b W_b W_bᵀ."""
    drawn = drawn_run(n=12, m=3, **kind)
    generator, network = np.random.default_rng(0), drawn.network
    network.coefficients[:] = generator.standard_normal(network.coefficients.shape)
    network.scale[0] = 0.7
    state = RunState(
        drawn.parameters,
        StepType(0, 0.0, 0, False),
        drawn.geometry,
        drawn.training_set,
        network,
        np.zeros(12),
    )
    trained = trained_filters(drawn.geometry, network, arena())
    root = fresh_output(state, trained, arena()).root[:6, :6]
    points = drawn.geometry.points[:, : drawn.geometry.widths.size]
    filters = 0.7 * drawn.geometry.filters[:, :6] + points @ network.coefficients[:6].T
    variances = variances_of(kind, drawn)
    weighted = np.sqrt(variances)[:, None] * filters[: variances.size]
    expected = drawn.parameters.sigma_p**2 * weighted.T @ weighted
    np.testing.assert_allclose(root.T @ root, expected, rtol=1e-9, atol=1e-9 * expected.max())
    assert not filters[variances.size :].any()


@pytest.mark.parametrize("kind", KINDS[:3], ids=str)
def test_the_test_error_is_that_of_fresh_samples(kind: dict[str, Any]) -> None:
    given = {"n": 12, "m": 3, "mu_norm": 1.0, "sigma_0": 0.1} | kind
    run = assert_steps_are_the_tensors(given)
    more = given | {"precision": "float64", "steps": 30, "n_test": 20_000}
    row = MODEL.run(columns(1, **more))
    variances = variances_of(kind, drawn_run(**given))
    deviations = torch.zeros(run.centres.shape[1], dtype=torch.float64)
    deviations[: variances.size] = torch.tensor(np.sqrt(variances))
    generator = torch.Generator().manual_seed(5)
    noise = deviations * torch.randn(20_000, len(deviations), generator=generator).double()
    patches = torch.stack([run.centres[:1].expand_as(noise), noise], dim=1)
    wrong = [(run.network(patches) < 0).double().mean()]
    for centre in run.centres[1:]:
        patches[:, 0] = centre
        margins = run.network(patches) * (1 if len(wrong) < len(run.centres) / 2 else -1)
        wrong.append((margins < 0).double().mean())
    error, found = float(torch.stack(wrong).mean()), float(row["test_error_clean"][0])
    assert abs(error - found) < 4 * np.hypot(row["test_error_se"][0], 0.5 / np.sqrt(20_000))
    assert 0.002 < error < 0.6


@pytest.mark.parametrize("kind", [{"spectrum_decay": 1e-9}, {"spike": 1 + 1e-9}], ids=str)
def test_near_equal_eigenvalues_have_the_law_of_equal_ones(kind: dict[str, Any]) -> None:
    """Sums over many blocks, of random numbers of their own."""
    given = {"n": 12, "m": 3, "d": 60, "mu_norm": 1.2, "steps": 40}
    bent, flat = (MODEL.run(columns(400, **given, **more)) for more in (kind, {}))
    for name in ("train_loss", "test_error_clean", "max_w_xi", "w_norm"):
        assert np.isclose(bent[name], flat[name]).mean() < 0.02
        assert stats.ks_2samp(bent[name], flat[name]).pvalue > 1e-3


def test_a_smaller_spectrum_is_another_law() -> None:
    given = {"n": 12, "m": 3, "d": 60, "mu_norm": 1.2, "steps": 40}
    bent, flat = (MODEL.run(columns(400, **given, spectrum_decay=a)) for a in (0.2, 0.0))
    assert stats.ks_2samp(bent["max_w_xi"], flat["max_w_xi"]).pvalue < 1e-6


def test_memory_is_counted_for_every_block() -> None:
    inputs = columns(2, n=30, m=4, d=10**12, spectrum_decay=0.5, steps=2, eta=1e-9)
    octaves = 2 ** np.arange(39)  # the last, of 40, is cut
    assert coordinates(inputs)[0] == np.minimum(octaves, 38).sum() + 38
    assert MODEL.run(inputs)["status"][0] == "ok"
    assert MODEL.memory_bytes(inputs)[0] > 5 * MODEL.memory_bytes(columns(2, n=30, m=4))[0]


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_engines_without_a_spectrum_refuse_it(kind: dict[str, Any]) -> None:
    assert GRAM_CPU.accepts(columns(2, **kind)).all()
    assert not GramGPU().accepts(columns(2, **kind)).any()
    with pytest.raises(ValueError, match="no engine trains this combination"):
        MODEL.check_runs(columns(2, **(kind | {"optimizer": "adam"})), False)
    with pytest.raises(ValueError, match="draws no data with"):
        MODEL.check_runs(columns(2, **(kind | {"noise": "laplace"})), False)
