"""Runs whose noise has other than equal eigenvalues, as those to which the closed forms apply."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bocnn.data.spectrum import spectrum_blocks
from bocnn.theory.covariance import directions_of_noise, equal_noise

Columns = Mapping[str, NDArray[Any]]

FEWEST_DIRECTIONS: Final = 10.0
"""Directions with most of tr Σ² from which on the measured boundary is within 5 %: sweeps `spectrum-over-d`
and `spike`."""


def with_equal_eigenvalues(columns: Columns) -> Columns:
    """The columns with σ_p and d of noise of equal eigenvalues, `bocnn.theory.covariance`.

    Args:
        columns: every parameter of the model, shape (runs,) each.
    Returns:
        The same columns where no run has a spectrum; else σ_p, d and spectrum are others, and NaN where few
        directions have most of tr Σ², or noise is along the signal: there theory says nothing.
    """
    bent = (columns["spectrum_decay"] > 0) | (columns["spike"] != 1)
    if not bent.any():
        return columns
    d, sigma_p = columns["d"].astype(np.float64), columns["sigma_p"].astype(np.float64)
    orthogonal = np.maximum(d[bent] - 1, 1)
    blocks = spectrum_blocks(orthogonal, columns["spectrum_decay"][bent], columns["spike"][bent])
    sigma_p[bent], d[bent] = equal_noise(sigma_p[bent], *blocks)
    few = directions_of_noise(*blocks) < FEWEST_DIRECTIONS
    sigma_p[np.flatnonzero(bent)[few | (columns["noise"][bent] != "orthogonal")]] = np.nan
    return dict(columns) | {"sigma_p": sigma_p, "d": d}
