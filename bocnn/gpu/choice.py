"""Which runs the card takes, and whether there is one. Imports neither torch nor Triton by itself.

The rule: float32; ReLU or leaky ReLU; the whole training set in each step; n and 2m within the kernels' limits.
Everything else that the model knows (both laws, both noises, biases, momentum, decay, every loss and
output) trains there. What does not fit trains in the CPU engine, and so does what is recorded along its training.
"""

import os
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

CPU, CUDA = "gram-cpu", "gram-cuda"
MOST_SAMPLES, MOST_FILTERS = 2048, 128
"""Largest n and 2m of a run on the card."""


def fits(columns: Mapping[str, NDArray[Any]]) -> NDArray[np.bool_]:
    """Which runs the kernels can train, shape (runs,)."""
    n, batch = columns["n"], columns["batch"]
    homogeneous = np.isin(columns["activation"].astype(str), ("relu", "leaky_relu"))
    whole = (batch == 0) | (batch >= n)
    small = (n <= MOST_SAMPLES) & (2 * columns["m"] <= MOST_FILTERS)
    return np.asarray(homogeneous & whole & small & (columns["precision"] == "float32"))


@cache
def device() -> str | None:
    """The torch device of the card that this process may use, None where there is none.

    `CUDA_VISIBLE_DEVICES` set to nothing keeps a process on the CPU, as for any program.
    """
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES", "all").strip() in ("", "-1")
    if hidden or find_spec("triton") is None or find_spec("torch") is None:
        return None
    import torch

    return "cuda" if torch.cuda.is_available() else None


def name() -> str:
    """What the card calls itself."""
    import torch

    return str(torch.cuda.get_device_name()) if device() == "cuda" else "Triton's interpreter"
