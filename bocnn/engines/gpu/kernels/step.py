"""A step of training in pieces, as both training kernels use them. Notation: `bocnn.dynamics.gram_step`.

The noise patches' points are the columns of (K, P) blocks; the centres, four at most, those of (K, C)
blocks. Inner products of the centres follow from their coordinates: centre c is at `sign_c`·‖μ‖ on
signal direction `c // 2`.

Source:
    bocnn.dynamics.gram_step, which this follows line by line.
"""

from typing import Any, NamedTuple

import triton
import triton.language as tl

from bocnn.engines.gpu.records import (
    BIAS,
    CENTRES,
    DECAY,
    ETA,
    ETA_OUTPUT,
    FLOAT_COUNT,
    INT_COUNT,
    LEAK,
    LOSS_TOL,
    MOMENTUM,
    MU,
    NESTEROV,
    SQUARE,
    STEPS,
)


class KernelStep(NamedTuple):
    """How a run trains: numbers in float32 but for `loss_tol`, float64, and `steps`, int64.

    eta, eta_output: step sizes. leak: slope below zero. square: whether the loss is the square one.
    momentum, decay, nesterov: as in torch.optim.SGD. mu: ‖μ‖. bias: 1 where filters have one, else 0.
    steps, loss_tol: where training ends.
    """

    eta: Any
    eta_output: Any
    leak: Any
    square: Any
    momentum: Any
    decay: Any
    nesterov: Any
    mu: Any
    bias: Any
    steps: Any
    loss_tol: Any


class OutputWeights(NamedTuple):
    """v of the signal patch and of the noise patch, (K,) each."""

    signal: Any
    noise: Any


@triton.jit
def step_parameters(runs, r):
    """How run r trains: `KernelStep`."""
    floats, ints = runs.floats + r * FLOAT_COUNT, runs.ints + r * INT_COUNT
    eta = tl.load(floats + ETA).to(tl.float32)
    eta_output = tl.load(floats + ETA_OUTPUT).to(tl.float32)
    leak = tl.load(floats + LEAK).to(tl.float32)
    momentum = tl.load(floats + MOMENTUM).to(tl.float32)
    decay = tl.load(floats + DECAY).to(tl.float32)
    mu = tl.load(floats + MU).to(tl.float32)
    switches = (tl.load(ints + SQUARE) != 0, tl.load(ints + NESTEROV) != 0)
    bias = tl.load(ints + BIAS).to(tl.float32)
    return KernelStep(
        eta,
        eta_output,
        leak,
        switches[0],
        momentum,
        decay,
        switches[1],
        mu,
        bias,
        tl.load(ints + STEPS),
        tl.load(floats + LOSS_TOL),
    )


@triton.jit
def phi(a, leak):
    """ReLU, leaky where leak is not 0."""
    return tl.where(a > 0.0, a, leak * a)


@triton.jit
def slope_of(a, leak):
    """φ′."""
    return tl.where(a > 0.0, 1.0, leak)


@triton.jit
def outputs(a, of_centres, weights, leak, at):
    """f of the samples of a block: filters' outputs on their noise patch and on their centre.

    Args:
        a: pre-activations on noise patches, (K, I).
        of_centres: pre-activations on centres, (K, C).
        weights: `OutputWeights`, with the filters' signs.
        leak: slope below zero.
        at: centre of each sample, (I,).
    Returns:
        Shape (I,).
    """
    shared = tl.sum(phi(of_centres, leak) * weights.signal[:, None], axis=0)
    return tl.sum(phi(a, leak) * weights.noise[:, None], axis=0) + from_centres(shared, at)


@triton.jit
def from_centres(values, at):
    """Of each sample, its centre's value."""
    hit = at[None, :] == tl.arange(0, CENTRES)[:, None]
    return tl.sum(tl.where(hit, values[:, None], 0.0), axis=0)


@triton.jit
def to_centres(values, at):
    """Of each centre, the sum over its samples."""
    hit = at[None, :] == tl.arange(0, CENTRES)[:, None]
    return tl.sum(tl.where(hit, values[None, :], 0.0), axis=1)


@triton.jit
def output_gradients(f, y, n, square):
    """g_i = ∂ℓ/∂f_i / n; 0 where y is 0.

    Args:
        f: outputs, (I,).
        y: observed labels, (I,).
        n: training samples.
        square: whether the loss is the square one.
    Returns:
        Shape (I,).
    """
    slope = tl.where(square, f - y, -y / (1.0 + tl.exp(y * f)))
    return tl.where(y == 0.0, 0.0, slope / n)


@triton.jit
def losses(f, y, square):
    """ℓ of each sample, float64; 0 where y is 0.

    Args:
        f: outputs, (I,).
        y: observed labels, (I,).
        square: whether the loss is the square one.
    Returns:
        Shape (I,).
    """
    f, y = f.to(tl.float64), y.to(tl.float64)
    small = tl.exp(-tl.abs(y * f))
    one = 1.0 + small
    # log(1 + small), exact for small ones too: what rounding adds to 1 is divided out.
    rest = tl.where(one == 1.0, small, tl.log(one) * (small / tl.where(one == 1.0, 1.0, one - 1.0)))
    logistic = tl.maximum(-y * f, 0.0) + rest
    return tl.where(y == 0.0, 0.0, tl.where(square, 0.5 * (f - y) * (f - y), logistic))


@triton.jit
def descent_direction(gradient, value, velocity, step):
    """A step's direction and the velocity after it: decay and momentum as torch.optim.SGD does.

    Args:
        gradient: of the loss.
        value: of the parameter.
        velocity: momentum's memory, of the same shape.
        step: `KernelStep`.
    Returns:
        Both of the shape of gradient.
    """
    slope = gradient + step.decay * value
    velocity = step.momentum * velocity + slope
    return tl.where(step.nesterov, slope + step.momentum * velocity, velocity), velocity


@triton.jit
def signal_coordinates(of_centres, mu):
    """Coordinates of a combination of centres on both signal directions, (K,) each."""
    c = tl.arange(0, CENTRES)
    signed = of_centres * (mu * (1.0 - 2.0 * (c % 2).to(tl.float32)))[None, :]
    first = tl.sum(tl.where(c[None, :] < 2, signed, 0.0), axis=1)
    return first, tl.sum(tl.where(c[None, :] < 2, 0.0, signed), axis=1)


@triton.jit
def on_centres(first, second, constant, mu):
    """Inner products of vectors with the centres, (K, C), from their head's coordinates, (K,) each."""
    c = tl.arange(0, CENTRES)
    sign = mu * (1.0 - 2.0 * (c % 2).to(tl.float32))
    side = tl.where(c[None, :] < 2, first[:, None], second[:, None])
    return side * sign[None, :] + constant[:, None]


@triton.jit
def infinite(values):
    """1 where a number is not finite, else 0."""
    return tl.where(tl.abs(values) < float("inf"), 0, 1)


@triton.jit
def any_infinite(block):
    """How many numbers of a matrix are not finite."""
    return tl.sum(tl.sum(infinite(block), axis=1), axis=0)
