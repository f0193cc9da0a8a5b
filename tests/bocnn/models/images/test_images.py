"""The patch CNN on images: against a dense network, drawn noise, and the network on ±μ that it becomes."""

from typing import Any

import numpy as np
import pytest
import torch

from bocnn import MODEL as BOCNN
from bocnn.models.images.descent import class_signs, descend_images
from bocnn.models.images.draws import draw_images, scale_images
from bocnn.models.images.model import MODEL, clean_errors
from tests.bocnn.run_columns import columns as bocnn_columns
from tests.tolerance import assert_near

SEED = 4
PIXELS = np.random.default_rng(SEED).integers(0, 256, (60, 12), dtype=np.uint8)
SIGNS = np.where(np.arange(60) % 3 == 0, 1.0, -1.0)
PIXELS[SIGNS > 0, :4] //= 3


def read(data: str, folder: str, positive: int, negative: int) -> tuple[np.ndarray, np.ndarray]:
    """Sixty drawn images of two classes, of unlike means."""
    return PIXELS, SIGNS


def read_pairs(
    data: str, folder: str, positive: int, negative: int
) -> tuple[np.ndarray, np.ndarray]:
    """Images that are ±μ once they are centred."""
    signs = np.repeat([1.0, -1.0], 200)
    return np.where(signs[:, None] > 0, [[9, 1]], [[1, 9]]).astype(np.uint8), signs


DRAWN = MODEL.with_images(read)
POINT = {"seed": 3, "n": 10, "m": 3, "d": 5, "mu_norm": 2.0, "sigma_p": 0.7, "sigma_0": 0.3}
POINT |= {"v0": 0.4, "eta": 0.2, "steps": 40, "n_test": 200, "p_flip": 0.2}


def columns_of(count: int, **given: Any) -> dict[str, np.ndarray]:
    """`count` replicates of one setting."""
    row = {column.name: column.default for column in MODEL.parameters} | POINT | given
    return {
        name: np.array(
            [np.nan if value is None else value] * count,
            dtype=object if isinstance(value, str) else None,
        )
        for name, value in row.items()
    } | {"replicate": np.arange(count)}


def row_of(**given: Any) -> dict[str, Any]:
    """A run as its draws take it, with its key."""
    return {name: v[0] for name, v in DRAWN.keyed_runs(columns_of(1, **given)).items()}


@pytest.mark.parametrize("given", [{}, {"train": "hidden"}, {"sigma_p": 0.0}, {"d": 400}], ids=str)
def test_descent_is_a_dense_networks(given: dict[str, Any]) -> None:
    """By autograd, in the coordinates of pixels and noise."""
    row = row_of(**given)
    problem = draw_images(row, read)
    trained = descend_images(problem, row)
    parts = [torch.tensor(z) for z in (problem.images, problem.noise)]
    hidden = [torch.tensor(w, requires_grad=True) for w in problem.filters]
    v = torch.full((6, 2), row["v0"], dtype=torch.float64, requires_grad=True)
    j, y = torch.tensor(class_signs(6)), torch.tensor(problem.labels)
    layers = [*hidden, v] if row["train"] == "both" else hidden

    def loss() -> torch.Tensor:
        f = sum(
            torch.relu(w @ z.T).T @ (j * v[:, p])
            for p, (w, z) in enumerate(zip(hidden, parts, strict=True))
        )
        return torch.nn.functional.softplus(-y * f).mean()

    for _ in range(row["steps"]):
        gradients = torch.autograd.grad(loss(), layers)
        with torch.no_grad():
            for layer, gradient in zip(layers, gradients, strict=True):
                layer -= row["eta"] * gradient
    for ours, dense in zip((*trained.filters, trained.outputs), (*hidden, v), strict=True):
        np.testing.assert_allclose(ours, dense.detach().numpy(), rtol=1e-9, atol=1e-12)
    assert_near(trained.loss, loss().item())


@pytest.mark.parametrize("d", [3, 300])
def test_the_test_error_is_that_of_drawn_noise(d: int) -> None:
    """Of fresh noise the part in the span of patches and filters is seen, and has variance σ_p²."""
    row = row_of(d=d, n_test=40_000, steps=15)
    problem = draw_images(row, read)
    trained = descend_images(problem, row)
    clean, alone = clean_errors(problem, trained, row)
    images, signs = problem.test
    rng, j = np.random.default_rng(0), class_signs(6)
    fresh = row["sigma_p"] * rng.standard_normal((40_000, trained.filters[1].shape[1]))
    noise = np.maximum(fresh @ trained.filters[1].T, 0) @ (j * trained.outputs[:, 1])
    seen = np.maximum(images @ trained.filters[0].T, 0) @ (j * trained.outputs[:, 0])
    wrong = (signs[:, None] * (seen[:, None] + noise) < 0).mean(0)
    assert abs(clean - wrong.mean()) < 6 * wrong.std() / len(wrong) ** 0.5
    assert_near(alone, np.mean((signs * seen < 0) + (seen == 0) / 2))


