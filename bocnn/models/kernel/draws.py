"""Unit vectors, their labels and the network's start: a pure function of key and replicate.

Inputs are uniform on the sphere, or real images of two classes, scaled to unit length, with labels ±1;
who draws says where images come from, so nothing here knows of files. Labels of a teacher on the sphere
have unit second moment, as random signs do:

| teacher | y, with β a random unit vector and t = √d ⟨β, x⟩ |
|---|---|
| linear | t |
| quadratic | (t² − 1) / √2, even in x |

Of them a share is replaced by random signs: sample i where its uniform is below the share, so the set
that is replaced grows with the share where runs have one key. `random` replaces all; `worst` is the
eigenvector of H∞'s smallest eigenvalue, of length √n.

Source:
    Arora, Du, Hu, Li & Wang 2019 (arXiv 1901.08584), section 6.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from bocnn.arrays import Array
from bocnn.models.base import generator_of
from bocnn.models.images.content import Images

INPUTS, TEACHER, SIGNS, UNIFORMS, FILTERS, OUTPUT, TEST = range(7)


class UnitSamples(NamedTuple):
    """Samples: unit vectors x (n, d), what the teacher says of them (n,), and labels (n,)."""

    x: Array
    taught: Array
    labels: Array


def draw_data(
    row: Mapping[str, Any], count: int, *, test: bool = False, images: Images | None = None
) -> UnitSamples:
    """Training samples of a run, or test samples of the same distribution (and the same teacher).

    Args:
        row: the run's parameters, keys and replicate.
        count: number of samples; of images those that are there, at most.
        test: whether they are test samples.
        images: reads the images of two classes; None where a run needs none.
    Returns:
        Inputs of unit length (count, d), and labels ±1 (count,).
    Raises:
        ValueError: a run needs images, and there is no reader, or there are too few.
    """
    part = TEST if test else 0
    if row["data"] == "sphere":
        x, taught = _draw_sphere(row, count, part)
    else:
        x, taught = _draw_images(row, count, part, images=images)
    count = len(x)
    share = 1.0 if row["labels"] == "random" else float(row["random_share"])
    replaced = generator_of(row, UNIFORMS, part).random(count) < share
    signs = generator_of(row, SIGNS, part).choice([-1.0, 1.0], count)
    return UnitSamples(x, taught, np.where(replaced, signs, taught))


def _draw_sphere(row: Mapping[str, Any], count: int, part: int) -> tuple[Array, Array]:
    """Uniform inputs (count, d), and what the teacher says of them."""
    d = int(row["d"])
    x = generator_of(row, INPUTS, part).standard_normal((count, d))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    beta = generator_of(row, TEACHER).standard_normal(d)
    t = np.sqrt(d) * (x @ beta) / np.linalg.norm(beta)
    return x, t if row["teacher"] == "linear" else (t**2 - 1) / np.sqrt(2)


def _draw_images(
    row: Mapping[str, Any], count: int, part: int, *, images: Images | None
) -> tuple[Array, Array]:
    """Images drawn without replacement: the first n for training, of the others up to count to test."""
    if images is None:
        raise ValueError(
            f"received data: {row['data']}; expected sphere, which needs no images. Take the model "
            "kernel by its name: that one reads images."
        )
    n, classes = int(row["n"]), (int(row["positive"]), int(row["negative"]))
    pixels, signs = images(row["data"], row["folder"], *classes)
    if n >= len(pixels):
        raise ValueError(
            f"received n = {n}; expected fewer than the {len(pixels)} images of the classes "
            f"{classes[0]} and {classes[1]}, so that some are left to test. Take a smaller n."
        )
    order = generator_of(row, INPUTS).permutation(len(pixels))
    chosen = order[n : n + count] if part == TEST else order[:n]
    x = pixels[chosen].astype(np.float64)
    return x / np.linalg.norm(x, axis=1, keepdims=True), signs[chosen]


def worst_labels(gram: Array) -> Array:
    """The eigenvector of the smallest eigenvalue, of length √n, its largest entry positive."""
    vector = np.linalg.eigh(gram).eigenvectors[:, 0]
    return vector * np.sqrt(len(vector)) * np.sign(vector[np.argmax(np.abs(vector))])


def draw_network(row: Mapping[str, Any], d: int) -> tuple[Array, Array]:
    """Filters N(0, κ² I), and the signs of the outputs.

    Args:
        row: the run's `m`, `kappa`, keys and replicate.
        d: dimension of the inputs.
    Returns:
        Filters, shape (m, d), and signs ±1, shape (m,).
    """
    m = int(row["m"])
    filters = float(row["kappa"]) * generator_of(row, FILTERS).standard_normal((m, d))
    return filters, generator_of(row, OUTPUT).choice([-1.0, 1.0], m)
