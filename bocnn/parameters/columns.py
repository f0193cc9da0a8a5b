"""The model's parameters as columns: types, units and ranges; what is measured is in `measured`."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from bocnn.data.model import OUTPUT_INITS
from bocnn.parameters.accepted import is_one_of
from bocnn.parameters.idle import Columns, Idle
from bocnn.parameters.invariance import is_rotation_invariant
from bocnn.parameters.precision import beyond_single
from bocnn.registry.activations import ACTIVATIONS
from bocnn.registry.label_processes import BY_STRENGTH, LABEL_PROCESSES
from bocnn.registry.losses import LOSSES
from bocnn.registry.noises import NOISES
from bocnn.registry.optimizers import OPTIMIZERS
from bocnn.registry.signals import SIGNALS

TRAINED = ("both", "hidden", "output")
MOMENTA = ("heavy_ball", "nesterov")
GRADIENTS = ("plain", "normalized", "orthogonal")
INPUTS = ("patches", "sum")
CLASS_PROCESSES = ("drawn", "count")
BIASES = ("none", "trained")
PRECISIONS = ("float32", "float64")
REQUIRED = "required"
"""Default of a parameter that has none."""


@dataclass(frozen=True, slots=True)
class Column:
    """A named column of the dataset.

    `type` is the Arrow type's name; `interval` the valid range in the usual brackets, empty where any
    value will do; `choices` the valid words. Null is a valid value where it is the default, and where
    `nullable` says so. `drawn` says that another value changes what is drawn: patches, labels, or weights
    at the start. Of labels, those are meant from which flips follow: flips at any probability are read off
    the same uniforms. `role` says what a measure is to those who read the dataset: "error" is a share of
    wrong labels; "hidden_scale", "output_scale" and "scale_ratio" are the scales of the layers and their
    ratio.
    """

    name: str
    type: str
    meaning: str
    unit: str = "1"
    interval: str = ""
    choices: tuple[str, ...] = ()
    default: object = REQUIRED
    drawn: bool = True
    nullable: bool = False
    role: str = ""


Undrawn = partial(Column, drawn=False)
"""A column whose value leaves all that is drawn as it is."""

PARAMETERS = (
    Column("data", "string", "data model", choices=tuple(SIGNALS), default="signal"),
    Undrawn(
        "input", "string", "a sample: patches, or their sum", choices=INPUTS, default="patches"
    ),
    Column("n", "int64", "training samples n", interval="[1, 100000]"),
    Column("d", "int64", "patch dimension d", interval="[2, 1e15]"),
    Column("m", "int64", "filters per class m", interval="[1, 100000]"),
    Column("mu_norm", "float64", "signal strength ‖μ‖", interval="[0, inf)"),
    Column(
        "mu_support",
        "int64",
        "coordinates of μ, alike: 1 is an axis, d or more all",
        interval="[1, 1e15]",
        default=1,
    ),
    Column("sigma_p", "float64", "noise scale σₚ", interval="(0, inf)", default=1.0),
    Column("noise", "string", "noise distribution", choices=tuple(NOISES), default="orthogonal"),
    Column("dof", "float64", "student_t's degrees of freedom", interval="(2, inf)", default=5.0),
    Column("density", "float64", "sparse's share that is not 0", interval="(0, 1]", default=0.1),
    Column(
        "spectrum_decay",
        "float64",
        "a: the noise's variance along direction c is σₚ² c^−a, by octaves of c",
        interval="[0, 10]",
        default=0.0,
    ),
    Column(
        "spike",
        "float64",
        "factor of the noise's variance along its first direction",
        interval="(0, 1e12]",
        default=1.0,
    ),
    Column(
        "noise_patches",
        "int64",
        "noise patches of a sample, P − 1",
        interval="[1, 1000]",
        default=1,
    ),
    Column(
        "minority_share",
        "float64",
        "share π of class −1",
        interval="(0, 0.5]",
        default=0.5,
    ),
    Column(
        "class_process",
        "string",
        "whether the classes' sizes in a training set are drawn, or counted",
        choices=CLASS_PROCESSES,
        default="drawn",
    ),
    Column(
        "signal_spread",
        "float64",
        "s: the signal of half of all samples is 1 − s times μ, of the others 1 + s",
        interval="[0, 1)",
        default=0.0,
    ),
    Column(
        "noise_spread",
        "float64",
        "s: the noise of half of all samples is scaled by 1 + s, of the others by 1 − s",
        interval="[0, 1)",
        default=0.0,
    ),
    Column(
        "xor_cosine",
        "float64",
        "xor's cosine of the angle between u and v",
        interval="(-1, 1)",
        default=0.0,
    ),
    Undrawn(
        "label_process",
        "string",
        "how labels are flipped",
        choices=(*LABEL_PROCESSES, *BY_STRENGTH),
        default="flip",
    ),
    Undrawn("p_flip", "float64", "label-flip probability p", interval="[0, 0.5]", default=0.0),
    Undrawn(
        "p_flip_negative",
        "float64",
        "asymmetric's flip probability of class −1, p_flip that of +1",
        interval="[0, 0.5]",
        default=0.0,
    ),
    Column("sigma_0", "float64", "hidden initialization σ₀", interval="[0, inf)"),
    Undrawn("v0", "float64", "output initialization v₀", interval="(-inf, inf)"),
    Column(
        "output_init",
        "string",
        "output weights drawn",
        choices=OUTPUT_INITS,
        default="constant",
    ),
    Column("bias", "string", "biases of the filters", choices=BIASES, default="none"),
    Undrawn("activation", "string", "activation φ", choices=tuple(ACTIVATIONS), default="relu"),
    Undrawn("leak", "float64", "leaky_relu's slope below zero", interval="[0, 1]", default=0.01),
    Undrawn("loss", "string", "training loss", choices=tuple(LOSSES), default="logistic"),
    Undrawn("train", "string", "layers trained", choices=TRAINED, default="both"),
    Column("optimizer", "string", "optimizer", choices=tuple(OPTIMIZERS), default="sgd"),
    Undrawn("eta", "float64", "step size η", interval="(0, inf)"),
    Undrawn(
        "eta_output", "float64", "step size of v, η if null", interval="(0, inf)", default=None
    ),
    Undrawn("momentum", "float64", "momentum", interval="[0, 1)", default=0.0),
    Undrawn("momentum_rule", "string", "kind of momentum", choices=MOMENTA, default="heavy_ball"),
    Undrawn("beta1", "float64", "decay β₁ of the gradients' mean", interval="[0, 1)", default=0.9),
    Undrawn(
        "beta2", "float64", "decay β₂ of their squares' mean", interval="[0, 1)", default=0.999
    ),
    Undrawn("epsilon", "float64", "ε beside their root", interval="[0, inf)", default=1e-8),
    Undrawn("weight_decay", "float64", "weight decay", interval="[0, inf)", default=0.0),
    Undrawn("gradient", "string", "gradient of a step", choices=GRADIENTS, default="plain"),
    Undrawn(
        "sam_radius",
        "float64",
        "radius ρ of sharpness-aware minimization, 0 for none",
        interval="[0, inf)",
        default=0.0,
    ),
    Undrawn(
        "label_noise",
        "float64",
        "chance that a step flips a label anew",
        interval="[0, 0.5]",
        default=0.0,
    ),
    Undrawn("batch", "int64", "samples a step, 0 for all", interval="[0, 100000]", default=0),
    Undrawn("steps", "int64", "gradient steps T, at most", interval="[0, 1e12]"),
    Undrawn("loss_tol", "float64", "training loss to stop at ε", interval="(0, inf)", default=None),
    Undrawn("error_tol", "float64", "training error to stop at", interval="[0, 1)", default=None),
    Undrawn("n_test", "int64", "fresh test noise draws", interval="[1, 1e8]", default=500),
    Undrawn(
        "precision",
        "string",
        "training arithmetic; float64 beyond float32's range",
        choices=PRECISIONS,
        default="float32",
    ),
)


def most_support(columns: Columns) -> NDArray[np.int64]:
    """Most coordinates that each signal direction of a run can have, shape (runs,)."""
    most = columns["d"].copy()
    for word, signals in SIGNALS.items():
        if signals.directions > 1:
            most[is_one_of(columns["data"], (word,))] //= signals.directions
    return np.asarray(most)


def _uses(*optimizers: str) -> Callable[[Columns], NDArray[np.bool_]]:
    """Which runs have one of these optimizers."""
    return lambda c: is_one_of(c["optimizer"], optimizers)


def _flips_nothing(columns: Columns) -> NDArray[np.bool_]:
    """Which runs have the true labels."""
    return np.asarray((columns["p_flip"] == 0) & (columns["p_flip_negative"] == 0))


IDLE = (
    Idle("eta_output", lambda c: c["train"] == "hidden", np.nan, "the output layer is not trained"),
    Idle(
        "eta",
        lambda c: (c["train"] == "output") & ~np.isnan(c["eta_output"]),
        lambda c: c["eta_output"],
        "the hidden layer is not trained",
    ),
    Idle("eta_output", lambda c: c["eta_output"] == c["eta"], np.nan, "it is eta, as by default"),
    *(
        Idle(name, lambda c: c["steps"] == 0, value, "nothing is trained in 0 steps")
        for name, value in (
            ("train", "both"),
            ("eta", 1.0),
            ("eta_output", np.nan),
            ("optimizer", "sgd"),
            ("momentum", 0.0),
            ("weight_decay", 0.0),
            ("gradient", "plain"),
            ("sam_radius", 0.0),
            ("label_noise", 0.0),
            ("batch", 0),
        )
    ),
    Idle("momentum", _uses("adam", "adamw", "sign"), 0.0, "sgd and rmsprop alone have one"),
    Idle("momentum_rule", lambda c: c["momentum"] == 0, "heavy_ball", "there is no momentum"),
    Idle("momentum_rule", _uses("rmsprop"), "heavy_ball", "rmsprop has one kind"),
    Idle("beta1", _uses("sgd", "rmsprop", "sign"), 0.9, "adam and adamw alone have one"),
    *(
        Idle(name, _uses("sgd", "sign"), value, "adam, adamw and rmsprop alone have one")
        for name, value in (("beta2", 0.999), ("epsilon", 1e-8))
    ),
    Idle("mu_support", is_rotation_invariant, 1, "inner products alone matter to such a run"),
    Idle(
        "mu_support",
        lambda c: c["mu_support"] > most_support(c),
        most_support,
        "the signal's directions then share all d coordinates",
    ),
    Idle(
        "p_flip_negative",
        lambda c: c["label_process"] != "asymmetric",
        0.0,
        "asymmetric alone has it",
    ),
    Idle("label_process", _flips_nothing, "flip", "no label is flipped"),
    Idle(
        "label_process",
        lambda c: is_one_of(c["label_process"], ("margin",)) & (c["signal_spread"] == 0),
        "flip",
        "all samples have signal of one strength",
    ),
    Idle(
        "label_process",
        lambda c: is_one_of(c["label_process"], ("noise_aligned",)) & (c["noise_spread"] == 0),
        "flip",
        "all samples have noise of one strength",
    ),
    Idle("xor_cosine", lambda c: c["data"] != "xor", 0.0, "xor alone has one"),
    Idle("dof", lambda c: c["noise"] != "student_t", 5.0, "student_t alone has them"),
    Idle("density", lambda c: c["noise"] != "sparse", 0.1, "sparse alone has it"),
    Idle("leak", lambda c: c["activation"] != "leaky_relu", 0.01, "only leaky_relu has one"),
    Idle("batch", lambda c: c["batch"] >= c["n"], 0, "a batch is the whole training set"),
    Idle("output_init", lambda c: c["v0"] == 0, "constant", "v0 is 0"),
    Idle("precision", beyond_single, "float32", "scales beyond float32's range take float64"),
)
"""Parameters without effect on a run; the rules are applied in this order."""
