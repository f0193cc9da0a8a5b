"""Boundaries with given crossings, for tests of what reads boundaries."""

import numpy as np

from analysis.boundary import Boundary
from analysis.plane import Plane, PlaneAxis


def exact_boundary(
    y: np.ndarray, *, x: np.ndarray, error: float = 0.01, log: bool = True
) -> Boundary:
    """A boundary at y, shape (columns,), with normal draws about it; error in y's coordinate."""
    rng = np.random.default_rng(0)
    u = (np.log(y) if log else y)[None]
    axis = PlaneAxis("y", "y", np.array([y.min() / 10, y.max() * 10]), log)
    return Boundary(
        plane=Plane(PlaneAxis("x", "x", x, True), axis, ("",)),
        label="measure",
        level=0.2,
        confidence=0.95,
        rising=np.array([False]),
        estimate=u,
        low=u - 2 * error,
        high=u + 2 * error,
        draws=u + error * rng.standard_normal((500, *u.shape)),
        runs=np.full(u.shape, 20.0),
    )
