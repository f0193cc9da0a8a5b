"""The distribution of outputs on fresh samples, in a scale that single precision holds."""

import math

import numpy as np

from bocnn.dynamics.activation import degree
from bocnn.dynamics.gram_product import FAST_MATH
from bocnn.dynamics.state import StepType
from bocnn.measure.fresh_output import FreshOutput
from bocnn.simd.arena import Arena, allocate
from bocnn.simd.compiler.compiled import compiled


@compiled(_nrt=True)  # what it returns of its arguments is counted, whoever calls it
def scaled_output(fresh: FreshOutput, step_type: StepType, arena: Arena) -> FreshOutput:
    """The same law with its scales divided out, so that float32 holds it: no output's sign changes.

    Args:
        fresh: from `fresh_output`.
        step_type: the network's activation.
        arena: the result is allocated there.
    """
    real = np.float64
    scaled = FreshOutput(
        allocate(arena, fresh.centres.shape, real),
        fresh.centre_weights,
        allocate(arena, fresh.mean.shape, real),
        allocate(arena, fresh.root.shape, np.float32),
        allocate(arena, fresh.weights.shape, real),
        fresh.offsets,
    )
    write_scaled(fresh, step_type, scaled)
    return scaled


@compiled(fastmath=FAST_MATH, error_model="numpy", _nrt=False)
def write_scaled(fresh: FreshOutput, step_type: StepType, out: FreshOutput) -> None:
    """Write it.

    Args:
        fresh: the law.
        step_type: the network's activation.
        out: from `scaled_output` of a law of this size; the weights of its centres are left alone.
    """
    power = degree(step_type.activation)
    squares, weights = 0.0, 0.0
    root, single = fresh.root.reshape(-1), out.root.reshape(-1)
    for k in range(fresh.weights.size):
        weights += fresh.weights[k] * fresh.weights[k]
    for k in range(fresh.mean.size):
        squares += fresh.mean[k] * fresh.mean[k]
    for i in range(root.size):
        squares += root[i] * root[i]
    inner = 1.0 / math.sqrt(squares) if power > 0 and squares > 0.0 else 1.0
    outer = 1.0 / math.sqrt(weights) if weights > 0.0 else 1.0
    for c in range(fresh.centres.size):
        out.centres[c] = inner * outer * fresh.centres[c]
        for _ in range(1, power):
            out.centres[c] *= inner
    for k in range(fresh.mean.size):
        out.mean[k] = inner * fresh.mean[k]
    for k in range(fresh.weights.size):
        out.weights[k] = outer * fresh.weights[k]
    for i in range(root.size):
        single[i] = inner * root[i]
