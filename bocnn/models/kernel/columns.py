"""The columns of the model `kernel`: what a run is given and what is measured on it."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from bocnn.models.base import measures_of, numbers_of
from bocnn.models.images.columns import IMAGE_DATA, has_no_folder
from bocnn.parameters.accepted import Words
from bocnn.parameters.columns import Column, Undrawn
from bocnn.parameters.idle import Columns, Idle

DATA = ("sphere", *IMAGE_DATA)
TEACHERS = ("linear", "quadratic")
LABELS = ("teacher", "random", "worst")
KERNEL_STATUSES = ("ok", "diverged")

KERNEL_PARAMETERS = (
    Column("n", "int64", "training samples n", interval="[2, 100000]"),
    Column("data", "string", "where the inputs are from", choices=DATA, default="sphere"),
    Undrawn("folder", "string", "folder of mnist's or cifar10's files", default=""),
    Column("d", "int64", "dimension d of the sphere", interval="[2, 100000]", default=64),
    Column("m", "int64", "hidden neurons m", interval="[1, 10000000]"),
    Column("teacher", "string", "what the labels follow", choices=TEACHERS, default="linear"),
    Column("positive", "int64", "class of label +1", interval="[0, 9]", default=8),
    Column("negative", "int64", "class of label −1", interval="[0, 9]", default=3),
    Undrawn("labels", "string", "labels trained on", choices=LABELS, default="teacher"),
    Undrawn("random_share", "float64", "share of random labels", interval="[0, 1]", default=0.0),
    Column("kappa", "float64", "initialization scale κ", interval="(0, inf)", default=1.0),
    Undrawn("eta", "float64", "step size η", interval="(0, inf)"),
    Undrawn("steps", "int64", "gradient steps k", interval="[0, 1e9]"),
    Undrawn("n_test", "int64", "test samples, at most", interval="[1, 1e7]", default=1000),
)

KERNEL_WORDS: Final[Words] = {
    "data": ("sphere", "digits", "mnist5k", "mnist", "cifar10"),
    "folder": (),
    "teacher": ("linear", "quadratic"),
    "labels": ("teacher", "random", "worst"),
}
"""Data that are drawn, and image sets; a folder may have any name."""


def _is_sphere(columns: Columns) -> NDArray[np.bool_]:
    return np.asarray(columns["data"] == "sphere")


KERNEL_IDLE = (
    Idle("d", lambda c: ~_is_sphere(c), 64, "images have a dimension of their own"),
    Idle("teacher", lambda c: ~_is_sphere(c), "linear", "images have labels of their own"),
    Idle("positive", _is_sphere, 8, "only images have classes"),
    Idle("negative", _is_sphere, 3, "only images have classes"),
    Idle("folder", _is_sphere, "", "inputs on the sphere are not read"),
    Idle("folder", has_no_folder, "", "these images come with their library"),
    Idle(
        "random_share", lambda c: c["labels"] == "random", 0.0, "random labels replace all of them"
    ),
    *(
        Idle(
            name, lambda c: c["labels"] == "worst", value, "the worst labels follow from the inputs"
        )
        for name, value in (("teacher", "linear"), ("random_share", 0.0), ("n_test", 1000))
    ),
    Idle("eta", lambda c: c["steps"] == 0, 1.0, "nothing is trained in 0 steps"),
)
"""Parameters without effect on a run; the rules are applied in this order."""

_CURVE = dict(
    residual="‖y − u(k)‖ after training",
    predicted_residual="‖(I − ηH∞)ᵏ y‖",
    residual_gap="‖y − u(k) − (I − ηH∞)ᵏ y‖ / ‖y‖",
    distance="‖W(k) − W(0)‖",
)

KERNEL_MEASURES = measures_of(
    KERNEL_STATUSES,
    _CURVE
    | dict(
        distance_bound="√(yᵀ H∞⁻¹ y)",
        lambda_min="smallest eigenvalue of H∞",
        bound="√(2 yᵀ H∞⁻¹ y / n)",
        test_l1="test loss min(|y − f|, 1)",
        bound_room="bound less test loss",
        test_error="test error against the teacher's sign",
    ),
)

KERNEL_TRAJECTORY = numbers_of({"step": "gradient steps k taken so far"} | _CURVE)
