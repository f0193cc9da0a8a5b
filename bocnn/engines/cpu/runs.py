"""Inputs and results of the engine for many runs: records of arrays."""

from typing import Final, NamedTuple

from bocnn.arrays import Array, Ints
from bocnn.data.draws import Seed
from bocnn.data.model import DataParameters
from bocnn.data.records import Classes, Flips, Spectrum, Strengths
from bocnn.dynamics.activation import LEAKY, degree
from bocnn.dynamics.state import StepParameters, StepType
from bocnn.engines.cpu.lane_state import Stop
from bocnn.parameters.accepted import Words
from bocnn.simd.compiler.compiled import compiled

OK, UNCONVERGED, DIVERGED = range(3)
ORTHOGONAL = 2

WORDS: Final[Words] = {
    "data": ("signal", "xor"),
    "input": ("patches", "sum"),
    "noise": ("orthogonal", "isotropic"),
    "output_init": ("constant", "normal", "sign"),
    "bias": ("none", "trained"),
    "activation": ("relu", "leaky_relu", "sigmoid", "tanh", "softplus", "erf", "relu2", "relu3"),
    "loss": ("logistic", "square", "hinge", "exponential"),
    "train": ("both", "hidden", "output"),
    "momentum_rule": ("heavy_ball", "nesterov"),
    "class_process": ("drawn", "count"),
    "label_process": ("flip", "asymmetric", "count", "margin", "noise_aligned"),
    "gradient": ("plain", "normalized", "orthogonal"),
    "precision": ("float32", "float64"),
}
"""Words that this engine trains, each in the order of its codes."""


class Runs(NamedTuple):
    """Parameters of many runs, one array of shape (runs,) each; words as their codes."""

    key0: Ints
    key1: Ints
    replicate: Ints
    data: Ints
    n: Ints
    d: Ints
    m: Ints
    mu_norm: Array
    sigma_p: Array
    sigma_0: Array
    v0: Array
    p_flip: Array
    p_flip_negative: Array
    counted: Ints
    hard: Ints
    isotropic: Ints
    bias: Ints
    output_init: Ints
    spectrum_decay: Array
    spike: Array
    noise_patches: Ints
    minority_share: Array
    classes_counted: Ints
    signal_spread: Array
    noise_spread: Array
    xor_cosine: Array
    summed: Ints
    activation: Ints
    leak: Array
    loss: Ints
    eta: Array
    eta_output: Array
    momentum: Array
    nesterov: Ints
    weight_decay: Array
    gradient: Ints
    sam_radius: Array
    label_noise: Array
    batch: Ints
    loss_tol: Array
    error_tol: Array
    steps: Ints
    n_test: Ints


GROUPED_BY = (
    *("n", "m", "data", "noise_patches", "isotropic", "bias", "summed"),
    *("activation", "leak", "loss", "nesterov"),
)
"""Parameters that all runs share which train side by side."""


@compiled(_nrt=False)
def seed_of(runs: Runs, r: int) -> Seed:
    """The identity of run r's random numbers."""
    return Seed(runs.key0[r], runs.key1[r], runs.replicate[r])


@compiled(_nrt=False)
def data_parameters_of(runs: Runs, r: int) -> DataParameters:
    """Parameters of run r's data and network."""
    return DataParameters(
        runs.data[r],
        runs.n[r],
        runs.d[r],
        runs.m[r],
        runs.mu_norm[r],
        runs.sigma_p[r],
        runs.sigma_0[r],
        runs.v0[r],
        Flips(runs.p_flip[r], runs.p_flip_negative[r], runs.counted[r] != 0, runs.hard[r]),
        runs.isotropic[r] != 0,
        runs.bias[r] != 0,
        runs.output_init[r],
        Spectrum(runs.spectrum_decay[r], runs.spike[r]),
        runs.noise_patches[r],
        Classes(1.0 - runs.minority_share[r], runs.classes_counted[r] != 0),
        Strengths(runs.signal_spread[r], runs.noise_spread[r], degree(runs.activation[r])),
        runs.xor_cosine[r],
        runs.summed[r] != 0,
    )


@compiled(_nrt=False)
def step_type_of(runs: Runs, r: int) -> StepType:
    """The step type of run r and of those that train beside it."""
    return StepType(runs.activation[r], runs.leak[r], runs.loss[r], runs.nesterov[r] != 0)


@compiled(_nrt=False)
def step_parameters_of(runs: Runs, r: int) -> StepParameters:
    """Sizes of run r's steps, in double precision."""
    leak = runs.leak[r] if runs.activation[r] == LEAKY else 0.0
    return StepParameters(
        step_type_of(runs, r),
        runs.eta[r],
        runs.eta_output[r],
        runs.momentum[r],
        runs.weight_decay[r],
        leak,
    )


@compiled(_nrt=False)
def stop_of(runs: Runs, r: int, at: int) -> Stop:
    """Where run r stops next, and what ends it before."""
    return Stop(at, runs.loss_tol[r], runs.error_tol[r], runs.batch[r])


class RunResults(NamedTuple):
    """Status, measures, trajectories and further measures of runs.

    status: int8, shape (runs,). measured: float64, shape (runs, len(Measures._fields)), NaN where a run
    diverged. trajectory: float64, shape (runs, recorded steps + 1, len(TrajectoryPoint._fields)), rows
    beyond `lengths` unset; of size 0 to record nothing. lengths: int64, shape (runs,), zero at first.
    details: float64, shape (runs, len(Details._fields)), or of size 0 for none.
    """

    status: Ints
    measured: Array
    trajectory: Array
    lengths: Ints
    details: Array
