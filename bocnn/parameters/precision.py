"""In which precision a run is trained."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

SINGLE = 1e30
"""Scales of a run above this, or below its inverse, are trained in float64 whatever was requested."""


@np.errstate(over="ignore")  # an infinite scale is one beyond float32's range
def needs_double(columns: Mapping[str, NDArray[Any]]) -> NDArray[np.bool_]:
    """Which runs are trained in float64, shape (runs,): those that request it or are beyond float32."""
    return np.asarray((columns["precision"] == "float64") | beyond_single(columns))


def beyond_single(columns: Mapping[str, NDArray[Any]]) -> NDArray[np.bool_]:
    """Which runs have inner products or steps that leave what float32 can hold, shape (runs,).

    A large dimension alone is no reason: what float32 costs up to d = 10¹²
    is in docs/explanation/engine.md.
    """
    d = columns["d"].astype(np.float64)
    noise, start = columns["sigma_p"] ** 2 * d, np.abs(columns["sigma_0"])
    eta, eta_output = columns["eta"], np.nan_to_num(columns["eta_output"])
    scales = [noise, columns["mu_norm"] ** 2, start * np.sqrt(noise), start * columns["mu_norm"]]
    sizes = np.abs(np.stack([*scales, columns["v0"], eta, eta_output, eta * noise]))
    beyond = (sizes > SINGLE) | ((sizes > 0) & (sizes < 1 / SINGLE))
    return np.asarray(beyond.any(axis=0))
