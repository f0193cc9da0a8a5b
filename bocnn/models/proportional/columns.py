"""The columns of the model `proportional`: what a run is given and what is measured on it."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from bocnn.models.base import measures_of
from bocnn.parameters.accepted import Words
from bocnn.parameters.columns import Column, Undrawn
from bocnn.parameters.idle import Columns, Idle
from bocnn.theory.proportional.moments import MOMENT_ACTIVATIONS

PROPORTIONAL_LAYERS = ("second", "first")
PROPORTIONAL_STATUSES = ("ok", "unconverged", "diverged")

PROPORTIONAL_PARAMETERS = (
    Column("n", "int64", "training samples n", interval="[2, 100000]"),
    Column("d", "int64", "input dimension d", interval="[1, 100000]"),
    Column("h", "int64", "hidden neurons h", interval="[1, 100000]"),
    Undrawn("train", "string", "layer trained", choices=PROPORTIONAL_LAYERS),
    Undrawn("activation", "string", "activation φ", choices=MOMENT_ACTIVATIONS, default="relu"),
    Column("r", "float64", "teacher's norm ‖θ*‖", interval="[0, inf)", default=1.0),
    Column("sigma", "float64", "label noise σ", interval="[0, inf)", default=0.0),
    Column("init", "float64", "pre-activations' scale at the start", "1", "(0, inf)", default=1.0),
    Column(
        "spectrum_decay",
        "float64",
        "inputs' covariance has the eigenvalues s_c ∝ c^−a, of mean 1",
        interval="[0, inf)",
        default=0.0,
    ),
    Undrawn(
        "ridge",
        "float64",
        "penalty: λ‖a‖²/2 of a second layer, λ h^(1−2q) ‖W − W(0)‖²/2 of a first",
        interval="[0, inf)",
        default=0.0,
    ),
    Undrawn(
        "width_exponent",
        "float64",
        "q of the first layer's network h^−q Σ ±φ: ½ the kernel regime's, 1 the mean field's",
        interval="[0.5, 1]",
        default=0.5,
    ),
    Undrawn("eta", "float64", "step size η of the first layer", interval="(0, inf)", default=0.1),
    Undrawn("steps", "int64", "gradient steps, at most", interval="[0, 1e9]", default=25000),
    Undrawn(
        "grad_tol",
        "float64",
        "‖∇‖² to stop at, null for never",
        interval="(0, inf)",
        default=1e-6,
        nullable=True,
    ),
)

PROPORTIONAL_WORDS: Final[Words] = {
    "train": ("second", "first"),
    "activation": ("linear", "relu", "erf", "sigmoid", "softplus", "tanh"),
}
"""Networks that are trained."""


def _is_linear(columns: Columns) -> NDArray[np.bool_]:
    return np.asarray((columns["train"] == "first") & (columns["activation"] == "linear"))


PROPORTIONAL_IDLE = (
    *(
        Idle(name, lambda c: c["train"] == "second", value, "the second layer is solved for")
        for name, value in (("eta", 0.1), ("steps", 25000), ("grad_tol", 1e-6))
    ),
    Idle("width_exponent", lambda c: c["train"] == "second", 0.5, "the second layer has any scale"),
    Idle("width_exponent", _is_linear, 0.5, "a linear first layer learns the same at every scale"),
    Idle("h", _is_linear, 1, "a linear first layer learns the same at every width"),
    Idle("init", _is_linear, 1.0, "a linear first layer learns the same from every start"),
    Idle("eta", lambda c: c["steps"] == 0, 0.1, "nothing is trained in 0 steps"),
)
"""Parameters without effect on a run; the rules are applied in this order."""

PROPORTIONAL_MEASURES = measures_of(
    PROPORTIONAL_STATUSES,
    dict(
        bias="bias r² B",
        variance="variance σ² V",
        risk="population risk, less σ²",
        predicted_bias="bias in the proportional limit",
        predicted_variance="variance in the proportional limit",
        predicted_risk="risk in the proportional limit",
        nonlinear="what of the learned function is not linear, E (f − ⟨x, E f x⟩)²",
        train_loss="training loss Σ (y − f)² / 2n",
        grad_norm="squared gradient norm at the end, of loss and penalty",
        steps_run="gradient steps run",
    ),
)
