"""Strengths of samples: the signal patch is c ŷ μ and the noise patches are r ξ, c and r of the sample.

By a coin for c and another for r a sample is hard or easy: its signal is weak, c = 1 − s, or strong,
1 + s; its noise is strong, r = 1 + s, or weak, 1 − s, with a spread s of each. Noise r ξ is elliptical:
G is D G₀ D, D the diagonal matrix of the r. Training is exact with φ(c a) = c^q φ(a): a sample then holds
its centre c^q times (`TrainingSet.shared`), in its output and in its gradient. The output on a fresh
sample, c^q S + r^q N, has the sign of

    (c/r)^q S + N,

so that each centre stands for four, of equal chances, and fresh noise is as it was.
"""

from bocnn.arrays import Array
from bocnn.data.draws import RADIUS, STRENGTH, Seed, draw_uniforms
from bocnn.data.model import DataParameters, Geometry
from bocnn.data.records import EVERY, WEAK_SIGNAL, Flips, Strengths
from bocnn.simd.arena import Arena
from bocnn.simd.compiler.compiled import compiled

_KINDS = 4


@compiled(_nrt=False)
def kinds_of(strengths: Strengths) -> int:
    """Kinds of samples: 1 where all are alike, else 4; kind 1 has weak signal, 2 strong noise, 3 both."""
    return 1 if strengths.signal == 0.0 and strengths.noise == 0.0 else _KINDS


@compiled(_nrt=False)
def strength(spread: float, hard: bool) -> float:
    """1 − s of hard samples, 1 + s of others; of noise, whose hard samples are strong, s is negative."""
    return 1.0 - spread if hard else 1.0 + spread


@compiled(_nrt=False)
def power(x: float, exponent: int) -> float:
    """x^q for a whole q ≥ 0."""
    product = 1.0
    for _ in range(exponent):
        product *= x
    return product


@compiled(error_model="numpy", _nrt=False)
def relative_signal(strengths: Strengths, kind: int) -> float:
    """(c/r)^q of a kind of samples."""
    c = strength(strengths.signal, kind % 2 == 1)
    r = strength(-strengths.noise, kind >= 2)
    return power(c / r, strengths.power)


@compiled(_nrt=False)
def flip_chance(flips: Flips, positive: bool, kind: int) -> float:
    """The chance that the label of a sample of a class and kind is flipped."""
    chance = flips.positive if positive else flips.negative
    if flips.hard == EVERY:
        return chance
    hard = kind % 2 == 1 if flips.hard == WEAK_SIGNAL else kind >= 2
    return 2.0 * chance if hard else 0.0


@compiled()
def scale_noise(parameters: DataParameters, seed: Seed, geometry: Geometry, arena: Arena) -> None:
    """Multiply the noise patches of each sample by its r.

    Args:
        parameters: of the run's data.
        seed: the run's.
        geometry: its noise patches are changed in place.
        arena: to work in.
    """
    coins = draw_uniforms(seed, RADIUS, parameters.n, arena)
    _scale_columns(coins, parameters.strengths, geometry)


@compiled(_nrt=False)
def _scale_columns(coins: Array, strengths: Strengths, geometry: Geometry) -> None:
    """Multiply columns of points."""
    count = geometry.labels.size
    for j in range(geometry.points.shape[0]):
        for c in range(count, geometry.widths.size):
            hard = coins[(c - count) % coins.size] < 0.5
            geometry.points[j, c] *= strength(-strengths.noise, hard)


@compiled()
def weigh_centres(parameters: DataParameters, seed: Seed, shared: Array, arena: Arena) -> None:
    """Multiply what each sample holds of a centre by c^q.

    Args:
        parameters: of the run's data.
        seed: the run's.
        shared: 1 where a sample holds a centre, (C, n); changed in place.
        arena: to work in.
    """
    coins = draw_uniforms(seed, STRENGTH, parameters.n, arena)
    _weigh_columns(coins, parameters.strengths, shared)


@compiled(_nrt=False)
def _weigh_columns(coins: Array, strengths: Strengths, shared: Array) -> None:
    """Multiply columns."""
    for i in range(coins.size):
        weight = power(strength(strengths.signal, coins[i] < 0.5), strengths.power)
        for c in range(shared.shape[0]):
            shared[c, i] *= weight
