"""The columns of the model `tangent`: data and start of the model `bocnn`, and what their kernel says."""

from dataclasses import replace
from typing import Final

from bocnn.models.base import measures_of
from bocnn.parameters.accepted import Words
from bocnn.parameters.columns import PARAMETERS as BOCNN_PARAMETERS
from bocnn.parameters.idle import Idle

TANGENT_STATUSES = ("ok", "diverged")

SHARED_PARAMETERS = (
    "n",
    "d",
    "m",
    "mu_norm",
    "sigma_p",
    "noise",
    "p_flip",
    "sigma_0",
    "v0",
    "train",
)
"""Parameters of `bocnn` that its kernel at the start depends on, with constant output weights."""

TANGENT_WORDS: Final[Words] = {
    "noise": ("orthogonal", "isotropic"),
    "train": ("both", "hidden", "output"),
}
"""Noises whose patches are drawn, and layers whose kernel is known."""

TANGENT_PARAMETERS = tuple(
    replace(column, choices=tuple(TANGENT_WORDS.get(column.name, column.choices)))
    for column in BOCNN_PARAMETERS
    if column.name in SHARED_PARAMETERS
)

TANGENT_IDLE = (
    Idle("v0", lambda c: c["train"] == "output", 1.0, "the hidden layer is not trained"),
)
"""Parameters without effect on a run."""

TANGENT_MEASURES = measures_of(
    TANGENT_STATUSES,
    dict(
        lambda_min="smallest eigenvalue of H",
        diagonal="mean of H's diagonal",
        complexity="yᵀ H⁻¹ y",
        bound="kernel bound 2 √(yᵀ H⁻¹ y · tr H) / n",
        informative="1 where the bound is below 1",
        below_chance="1 where the bound is below 1/2",
    ),
)
