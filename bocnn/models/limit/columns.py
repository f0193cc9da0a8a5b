"""The columns of the model `limit`: what a run is given and what is measured on it."""

from typing import Final

import numpy as np

from bocnn.models.base import measures_of
from bocnn.parameters.accepted import Words
from bocnn.parameters.columns import Column, Undrawn
from bocnn.parameters.idle import Idle

LIMIT_STATUSES = ("ok", "unconverged", "diverged")

LIMIT_PARAMETERS = (
    Column("n", "int64", "training samples n", interval="[1, 2000]"),
    Column("m", "int64", "filters per class m", interval="[1, 500]"),
    Undrawn("signal", "float64", "signal C = n‖μ‖⁴ / (σₚ⁴ d)", interval="[0, inf)"),
    Undrawn("step_size", "float64", "step h = η m v₀² σₚ² d / n", interval="(0, inf)", default=0.4),
    Column("kappa", "float64", "start κ = σ₀ σₚ d m v₀ / √n", interval="(0, inf)", default=0.1),
    Undrawn("train", "string", "layers trained", choices=("hidden", "both"), default="hidden"),
    Undrawn(
        "v0_over_kink",
        "float64",
        "output initialization x = v₀ √m (σₚ² d / n)^¼",
        interval="(0, inf)",
        default=1.0,
    ),
    Undrawn(
        "n_over_d",
        "float64",
        "n / d in the signal's output weights, 0 at d = ∞",
        interval="[0, inf)",
        default=0.0,
    ),
    Undrawn("p_flip", "float64", "label-flip probability p", interval="[0, 0.5)", default=0.0),
    Undrawn("steps", "int64", "gradient steps T, at most", interval="[0, 1e9]", default=10_000),
    Undrawn(
        "loss_tol",
        "float64",
        "training loss to stop at ε, null for never",
        interval="(0, inf)",
        default=0.05,
        nullable=True,
    ),
    Undrawn("n_test", "int64", "fresh test noise draws", interval="[1, 1e8]", default=500),
)

LIMIT_WORDS: Final[Words] = {"train": ("hidden", "both")}

LIMIT_IDLE = (
    Idle("train", lambda c: c["steps"] == 0, "hidden", "nothing is trained in 0 steps"),
    *(
        Idle(name, lambda c: c["train"] == "hidden", value, "the output layer is not trained")
        for name, value in (("v0_over_kink", 1.0), ("n_over_d", 0.0))
    ),
    Idle("step_size", lambda c: c["steps"] == 0, 0.4, "nothing is trained in 0 steps"),
    Idle("loss_tol", lambda c: c["steps"] == 0, np.nan, "nothing is trained in 0 steps"),
)
"""Parameters without effect on a run; the rules are applied in this order."""

LIMIT_MEASURES = measures_of(
    LIMIT_STATUSES,
    dict(
        train_loss="training loss",
        train_error="training error",
        test_error="test error",
        test_error_clean="test error, clean labels",
        test_error_se="Monte Carlo standard error of test_error",
        active="α, share of its class's samples on which a filter is active",
        active_in_two="α₂, share of a class's samples on which two of its filters are active",
        max_u="noise memorization, largest pre-activation U",
        mean_signal="signal learning, mean over filters of |S| / n",
        steps_run="gradient steps run",
        linear_error="error of one large step with n, m → ∞, Φ(−√C)",
    ),
)
