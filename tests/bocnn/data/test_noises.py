"""Noises and signals in d dimensions: moments, what is orthogonal, and where the signal lies."""

from typing import Any

import numpy as np
import pytest

from bocnn import MODEL
from bocnn.data.data_model import data_model_of
from bocnn.data.draws import Seed
from bocnn.parameters.keys import cell_keys
from bocnn.registry.signals import SIGNALS
from tests.bocnn.run_columns import columns

FOURTH = {
    "laplace": 6.0,
    "rademacher": 1.0,
    "uniform": 9 / 5,
    "student_t": 3 * (9 - 2) / (9 - 4),
    "sparse": 1 / 0.2,
}
"""Fourth moments at variance 1; Student's t with 9 degrees of freedom, a fifth of sparse noise."""


def patches(**given: Any) -> np.ndarray:
    """Noise patches of a run, (n, d)."""
    runs = MODEL.canonical(columns(1, **{"n": 400, "d": 1000, "optimizer": "adam"} | given))
    row = {name: column[0] for name, column in runs.items()}
    seed = Seed(*(word[0] for word in cell_keys(runs)), np.uint64(0))
    return data_model_of(row).draw(row, seed)


@pytest.mark.parametrize("noise", FOURTH)
def test_coordinates_have_mean_0_variance_1_and_their_fourth_moment(noise: str) -> None:
    x = patches(noise=noise, dof=9.0, density=0.2)
    size = x.size
    assert abs(x.mean()) < 5 / np.sqrt(size)
    assert abs((x**2).mean() - 1) < 5 * np.sqrt((FOURTH[noise] - 1) / size) + 1e-12
    spread = np.std(x**4) / np.sqrt(size)
    assert abs((x**4).mean() - FOURTH[noise]) < 5 * spread + 1e-12
    assert abs((x**3).mean()) < 5 * np.std(x**3) / np.sqrt(size)


@pytest.mark.parametrize("noise", FOURTH)
def test_coordinates_and_samples_are_independent(noise: str) -> None:
    """Their correlations, and those of their squares, are at most what 1/√size allows."""
    x = patches(noise=noise, dof=9.0, density=0.2)
    squares = x**2 - (x**2).mean()
    for part in (x, squares):
        size = part.size
        scale = 5 * max(part.var(), 1e-30) / np.sqrt(size)
        assert abs((part[:, 1:] * part[:, :-1]).mean()) <= scale
        assert abs((part[1:] * part[:-1]).mean()) <= scale


def test_students_t_has_the_quantiles_of_its_degrees_of_freedom() -> None:
    from scipy import stats

    for dof in (2.5, 5.0, 30.0):
        x = patches(noise="student_t", dof=dof, n=100).ravel() / np.sqrt((dof - 2) / dof)
        assert np.isfinite(x).all()
        assert stats.kstest(x, stats.t(dof).cdf).pvalue > 1e-4


@pytest.mark.parametrize("noise", FOURTH)
def test_a_row_is_its_keys_alone_and_scales_with_sigma_p(noise: str) -> None:
    one = patches(noise=noise, n=4)
    np.testing.assert_array_equal(one, patches(noise=noise, n=4))
    assert not np.isclose(one, patches(noise=noise, n=4, seed=4)).all()
    scaled = patches(noise=noise, n=4, sigma_p=3.0)
    assert scaled.std() == pytest.approx(3.0, rel=0.2)


@pytest.mark.parametrize("data", ["signal", "xor"])
@pytest.mark.parametrize("support", [1, 31, 500])
def test_orthogonal_noise_is_orthogonal_to_the_signal_wherever_it_lies(
    data: str, support: int
) -> None:
    basis = SIGNALS[data].basis(1000, support)
    np.testing.assert_allclose(basis @ basis.T, np.eye(len(basis)), atol=1e-12)
    assert (np.count_nonzero(basis, axis=1) == support).all()
    given = {"data": data, "mu_support": support, "n": 50}
    np.testing.assert_allclose(patches(**given) @ basis.T, 0.0, atol=1e-11)
    along = patches(**given, noise="isotropic") @ basis.T
    assert 0.7 < along.std() < 1.3


def test_centres_have_their_norm_at_every_support() -> None:
    runs = MODEL.canonical(columns(1, optimizer="sign", data="xor", mu_norm=3.0))
    model = data_model_of({name: column[0] for name, column in runs.items()})
    for support in (1, 7, 100):
        centres = model.centres(3.0, 200, support)
        expected = 9.0 * np.array([[1, -1, 0, 0], [-1, 1, 0, 0], [0, 0, 1, -1], [0, 0, -1, 1]])
        np.testing.assert_allclose(centres @ centres.T, expected, atol=1e-12)
