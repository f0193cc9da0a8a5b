"""Local exponents: power laws over windows of neighbouring columns."""

from dataclasses import dataclass

import numpy as np

from analysis.boundary.mean_crossing import Boundary
from analysis.scaling.power_law import PowerLaw, fit_power_law

MIN_WINDOW_COLUMNS = 5
"""Columns in a window, at least."""
WINDOW_SHARE = 0.25
"""Share of all columns in a window, where that is more."""
MAX_WINDOWS = 12
"""Windows along the plane, at most."""


@dataclass(frozen=True)
class LocalExponent:
    """A power law over a window of x, and the middle of the window."""

    setting: int
    at: float
    law: PowerLaw


def local_exponents(boundary: Boundary, setting: int) -> tuple[LocalExponent, ...]:
    """Power laws over windows that overlap; () where the plane has no more columns than one window.

    Args:
        boundary: crossings and draws.
        setting: position of the setting.
    """
    x = boundary.plane.x.values[boundary.plane.x.values > 0]
    width = max(MIN_WINDOW_COLUMNS, round(WINDOW_SHARE * len(x)))
    if len(x) <= width:
        return ()
    starts = np.unique(np.linspace(0, len(x) - width, MAX_WINDOWS).round().astype(int))
    return tuple(_one(boundary, setting, (float(x[k]), float(x[k + width - 1]))) for k in starts)


def _one(boundary: Boundary, setting: int, window: tuple[float, float]) -> LocalExponent:
    at = float(np.sqrt(window[0] * window[1]))
    return LocalExponent(setting, at, fit_power_law(boundary, setting, x_range=window))
