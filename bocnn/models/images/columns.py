"""The columns of the model `images`: what a run is given and what is measured on it."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from bocnn.models.base import measures_of
from bocnn.parameters.accepted import Words
from bocnn.parameters.columns import Column, Undrawn
from bocnn.parameters.idle import Columns, Idle

IMAGE_DATA = ("digits", "mnist5k", "mnist", "cifar10")
CENTERS = ("mean", "none")
IMAGE_LAYERS = ("both", "hidden")
IMAGE_STATUSES = ("ok", "unconverged", "diverged")

IMAGE_PARAMETERS = (
    Column("n", "int64", "training samples n", interval="[1, 100000]"),
    Column("data", "string", "where the images are from", choices=IMAGE_DATA, default="digits"),
    Undrawn("folder", "string", "folder of mnist's or cifar10's files", default=""),
    Column("positive", "int64", "class of label +1", interval="[0, 9]", default=8),
    Column("negative", "int64", "class of label −1", interval="[0, 9]", default=3),
    Column(
        "center",
        "string",
        "what is subtracted: the mean of all images, or nothing",
        choices=CENTERS,
        default="mean",
    ),
    Column("d", "int64", "dimension d of the noise patch", interval="[1, 1e15]", default=1),
    Column("m", "int64", "filters per class m", interval="[1, 100000]"),
    Column(
        "mu_norm",
        "float64",
        "signal strength ‖μ‖, half the distance of the classes' means",
        interval="(0, inf)",
    ),
    Column(
        "sigma_p",
        "float64",
        "noise scale σₚ; 0 for images alone, without a noise patch",
        interval="[0, inf)",
    ),
    Undrawn("p_flip", "float64", "label-flip probability p", interval="[0, 0.5]", default=0.0),
    Column("sigma_0", "float64", "hidden initialization σ₀", interval="(0, inf)"),
    Undrawn("v0", "float64", "output initialization v₀", interval="(-inf, inf)"),
    Undrawn("train", "string", "layers trained", choices=IMAGE_LAYERS, default="both"),
    Undrawn("eta", "float64", "step size η", interval="(0, inf)"),
    Undrawn("steps", "int64", "gradient steps, at most", interval="[0, 1e9]"),
    Undrawn(
        "loss_tol",
        "float64",
        "stop at this training loss, null for never",
        interval="(0, inf)",
        default=None,
    ),
    Undrawn("n_test", "int64", "fresh noise patches", interval="[1, 1e7]", default=1000),
)

IMAGE_WORDS: Final[Words] = {
    "data": ("digits", "mnist5k", "mnist", "cifar10"),
    "folder": (),
    "center": ("mean", "none"),
    "train": ("both", "hidden"),
}
"""Image sets that are trained on, and layers that are trained; a folder may have any name."""


def has_no_folder(columns: Columns) -> NDArray[np.bool_]:
    """Which runs have images that come with a library, shape (runs,)."""
    return np.isin(columns["data"], ("digits", "mnist5k"))


IMAGE_IDLE = (
    Idle("folder", has_no_folder, "", "these images come with their library"),
    Idle("d", lambda c: c["sigma_p"] == 0, 1, "images alone have no noise patch"),
    Idle("n_test", lambda c: c["sigma_p"] == 0, 1000, "images alone have no noise patch"),
    Idle("eta", lambda c: c["steps"] == 0, 1.0, "nothing is trained in 0 steps"),
    Idle("train", lambda c: c["steps"] == 0, "both", "nothing is trained in 0 steps"),
)
"""Parameters without effect on a run; the rules are applied in this order."""

IMAGE_MEASURES = measures_of(
    IMAGE_STATUSES,
    dict(
        train_loss="mean logistic loss of the training set",
        train_error="training error, observed labels",
        test_error="test error, labels flipped as in training",
        test_error_clean="test error, true labels",
        excess_error="test error above p",
        image_error="test error of the image patch alone, true labels",
        mu_share="‖μ‖ over the root mean square of the images' norms",
        steps_run="gradient steps run",
    ),
)
