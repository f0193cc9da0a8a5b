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
    that shape at σ_p = 1. is_gaussian: every projection of a patch is Gaussian, so that runs can be
    drawn by inner products alone.
    """

    draw: Callable[[Sampler, Shape, Array], Array]
    is_gaussian: bool


def isotropic(sampler: Sampler, shape: Shape, directions: Array) -> Array:
    """N(0, I_d)."""
    return sampler.normals(shape)


def orthogonal(sampler: Sampler, shape: Shape, directions: Array) -> Array:
    """N(0, I_d) less its part along the signal directions."""
    noise = sampler.normals(shape)
    return noise - (noise @ directions.T) @ directions


NOISES: Final[dict[str, Noise]] = {
    "orthogonal": Noise(orthogonal, is_gaussian=True),
    "isotropic": Noise(isotropic, is_gaussian=True),
}
