"""The exponent from place to place: power laws over windows of neighbouring columns."""

from dataclasses import dataclass

import numpy as np

from analysis.boundary.mean_crossing import Boundary
from analysis.scaling.power_law import Law, fit_law

NARROWEST = 5
"""Columns in a window, at least."""
SHARE = 0.25
"""Share of all columns in a window, where that is more."""
MOST = 12
"""Windows along the plane, at most."""


@dataclass(frozen=True)
class LocalExponent:
    """A power law over a window of x, and the middle of the window."""

    setting: int
    at: float
    law: Law


def local_exponents(boundary: Boundary, setting: int) -> tuple[LocalExponent, ...]:
    """Power laws over windows that overlap; () where the plane has no more columns than one window.

    Args:
        boundary: crossings and draws.
        setting: position of the setting.
    """
    x = boundary.plane.x.values[boundary.plane.x.values > 0]
    width = max(NARROWEST, round(SHARE * len(x)))
    if len(x) <= width:
        return ()
    starts = np.unique(np.linspace(0, len(x) - width, MOST).round().astype(int))
    return tuple(_one(boundary, setting, (float(x[k]), float(x[k + width - 1]))) for k in starts)


def _one(boundary: Boundary, setting: int, window: tuple[float, float]) -> LocalExponent:
    at = float(np.sqrt(window[0] * window[1]))
    return LocalExponent(setting, at, fit_law(boundary, setting, x_range=window))
