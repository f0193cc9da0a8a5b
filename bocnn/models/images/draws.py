"""Image patches, noise patches, labels and filters of a run: a pure function of its key and replicate.

An image z of two classes, less the mean of all of them where it is centred, has length 1 before all are
scaled by one factor, such that half the distance of the classes' means is ‖μ‖: with z = ŷ μ for each image
this is the data of `bocnn`. Noise is N(0, σ_p² I_d) in d coordinates of its own, orthogonal to every image,
and filters are N(0, σ_0² I) in both. What noise does to training is its inner products with itself and with
the filters, which Bartlett's factor has without a vector of size d.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bocnn.arrays import Array
from bocnn.models.base import generator_of
from bocnn.models.images.content import Images

ORDER, FLIPS, PIXEL_FILTERS, NOISE, TEST_NOISE = range(5)


class ImageProblem(NamedTuple):
    """What a run is trained and tested on.

    images: training images (n, pixels). noise: noise patches in the coordinates of Bartlett's factor,
    (n, k), k = 0 without them. labels: observed ones ±1, (n,). test: all other images (t, pixels), and
    their true labels (t,). filters: of the images (2m, pixels) and of the noise (2m, k); the first m are of
    class +1. mu_share: ‖μ‖ over the root mean square of the images' norms.
    """

    images: Array
    noise: Array
    labels: Array
    test: tuple[Array, Array]
    filters: tuple[Array, Array]
    mu_share: float


def draw_images(row: Mapping[str, Any], images: Images) -> ImageProblem:
    """The training set, the test images and the start of a run.

    Args:
        row: its parameters, keys and replicate.
        images: reads the images of two classes.
    Raises:
        ValueError: there are not more images than training samples, or the classes have one mean.
    """
    n, m = int(row["n"]), int(row["m"])
    classes = int(row["positive"]), int(row["negative"])
    pixels, signs = images(row["data"], row["folder"], *classes)
    if n >= len(pixels):
        raise ValueError(
            f"received n = {n}; expected fewer than the {len(pixels)} images of the classes "
            f"{classes[0]} and {classes[1]}, so that some are left to test. Take a smaller n."
        )
    scaled, mu_share = scale_images(pixels, signs, row)
    order = generator_of(row, ORDER).permutation(len(pixels))
    train, test = order[:n], order[n:]
    flipped = generator_of(row, FLIPS).random(n) < row["p_flip"]
    noise, noise_filters = _draw_noise(row, n, 2 * m)
    seen = generator_of(row, PIXEL_FILTERS).standard_normal((2 * m, pixels.shape[1]))
    return ImageProblem(
        scaled[train],
        noise,
        np.where(flipped, -signs[train], signs[train]),
        (scaled[test], signs[test]),
        (row["sigma_0"] * seen, noise_filters),
        mu_share,
    )


def scale_images(pixels: NDArray[Any], signs: Array, row: Mapping[str, Any]) -> tuple[Array, float]:
    """All images of two classes, centred and scaled, and ‖μ‖ over their root mean square norm.

    Args:
        pixels: (images, pixels).
        signs: true labels ±1, (images,).
        row: `center` and `mu_norm`.
    Raises:
        ValueError: the classes' means are the same, so that nothing can be scaled to ‖μ‖.
    """
    images = pixels.astype(np.float64)
    if row["center"] == "mean":
        images -= images.mean(axis=0)
    norms = np.linalg.norm(images, axis=1, keepdims=True)
    images = np.divide(images, norms, out=np.zeros_like(images), where=norms > 0)
    half = (images[signs > 0].mean(axis=0) - images[signs < 0].mean(axis=0)) / 2
    size = float(np.linalg.norm(half))
    if size == 0:
        raise ValueError(
            f"the classes {row['positive']} and {row['negative']} of {row['data']} have one mean; "
            "expected two that differ"
        )
    return images * (row["mu_norm"] / size), size


def _draw_noise(row: Mapping[str, Any], n: int, filters: int) -> tuple[Array, Array]:
    """Noise patches (n, k), and the noise's part of the filters (2m, k), k = min(n + 2m, d) coordinates."""
    if row["sigma_p"] == 0:
        return np.zeros((n, 0)), np.zeros((filters, 0))
    rows, d = n + filters, int(row["d"])
    k = min(rows, d)
    rng = generator_of(row, NOISE)
    factor = np.tril(rng.standard_normal((rows, k)), -1)
    factor[np.arange(k), np.arange(k)] = np.sqrt(rng.chisquare(d - np.arange(k, dtype=np.float64)))
    return row["sigma_p"] * factor[:n], row["sigma_0"] * factor[n:]
