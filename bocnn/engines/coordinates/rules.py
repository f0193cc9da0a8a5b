"""One step of an optimizer on a row of weights, as torch.optim takes it.

| code | x = g + λw, but for adamw | step |
|---|---|---|
| 0 sgd | b ← μb + x | w ← w − η (b, or x + μb: Nesterov) |
| 1 adam, 2 adamw | b ← β₁b + (1 − β₁)x, s ← β₂s + (1 − β₂)x² | w ← w − η b̂ / (√ŝ + ε) |
| 3 rmsprop | s ← β₂s + (1 − β₂)x², b ← μb + x / (√s + ε) | w ← w − ηb |
| 4 sign | | w ← w − η sgn x |

b̂ = b / (1 − β₁ᵗ) and ŝ = s / (1 − β₂ᵗ) at step t; b and s are 0 at the start. adamw first shrinks the
weights, w ← (1 − ηλ) w.

Source:
    The documentation of torch.optim; Bernstein et al. 2018 (arXiv 1802.04434) for sign.
"""

import math
from typing import Any, NamedTuple

from bocnn.arrays import Array
from bocnn.dynamics.gram_product import FAST_MATH
from bocnn.simd.compiler.compiled import compiled

OPTIMIZER_WORDS = ("sgd", "adam", "adamw", "rmsprop", "sign")
SGD, ADAM, ADAMW, RMSPROP, SIGN = range(5)


class Rule(NamedTuple):
    """An optimizer's code and options; float64."""

    optimizer: int
    nesterov: bool
    momentum: float
    decay: float
    beta1: float
    beta2: float
    epsilon: float


class RowStep(NamedTuple):
    """Numbers of one step, in the precision of the weights.

    eta: step size η. first, second: 1 / (1 − β₁ᵗ) and 1 / √(1 − β₂ᵗ) of step t. left1, left2: 1 − β₁ and
    1 − β₂.
    """

    eta: Any
    momentum: Any
    decay: Any
    beta1: Any
    beta2: Any
    left1: Any
    left2: Any
    epsilon: Any
    first: Any
    second: Any


@compiled(error_model="numpy")
def row_step(rule: Rule, eta: float, t: int, real) -> RowStep:  # type: ignore[no-untyped-def]
    """The numbers of step t, counted from 1.

    Args:
        rule: the optimizer.
        eta: step size of the layer.
        t: of the step.
        real: class of the precision.
    """
    return RowStep(
        real(eta),
        real(rule.momentum),
        real(rule.decay),
        real(rule.beta1),
        real(rule.beta2),
        real(1.0 - rule.beta1),
        real(1.0 - rule.beta2),
        real(rule.epsilon),
        real(1.0 / (1.0 - rule.beta1**t)),
        real(1.0 / math.sqrt(1.0 - rule.beta2**t)),
    )


@compiled(fastmath=FAST_MATH, error_model="numpy", _nrt=False)
def move(  # type: ignore[no-untyped-def]
    rule: Rule, step: RowStep, w: Array, g: Array, moments
) -> None:
    """Move weights by one step, in place.

    Args:
        rule: the optimizer.
        step: its numbers.
        w: weights, flat.
        g: their gradient; what it holds afterwards is of no use.
        moments: b and s of the weights, changed in place.
    """
    b, s = moments
    zero, one = w.dtype.type(0), w.dtype.type(1)
    if rule.optimizer == ADAMW:
        for c in range(w.size):
            w[c] -= step.eta * step.decay * w[c]
    elif rule.decay != 0.0:
        for c in range(w.size):
            g[c] += step.decay * w[c]
    if rule.optimizer == ADAM or rule.optimizer == ADAMW:
        eta = step.eta * step.first
        for c in range(w.size):
            b[c] = step.beta1 * b[c] + step.left1 * g[c]
            s[c] = step.beta2 * s[c] + step.left2 * (g[c] * g[c])
            w[c] -= eta * b[c] / (math.sqrt(s[c]) * step.second + step.epsilon)
    elif rule.optimizer == RMSPROP:
        for c in range(w.size):
            s[c] = step.beta2 * s[c] + step.left2 * (g[c] * g[c])
            b[c] = step.momentum * b[c] + g[c] / (math.sqrt(s[c]) + step.epsilon)
            w[c] -= step.eta * b[c]
    elif rule.optimizer == SIGN:
        for c in range(w.size):
            w[c] -= step.eta * (one if g[c] > zero else (-one if g[c] < zero else zero))
    else:
        for c in range(w.size):
            b[c] = step.momentum * b[c] + g[c]
            w[c] -= step.eta * (g[c] + step.momentum * b[c] if rule.nesterov else b[c])
