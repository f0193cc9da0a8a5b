"""Records of a run in d coordinates.

K filters are 2m, rounded up to fours by silent ones; D coordinates are d, rounded up to whole vectors by
zeros.
"""

from typing import NamedTuple

from bocnn.arrays import Array, Ints


class Patches(NamedTuple):
    """Patches and labels of the training set.

    noise: (n, D). observed: y, (n,). direction: of each sample's signal patch, (n,). signal: its product
    with that direction, ±‖μ‖, (n,). directions: how many there are, direction s with the coordinates
    s·support … (s + 1)·support − 1, alike. dimension: d.
    """

    noise: Array
    observed: Array
    direction: Ints
    signal: Array
    directions: int
    support: int
    dimension: int


class Filters(NamedTuple):
    """Weights of the hidden layer, (K, D), b and s of the optimizer, (K, D).

    gradient: room for that of four filters in a block. sums: room, (K, n, numbers in a vector).
    """

    weights: Array
    mean: Array
    square: Array
    gradient: Array
    sums: Array


class Inner(NamedTuple):
    """Products of filters with noise patches, (K, n), and with signal directions, (directions, K)."""

    noise: Array
    signal: Array


class OutputLayer(NamedTuple):
    """Output weights v, and b and s of the optimizer, (2, 2m) each; signs: j, (2m,)."""

    weights: Array
    mean: Array
    square: Array
    signs: Array


class TrainingOptions(NamedTuple):
    """How a run is trained: codes, and sizes in float64; a step size of 0 keeps a layer.

    loss_tol: negative for never.
    """

    activation: int
    leak: float
    loss: int
    eta: float
    eta_output: float
    steps: int
    loss_tol: float
