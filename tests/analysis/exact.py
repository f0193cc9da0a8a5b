"""Boundaries with given crossings, for tests of what reads boundaries."""

from dataclasses import replace

import numpy as np

from analysis.boundary.mean_crossing import Boundary
from analysis.dataset.plane import Plane, PlaneAxis
from analysis.statistics.profiles import straight_profiles


def exact_boundary(
    y: np.ndarray, *, x: np.ndarray, error: float = 0.01, log: bool = True
) -> Boundary:
    """A boundary at y, shape (columns,), with normal draws about it; error in y's coordinate."""
    rng = np.random.default_rng(0)
    u = (np.log(y) if log else y)[None]
    axis = PlaneAxis("y", "y", np.array([y.min() / 10, y.max() * 10]), log)
    draws = u + error * rng.standard_normal((500, *u.shape))
    return Boundary(
        plane=Plane(PlaneAxis("x", "x", x, True), axis, ("",)),
        label="measure",
        level=0.2,
        confidence=0.95,
        rising=np.array([False]),
        estimate=u,
        low=u - 2 * error,
        high=u + 2 * error,
        draws=draws,
        runs=np.full(u.shape, 20.0),
        profiles=straight_profiles(
            np.concatenate([u[None], draws]), tuple(axis.coordinates.tolist())
        ),
    )


def cut(boundary: Boundary, *, top: float) -> Boundary:
    """An exact boundary as a grid that ends at log y = top sees it."""
    axis = replace(boundary.plane.y, values=np.array([1e-3, np.exp(top)]))
    crossings = np.concatenate([boundary.estimate[None], boundary.draws])
    beyond = {
        name: np.where(getattr(boundary, name) > top, np.inf, getattr(boundary, name))
        for name in ("estimate", "low", "high", "draws")
    }
    profiles = straight_profiles(crossings, tuple(axis.coordinates.tolist()))
    return replace(boundary, plane=replace(boundary.plane, y=axis), profiles=profiles, **beyond)
