"""The columns of the model `deep`: those of `bocnn` that it has, and its architecture."""

from dataclasses import replace
from typing import Any, Final

import numpy as np

from bocnn.models.base import measures_of
from bocnn.parameters.accepted import Words, is_one_of
from bocnn.parameters.columns import PARAMETERS as BOCNN_PARAMETERS
from bocnn.parameters.columns import Undrawn
from bocnn.parameters.idle import Idle
from bocnn.parameters.measured import MEASURES as BOCNN_MEASURES
from bocnn.parameters.measured import STATUSES

UPPER = ("per_patch", "shared")
SKIPS = ("none", "linear")
RESIDUALS = ("none", "identity")
NORMALIZATIONS = ("none", "weight", "batch", "layer")

DEEP_WORDS: Final[Words] = {
    "noise": ("orthogonal", "isotropic"),
    "activation": ("relu", "leaky_relu"),
    "train": ("both", "hidden"),
    "upper": UPPER,
    "skip": SKIPS,
    "residual": RESIDUALS,
    "normalization": NORMALIZATIONS,
}

_CHANGED: Final[dict[str, dict[str, Any]]] = {
    "v0": {"meaning": "every upper weight at the start v₀", "interval": "(0, inf)"},
    "train": {"meaning": "layers trained: all, or the filters alone"},
    "eta": {"meaning": "step size η, null for the gradient flow's range", "default": None},
}
"""What columns of `bocnn` say here."""

_SHARED = (
    *("n", "d", "m", "mu_norm", "sigma_p", "noise", "p_flip", "sigma_0", "v0"),
    *("activation", "leak", "train", "eta", "steps", "loss_tol", "n_test"),
)
"""Parameters that `bocnn` has too, with the same draws."""

DEEP_PARAMETERS = (
    Undrawn("depth", "int64", "layers L, of filters, upper weights and output", interval="[2, 8]"),
    Undrawn(
        "upper",
        "string",
        "upper weights, of each patch or shared",
        choices=UPPER,
        default="per_patch",
    ),
    Undrawn(
        "skip",
        "string",
        "beside the network",
        choices=SKIPS,
        default="none",
    ),
    Undrawn(
        "residual",
        "string",
        "added to a layer between",
        choices=RESIDUALS,
        default="none",
    ),
    Undrawn(
        "normalization",
        "string",
        "of the filters, or of their pre-activations",
        choices=NORMALIZATIONS,
        default="none",
    ),
    Undrawn(
        "norm_epsilon",
        "float64",
        "ε beside the variance of batch and layer normalization",
        interval="[0, inf)",
        default=1e-5,
    ),
    *(
        replace(
            column,
            choices=tuple(DEEP_WORDS.get(column.name, column.choices)),
            **_CHANGED.get(column.name, {}),
        )
        for column in BOCNN_PARAMETERS
        if column.name in _SHARED
    ),
    Undrawn(
        "flow_rate",
        "float64",
        "largest share of a layer that a step moves in the gradient flow's range",
        interval="(0, 1]",
        default=0.05,
    ),
)

DEEP_IDLE = (
    Idle("residual", lambda c: c["depth"] == 2, "none", "there is no layer between"),
    Idle("leak", lambda c: c["activation"] != "leaky_relu", 0.01, "only leaky_relu has one"),
    Idle(
        "norm_epsilon",
        lambda c: ~is_one_of(c["normalization"], ("batch", "layer")),
        1e-5,
        "only batch and layer normalization have one",
    ),
    *(
        Idle(name, lambda c: c["steps"] == 0, value, "nothing is trained in 0 steps")
        for name, value in (("train", "both"), ("eta", 1.0))
    ),
    Idle("flow_rate", lambda c: ~np.isnan(c["eta"]), 0.05, "the step size is given"),
)
"""Parameters without effect on a run; the rules are applied in this order."""

_DEEP_MEANINGS = {column.name: column.meaning for column in BOCNN_MEASURES[1:]} | {
    "max_v1": "largest weight of the last layer, signal patch",
    "max_v2": "largest weight of the last layer, noise patch",
    "v_norm": "norm of all upper weights",
}

DEEP_MEASURES = measures_of(
    STATUSES, {**_DEEP_MEANINGS, "flow_time": "gradient flow time, sum of step sizes"}
)
