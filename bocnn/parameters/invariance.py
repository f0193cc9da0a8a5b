"""Which runs do not change in law where space is rotated, have plain data, and take plain steps."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bocnn.parameters.accepted import is_one_of
from bocnn.registry.noises import NOISES
from bocnn.registry.optimizers import IN_SPAN

PLAIN_DATA: Final = {
    "spectrum_decay": 0.0,
    "spike": 1.0,
    "noise_patches": 1,
    "minority_share": 0.5,
    "class_process": "drawn",
    "signal_spread": 0.0,
    "noise_spread": 0.0,
    "xor_cosine": 0.0,
}
"""Noise of equal eigenvalues in one patch, two classes of equal chances, samples of equal strength."""


def is_rotation_invariant(columns: Mapping[str, NDArray[Any]]) -> NDArray[np.bool_]:
    """Which runs have Gaussian noise and filters that stay in the span of their start and the patches.

    Such a run depends on inner products alone: neither the coordinates of μ have an effect, nor the
    basis that its vectors are written in.

    Args:
        columns: `noise`, `optimizer` and `train` of runs, shape (runs,) each.
    Returns:
        Shape (runs,).
    """
    gaussian = [word for word, noise in NOISES.items() if noise.gram_code is not None]
    in_span = is_one_of(columns["optimizer"], tuple(IN_SPAN)) | (columns["train"] == "output")
    return np.asarray(in_span & is_one_of(columns["noise"], gaussian))


def has_plain_steps(columns: Mapping[str, NDArray[Any]]) -> NDArray[np.bool_]:
    """Which runs step along the gradient at their weights, on their labels, shape (runs,).

    Args:
        columns: `gradient`, `sam_radius` and `label_noise` of runs, shape (runs,) each.
    Returns:
        Shape (runs,).
    """
    moved = (columns["sam_radius"] > 0) | (columns["label_noise"] > 0)
    return np.asarray(~moved & (columns["gradient"] == "plain"))


def has_plain_data(columns: Mapping[str, NDArray[Any]]) -> NDArray[np.bool_]:
    """Which runs have the data that every engine draws, shape (runs,): all of these at their defaults.

    Args:
        columns: those of `PLAIN_DATA`, shape (runs,) each.
    Returns:
        Shape (runs,).
    """
    return np.logical_and.reduce([columns[name] == value for name, value in PLAIN_DATA.items()])


def has_even_strengths(columns: Mapping[str, NDArray[Any]]) -> NDArray[np.bool_]:
    """Which runs have samples with signal and noise of equal strength, shape (runs,).

    Args:
        columns: `signal_spread` and `noise_spread` of runs, shape (runs,) each.
    Returns:
        Shape (runs,).
    """
    return np.asarray((columns["signal_spread"] == 0) & (columns["noise_spread"] == 0))


def fits_one_vector(columns: Mapping[str, NDArray[Any]]) -> NDArray[np.bool_]:
    """Which runs can have samples of one vector, shape (runs,): see `bocnn.data.one_vector`.

    Args:
        columns: `train`, `noise_patches` and the spreads of runs, shape (runs,) each.
    Returns:
        Shape (runs,).
    """
    alone = (columns["train"] == "hidden") & (columns["noise_patches"] == 1)
    return np.asarray(alone & has_even_strengths(columns))


def is_homogeneous(columns: Mapping[str, NDArray[Any]]) -> NDArray[np.bool_]:
    """Which runs have φ(c a) = c^q φ(a) for c > 0 and no biases, shape (runs,).

    Args:
        columns: `activation` and `bias` of runs, shape (runs,) each.
    Returns:
        Shape (runs,).
    """
    powers = is_one_of(columns["activation"], ("relu", "leaky_relu", "relu2", "relu3"))
    return np.asarray(powers & is_one_of(columns["bias"], ("none",)))
