"""The test error where samples differ in strength, the hidden layer trained: what each of them teaches.

A sample has the signal patch c ŷ μ and the noise r ξ. Along the gradient flow of the logistic loss its
margin is of its own noise, r² ρ with a coefficient ρ that grows by 1/(1 + exp(margin)), in units that are
the same for all samples. So with one time T

    margin + exp(margin) = 1 + r² T,      ρ = margin / r².

It has taught c ρ of the signal, and adds ρ² r² to the variance of fresh noise. With means E over samples,
of which a share p(c, r) is flipped, the ratio R of signal to noise (`bocnn.theory.critical_ratio`) is

    R = (√C/2) · E[c ρ (1 − 2p)] / √E[ρ² r²]      and R c′/r′ of a fresh sample of c′ and r′.

Equal margins, at T → ∞ or of the square loss, are ρ = r⁻²: with c = 1 and p = 0 the boundary has
n‖μ‖⁴ E[r⁻²] in place of n‖μ‖⁴, and with r = 1, flips that depend on c are as many symmetric ones of
1 − 2p = E[c(1 − 2p(c))]/E[c].

Source:
    Derived here.
"""

from typing import Final, NamedTuple

import numpy as np
from scipy.optimize import brentq

from bocnn.arrays import Array

_STEPS: Final = 60
_LOG_TIMES: Final = (-40.0, 40.0)


class Kinds(NamedTuple):
    """Kinds of samples of equal chances, shape (kinds,) each: signal c, noise r, and chance of a flip p."""

    signal: Array
    noise: Array
    flipped: Array


class Teaching(NamedTuple):
    """What a sample of each kind teaches, shape (kinds,) each.

    signal: c ρ / √E[ρ² r²], in units of the pull of a sample where all are alike. noise: ρ² r² / E[ρ² r²].
    """

    signal: Array
    noise: Array


def kinds_of_samples(
    signal_spread: float, noise_spread: float, p_flip: float, process: str
) -> Kinds:
    """The four kinds: c = 1 ± s, r = 1 ± s′.

    Args:
        signal_spread: s.
        noise_spread: s′.
        p_flip: mean chance of a flip.
        process: `margin` flips the half with weak signal alone, `noise_aligned` that with strong noise,
            any other one flips all.
    """
    c = 1 + signal_spread * np.array([1.0, -1.0, 1.0, -1.0])
    r = 1 + noise_spread * np.array([-1.0, -1.0, 1.0, 1.0])
    hard = {"margin": np.array([0.0, 2, 0, 2]), "noise_aligned": np.array([0.0, 0, 2, 2])}
    return Kinds(c, r, p_flip * hard.get(process, np.ones(4)))


def margins_at(loss: float, noise: Array) -> Array:
    """Margins of samples where their mean logistic loss is as small as is asked for.

    Args:
        loss: within (0, log 2).
        noise: r, shape (kinds,).
    Returns:
        Shape (kinds,).
    """

    def above(log_time: float) -> float:
        return float(np.mean(np.log1p(np.exp(-_margins(np.exp(log_time) * noise**2))))) - loss

    return _margins(np.exp(brentq(above, *_LOG_TIMES)) * noise**2)


def _margins(gain: Array) -> Array:
    """The margin with margin + exp(margin) = 1 + gain, by Newton's method from above."""
    found = np.log1p(gain)
    for _ in range(_STEPS):
        found = found - (found + np.expm1(found) - gain) / (1 + np.exp(found))
    return np.asarray(found)


def taught(kinds: Kinds, loss: float) -> Teaching:
    """What samples teach that are trained to a loss.

    Args:
        kinds: of samples.
        loss: mean logistic loss at which training stops.
    """
    rho = margins_at(loss, kinds.noise) / kinds.noise**2
    noise = np.square(rho * kinds.noise)
    return Teaching(kinds.signal * rho / np.sqrt(noise.mean()), noise / noise.mean())
