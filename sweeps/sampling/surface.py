"""The measure as a smooth surface over the plane: a Gaussian process through the means of cells.

Its length scales are the likeliest of a few, so that rounding chooses none of them, and rounds follow from
rows alone. scikit-learn's process is its oracle in the tests; one file spares the dependency.
"""

from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np
import scipy

from sweeps.sampling.lattice import Floats

LENGTHS = (0.05, 0.1, 0.2, 0.4, 0.8)
"""Length scales that are tried on each axis, as shares of the plane."""
NUGGET = 1e-8
"""Of the amplitude, added to the noise of a mean: keeps matrices of near cells regular."""


class Points(NamedTuple):
    """Means of cells.

    Attributes:
        at: coordinates as shares of the plane, shape (points, 2).
        value: means, shape (points,).
        noise: their variances, shape (points,).
    """

    at: Floats
    value: Floats
    noise: Floats


@dataclass(frozen=True, eq=False)
class Surface:
    """A Gaussian process given some means, at some places.

    Attributes:
        lengths: length scales of both axes.
        mean: shape (places,).
        variance: shape (places,).
        factors: shape (points, places); products of two columns are what the points tell of both.
        amplitude: variance about the mean before any is known.
        places: their coordinates, shape (places, 2).
    """

    lengths: tuple[float, float]
    mean: Floats
    variance: Floats
    factors: Floats
    amplitude: float
    places: Floats

    def covariance(self, place: int, factors: Floats) -> Floats:
        """Of one place with all of them, shape (places,).

        Args:
            place: its number.
            factors: of the points, and of those that were added since.
        """
        own = covariances(self.places[place][None], self.places, self.lengths)[0]
        return np.asarray(self.amplitude * own - factors[:, place] @ factors)


def covariances(one: Floats, other: Floats, lengths: tuple[float, float]) -> Floats:
    """Matérn's covariance of smoothness 5/2 with amplitude 1, shape (one, other).

    Args:
        one: coordinates, shape (one, 2).
        other: coordinates, shape (other, 2).
        lengths: of both axes.
    Source:
        Rasmussen and Williams 2006, Gaussian Processes for Machine Learning, eq. 4.17.
    """
    gaps = [np.subtract.outer(one[:, axis], other[:, axis]) / lengths[axis] for axis in (0, 1)]
    far = np.sqrt(5) * np.hypot(*gaps)
    return np.asarray((1 + far + far**2 / 3) * np.exp(-far))


def amplitude_of(points: Points) -> float:
    """Variance of the surface about its mean: that of the values."""
    return max(float(np.var(points.value)), np.finfo(float).tiny)


def likelihood_of(points: Points, lengths: tuple[float, float]) -> float:
    """Logarithm of the marginal likelihood of the points.

    Args:
        points: means of cells.
        lengths: of both axes.
    Source:
        Rasmussen and Williams 2006, eq. 2.30.
    """
    root, rest = _root(points, lengths)
    squares, determinant = rest @ rest, 2 * np.sum(np.log(np.diag(root)))
    return float(-(squares + determinant + len(rest) * np.log(2 * np.pi)) / 2)


def surface_at(places: Floats, points: Points) -> Surface:
    """The surface through some means, with the likeliest length scales.

    Args:
        places: coordinates, shape (places, 2).
        points: means of cells, at least one.
    """
    return surface_of(places, points, max(_pairs(), key=lambda pair: likelihood_of(points, pair)))


def surface_of(places: Floats, points: Points, lengths: tuple[float, float]) -> Surface:
    """The surface through some means.

    Args:
        places: coordinates, shape (places, 2).
        points: means of cells, at least one.
        lengths: of both axes.
    Source:
        Rasmussen and Williams 2006, algorithm 2.1.
    """
    root, rest = _root(points, lengths)
    amplitude = amplitude_of(points)
    cross = amplitude * covariances(points.at, places, lengths)
    factors = scipy.linalg.solve_triangular(root, cross, lower=True)
    return Surface(
        lengths=lengths,
        mean=points.value.mean() + factors.T @ rest,
        variance=np.maximum(amplitude - np.sum(factors**2, axis=0), 0.0),
        factors=factors,
        amplitude=amplitude,
        places=places,
    )


def _pairs() -> list[tuple[float, float]]:
    return list(product(LENGTHS, LENGTHS))


def _root(points: Points, lengths: tuple[float, float]) -> tuple[Floats, Floats]:
    """Cholesky factor of the values' covariance, and the values about their mean, divided by it."""
    amplitude = amplitude_of(points)
    matrix = amplitude * covariances(points.at, points.at, lengths)
    matrix[np.diag_indices_from(matrix)] += points.noise + NUGGET * amplitude
    root = scipy.linalg.cholesky(matrix, lower=True)
    rest = scipy.linalg.solve_triangular(root, points.value - points.value.mean(), lower=True)
    return root, rest
