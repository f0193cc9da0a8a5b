"""Distributions of the noise patches, by the words of the column `noise`."""

from collections.abc import Callable
from typing import Final, NamedTuple, Protocol, TypeAlias

import numpy as np

from bocnn.arrays import Array

Shape: TypeAlias = tuple[int, int]


class Sampler(Protocol):
    """Random numbers of one quantity of a run; each call begins anew."""

    def normals(self, shape: Shape) -> Array:
        """Standard normals, float64."""
        ...

    def uniforms(self, shape: Shape) -> Array:
        """Uniforms in [0, 1), float64."""
        ...


class Noise(NamedTuple):
    """A distribution of noise patches.

    draw: from random numbers, a shape (count, d), the orthonormal signal directions (S, d), and the columns
    that `options` names, by their names, patches of that shape at σ_p = 1. gram_code: how compiled code
    knows it that draws inner products without patches (`bocnn.data.model`), which takes a Gaussian; None
    where none does: then the basis in which it is drawn matters.
    """

    draw: Callable[..., Array]
    gram_code: int | None = None
    options: tuple[str, ...] = ()


def isotropic(sampler: Sampler, shape: Shape, directions: Array) -> Array:
    """N(0, I_d).

    Args:
        sampler: draws of the run's noise.
        shape: (samples, d).
        directions: orthonormal signal directions, shape (directions, d).
    Returns:
        Noise patches of unit scale per coordinate, shape (samples, d).
    """
    return sampler.normals(shape)


def orthogonal(sampler: Sampler, shape: Shape, directions: Array) -> Array:
    """N(0, I_d) less its part along the signal directions.

    Args:
        sampler: draws of the run's noise.
        shape: (samples, d).
        directions: orthonormal signal directions, shape (directions, d).
    Returns:
        Noise patches of unit scale per coordinate, shape (samples, d).
    """
    noise = sampler.normals(shape)
    for direction in directions:
        at = np.flatnonzero(direction)
        # Not by BLAS, whose sums depend on its threads.
        along = (noise[:, at] * direction[at]).sum(axis=1)
        noise[:, at] -= along[:, None] * direction[at]
    return noise


def laplace(sampler: Sampler, shape: Shape, directions: Array) -> Array:
    """Independent Laplace coordinates of variance 1: exponentials with a random sign.

    Args:
        sampler: draws of the run's noise.
        shape: (samples, d).
        directions: have no effect.
    Returns:
        Noise patches of unit scale per coordinate, shape (samples, d).
    """
    u = sampler.uniforms(shape)  # in [0, 1): 0 can occur, 1 cannot
    twice = np.where(u < 0.5, 2 * u, 2 * u - 1)
    return np.where(u < 0.5, 1.0, -1.0) * np.log1p(-twice) / np.sqrt(2)


def rademacher(sampler: Sampler, shape: Shape, directions: Array) -> Array:
    """Independent signs, ±1 with equal chances.

    Args:
        sampler: draws of the run's noise.
        shape: (samples, d).
        directions: have no effect.
    Returns:
        Noise patches of unit scale per coordinate, shape (samples, d).
    """
    return np.where(sampler.uniforms(shape) < 0.5, 1.0, -1.0)


def uniform(sampler: Sampler, shape: Shape, directions: Array) -> Array:
    """Independent uniform coordinates in [−√3, √3), of variance 1.

    Args:
        sampler: draws of the run's noise.
        shape: (samples, d).
        directions: have no effect.
    Returns:
        Noise patches of unit scale per coordinate, shape (samples, d).
    """
    return np.sqrt(3) * (2 * sampler.uniforms(shape) - 1)


def student_t(sampler: Sampler, shape: Shape, directions: Array, *, dof: float) -> Array:
    """Independent coordinates of Student's t distribution, scaled to variance 1.

    √(ν (U^(−2/ν) − 1)) cos 2πV is t with ν degrees of freedom for independent uniforms U and V.

    Args:
        sampler: draws of the run's noise.
        shape: (samples, d).
        directions: have no effect.
        dof: ν > 2.
    Returns:
        Noise patches of unit scale per coordinate, shape (samples, d).
    Source:
        Bailey 1994, Mathematics of Computation 62, 779.
    """
    pairs = sampler.uniforms((shape[0], 2 * shape[1]))
    logs = np.log1p(-pairs[:, ::2])  # of 1 − U, which is never 0
    squared_radii = (dof - 2) * np.expm1(-2 / dof * logs)
    return np.sqrt(squared_radii) * np.cos(2 * np.pi * pairs[:, 1::2])


def sparse(sampler: Sampler, shape: Shape, directions: Array, *, density: float) -> Array:
    """Independent coordinates that are 0 but for a share q, which is ±1/√q.

    Args:
        sampler: draws of the run's noise.
        shape: (samples, d).
        directions: have no effect.
        density: q, in (0, 1].
    Returns:
        Noise patches of unit scale per coordinate, shape (samples, d).
    """
    u = sampler.uniforms(shape)
    return np.where(u < density, np.where(u < density / 2, 1.0, -1.0) / np.sqrt(density), 0.0)


NOISES: Final[dict[str, Noise]] = {
    "orthogonal": Noise(orthogonal, gram_code=0),
    "isotropic": Noise(isotropic, gram_code=1),
    "laplace": Noise(laplace),
    "rademacher": Noise(rademacher),
    "uniform": Noise(uniform),
    "student_t": Noise(student_t, options=("dof",)),
    "sparse": Noise(sparse, options=("density",)),
}
