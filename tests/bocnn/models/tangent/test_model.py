"""The kernel's model: its data are the engine's, its bound falls where signal outweighs noise."""

from typing import Any

import numpy as np
import pytest

from bocnn.models.tangent.model import MODEL, draw_patches
from tests.tolerance import assert_near

ROW = {"seed": 3, "n": 20, "d": 400, "m": 10, "mu_norm": 5.0, "sigma_0": 0.001, "v0": 0.1}


def row_of(**given: Any) -> dict[str, Any]:
    return {column.name: column.default for column in MODEL.parameters} | ROW | given


def columns_of(count: int = 6, **given: Any) -> dict[str, np.ndarray]:
    """`count` replicates of one setting."""
    columns = {
        name: np.array([value] * count, dtype=object if isinstance(value, str) else None)
        for name, value in row_of(**given).items()
    }
    return columns | {"replicate": np.arange(count)}


def run(count: int = 6, **given: Any) -> dict[str, np.ndarray]:
    return MODEL.run(columns_of(count, **given))


def keyed_row(replicate: int, **given: Any) -> dict[str, Any]:
    """A run as its draws take it, with its key."""
    columns = MODEL.keyed_runs(columns_of(replicate + 1, **given))
    return {name: values[replicate] for name, values in columns.items()}


@pytest.mark.parametrize("noise", ["orthogonal", "isotropic"])
def test_patches_have_the_laws_moments(noise: str) -> None:
    patches, labels = draw_patches(keyed_row(1, n=60, noise=noise))
    signal, noises, cross = patches[0, :, 0], patches[1, :, 1], patches[0, :, 1]
    assert_near(signal, 25.0 * np.outer(labels, labels))
    expected, spread = 400.0 - (noise == "orthogonal"), (2 * 400 / 60) ** 0.5
    assert abs(np.diag(noises).mean() - expected) < 4.5 * spread
    off = noises[~np.eye(60, dtype=bool)]
    assert abs(off.mean()) < 4.5 * 20 / len(off) ** 0.5 * 2 and 15 < off.std() < 25
    assert (cross == 0).all() if noise == "orthogonal" else 4 < cross.std() < 6


def test_settings_with_flips_share_their_patches() -> None:
    clean, flipped = (draw_patches(keyed_row(2, p_flip=p)) for p in (0.0, 0.3))
    np.testing.assert_array_equal(clean[0], flipped[0])
    assert 0 < (clean[1] != flipped[1]).sum() < 20


def test_the_bound_is_that_of_two_classes_apart() -> None:
    """2 √((d + ‖μ‖²) / (d + ‖μ‖² n/2)) where d is large, whatever v₀."""
    for mu in (0.0, 30.0, 200.0):
        expected = 2 * np.sqrt((1e6 + 1e4 * mu**2) / (1e6 + 1e5 * mu**2))
        rows = [run(d=10**6, mu_norm=100 * mu, v0=v0) for v0 in (0.1, 3.0)]
        np.testing.assert_allclose([row["bound"].mean() for row in rows], expected, rtol=0.03)


def test_flips_raise_the_bound_and_strong_signal_makes_it_say_something() -> None:
    strong, flipped = run(mu_norm=60.0), run(mu_norm=60.0, p_flip=0.2)
    assert (strong["informative"] == 1).all() and (strong["bound"] < 1).all()
    assert (flipped["bound"] > strong["bound"]).any() and flipped["bound"].mean() > 1
    assert (run(mu_norm=1.0)["informative"] == 0).all()
    # With n = 20 no signal brings it below 2 √(2/n) = 0.63.
    assert (run(mu_norm=1e6)["below_chance"] == 0).all()


def test_a_kernel_that_is_singular_is_a_status_and_nulls() -> None:
    for given in ({"v0": 0.0, "train": "hidden"}, {"sigma_0": 0.0, "train": "output"}):
        rows = run(2, **given)
        assert set(rows["status"]) == {"diverged"}
        assert all(np.isnan(rows[column.name]).all() for column in MODEL.measures[1:])