@pytest.mark.parametrize("d", [2, 12, 10**9])
def test_noise_has_the_inner_products_of_gaussian_vectors(d: int) -> None:
    draws = [draw_images(row_of(d=d) | {"replicate": r}, read).noise for r in range(300)]
    grams = np.array([z @ z.T for z in draws]) / (0.49 * d)
    diagonal, off = grams[:, 3, 3], grams[:, 2, 7] * d**0.5
    assert abs(diagonal.mean() - 1) < 4.5 * (2 / d / 300) ** 0.5
    assert abs((off**2).mean() - 1) < 4.5 * (off**2).std() / 300**0.5


@pytest.mark.parametrize("center", ["mean", "none"])
def test_half_the_distance_of_the_classes_means_is_mu(center: str) -> None:
    images, share = scale_images(PIXELS, SIGNS, {"center": center, "mu_norm": 2.5})
    half = (images[SIGNS > 0].mean(0) - images[SIGNS < 0].mean(0)) / 2
    assert_near(np.linalg.norm(half), 2.5)
    assert_near(np.linalg.norm(images, axis=1), np.full(60, 2.5 / share))


def test_training_and_test_images_are_all_images_once() -> None:
    problem = draw_images(row_of(), read)
    every = scale_images(PIXELS, SIGNS, row_of())[0]
    found = np.concatenate([problem.images, problem.test[0]])
    assert len(problem.images) == 10
    assert_near(np.sort(found.sum(1)), np.sort(every.sum(1)))


def test_images_that_are_plus_and_minus_mu_are_the_network_on_mu() -> None:
    """Its errors have the mean of `bocnn`'s."""
    count, given = 60, {"n": 20, "m": 5, "d": 10**6, "sigma_p": 1.0, "v0": 0.2, "steps": 200}
    given |= {
        "mu_norm": 0.8 * (10**6 / 20) ** 0.25,
        "sigma_0": 1e-7,
        "p_flip": 0.1,
        "train": "hidden",
    }
    given |= {"eta": 0.4 * 5 * 20 / 10**6 / 4, "loss_tol": 0.1, "n_test": 100}
    ours = MODEL.with_images(read_pairs).run(columns_of(count, **given))
    theirs = BOCNN.run(bocnn_columns(count, **given))
    assert set(ours["status"]) == set(theirs["status"])
    for name in ("test_error_clean", "test_error", "steps_run"):
        one, other = ours[name], theirs[name]
        error = np.hypot(one.std(), other.std()) / count**0.5
        assert abs(one.mean() - other.mean()) < 4.5 * error, name
    assert (ours["image_error"] < 0.5).all() and np.allclose(ours["mu_share"], 1)


def test_excess_error_is_the_error_above_p() -> None:
    rows = DRAWN.run(columns_of(3))
    assert_near(rows["excess_error"], rows["test_error"] - 0.2)
    assert_near(rows["test_error"], 0.2 + 0.6 * rows["test_error_clean"])


def test_images_alone_have_no_noise_patch_and_no_prediction() -> None:
    given = columns_of(2, sigma_p=0.0, loss_tol=0.1)
    rows = DRAWN.run(given)
    np.testing.assert_array_equal(rows["test_error_clean"], rows["image_error"])
    assert np.isnan(DRAWN.predict("gradient_flow", given)).all()


def test_the_prediction_is_that_of_the_network_on_mu() -> None:
    given = {"n": 20, "m": 5, "d": 10**6, "sigma_p": 1.0, "v0": 0.2, "mu_norm": 12.0, "eta": 1e-5}
    given |= {"sigma_0": 1e-7, "loss_tol": 0.1, "train": "hidden", "p_flip": 0.1}
    ours = DRAWN.predict("gradient_flow", columns_of(2, **given))
    np.testing.assert_array_equal(
        ours, BOCNN.predict("gradient_flow", bocnn_columns(2, **given, n_test=200, steps=40))
    )
    assert np.isfinite(ours).all()


def test_what_cannot_be_used_is_refused() -> None:
    with pytest.raises(ValueError, match="received n = 60; expected fewer than the 60 images"):
        DRAWN.run(columns_of(1, n=60))
    with pytest.raises(ValueError, match="the classes 8 and 3 of digits have one mean"):
        MODEL.with_images(lambda *_: (PIXELS[:2] * 0 + 7, np.array([1.0, -1.0]))).run(
            columns_of(1, n=1)
        )
    with pytest.raises(ValueError, match="received data: digits, and nothing reads images"):
        MODEL.run(columns_of(1))


def test_a_run_that_leaves_the_finite_numbers_has_nulls() -> None:
    rows = DRAWN.run(columns_of(2, eta=1e200))
    assert set(rows["status"]) == {"diverged"}
    assert all(np.isnan(rows[column.name]).all() for column in MODEL.measures[1:])
