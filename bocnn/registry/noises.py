"""Distributions of the noise patches, by the words of the column `noise`."""

from collections.abc import Callable
from typing import Final, NamedTuple, Protocol, TypeAlias

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

    draw: from random numbers, a shape (count, d) and the orthonormal signal directions (S, d), patches of
    that shape at σ_p = 1. gram_code: how compiled code knows it that draws inner products without patches
    (`bocnn.data.model`), which takes a Gaussian; None where none does.
    """

    draw: Callable[[Sampler, Shape, Array], Array]
    gram_code: int | None = None


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
    return noise - (noise @ directions.T) @ directions


NOISES: Final[dict[str, Noise]] = {
    "orthogonal": Noise(orthogonal, gram_code=0),
    "isotropic": Noise(isotropic, gram_code=1),
}
