"""Buffers of one batch that the kernels read and write, and where a run's parameters are in them.

Every buffer has the runs along its first axis. Sizes: n samples, 2m filters, S = n + 2m rows of the
Bartlett factor; P and K are n and 2m rounded up to what a kernel's blocks need, zero beyond them. C = 4
centres.
"""

from typing import Any, NamedTuple

import triton.language as tl

FLOATS = (
    "mu_norm",
    "sigma_p",
    "sigma_0",
    "v0",
    "p_flip",
    "leak",
    "eta",
    "eta_output",
    "momentum",
    "weight_decay",
    "loss_tol",
)
INTS = (
    "key",
    "replicate",
    "d",
    "steps",
    "n_test",
    "data",
    "isotropic",
    "bias",
    "output_init",
    "loss",
    "nesterov",
)

MU, SIGMA_P, SIGMA_0, V0, P_FLIP, LEAK, ETA, ETA_OUTPUT, MOMENTUM, DECAY, LOSS_TOL = (
    tl.constexpr(index) for index in range(len(FLOATS))
)
KEY, REPLICATE, D, STEPS, N_TEST, XOR, ISOTROPIC, BIAS, OUTPUT_INIT, SQUARE, NESTEROV = (
    tl.constexpr(index) for index in range(len(INTS))
)
FLOAT_COUNT, INT_COUNT = tl.constexpr(len(FLOATS)), tl.constexpr(len(INTS))
CENTRES = tl.constexpr(4)


class RunParameters(NamedTuple):
    """Parameters: floats, float64 (runs, FLOAT_COUNT); ints, int64 (runs, INT_COUNT)."""

    floats: Any
    ints: Any


class BatchSizes(NamedTuple):
    """n, filters = 2m and rows = n + 2m of every run of a batch."""

    n: int
    filters: int
    rows: int


class Drawn(NamedTuple):
    """Random draws of runs, float32 but for `chi` (float64) and `centre` (int32).

    observed: y, (P,). centre: index of each sample's centre, (P,). head: coordinates of samples and
    filters along the signal directions and the bias, (3, S). output: v, (2, K). chi: (S,). factor: (S, S).
    inner: inner products of samples and filters with the samples, (S, P): G above, A at the start below.
    """

    observed: Any
    centre: Any
    head: Any
    output: Any
    chi: Any
    factor: Any
    inner: Any


class Trained(NamedTuple):
    """Results and working memory of training, float32 but for `ended`.

    activations, coefficients: of the noise patches, (K, P). centres: activations and coefficients of the
    centres, (2, K, C). output: v, (2, K). scale: α, (). margin: f, (P,). ended: status and step, int64
    (2,). direction, velocity: working memory, (K, P), where the kernel needs it.
    """

    activations: Any
    coefficients: Any
    centres: Any
    output: Any
    scale: Any
    margin: Any
    ended: Any
    direction: Any
    velocity: Any


class Measured(NamedTuple):
    """Buffers of the measures. filters: noise coordinates, float32 (S, K). head: others, float64 (3, K).

    root: of the noise's covariance, float64 (K, K), a column a row. rows: the measures, float64.
    """

    filters: Any
    head: Any
    root: Any
    rows: Any
