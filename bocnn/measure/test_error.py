"""Test error of a trained network, without d: chances of an error of fresh samples.

Each draw of the pre-activations h (`bocnn.measure.fresh_output`) serves every centre. Where φ is
homogeneous (ReLU, leaky ReLU and powers q of ReLU) and there is no bias, h = r·u with r, the length of the
standard normal vector drawn, chi with 2m degrees of freedom and independent of the direction u, and N =
r^q·N(u), of several noise patches r their common length: so each draw gives u, and the chance of an error
over r is exact. The error of nearly perfect networks is then resolved far below 1 / n_test.
"""

import math
from typing import NamedTuple

import numpy as np

from bocnn.arrays import Array
from bocnn.data.draws import TEST, Seed, stream
from bocnn.dynamics.activation import LEAKY, RELU, activate, degree
from bocnn.dynamics.gram_product import FAST_MATH
from bocnn.dynamics.state import StepType
from bocnn.measure.chi_tails import write_chances_negative, write_crossings
from bocnn.measure.fresh_output import FreshOutput
from bocnn.measure.scaled_output import scaled_output, write_scaled
from bocnn.rng.normals import CHUNK_NORMALS, draw_chunk
from bocnn.simd.arena import Arena, allocate
from bocnn.simd.compiler.compiled import compiled
from bocnn.simd.lanes import as_scalars, as_vectors, select
from bocnn.simd.random_words import WORD_LANES

_VECTORS = CHUNK_NORMALS // WORD_LANES


@compiled()
def clean_error(
    fresh: FreshOutput, step_type: StepType, n_test: int, seed: Seed, arena: Arena
) -> tuple[float, float]:
    """Test error against the clean label, and its Monte Carlo standard error.

    Normal vectors are drawn in pairs, each with its mirror image; the last is without where n_test is
    odd. Pairs are independent, so the standard error is that of their means, the odd one weighing half;
    NaN for a single pair.

    Args:
        fresh: from `fresh_output`.
        step_type: the network's activation.
        n_test: fresh noise draws, each used for every centre.
        seed: the run's.
        arena: to work in.
    """
    pairs, filters, real = (n_test + 1) // 2, fresh.weights.size, np.float32
    error = allocate(
        arena, ((pairs + CHUNK_NORMALS - 1) // CHUNK_NORMALS * CHUNK_NORMALS,), np.float64
    )
    buffers = ErrorBuffers(
        allocate(arena, (filters, _VECTORS, WORD_LANES), real),
        allocate(arena, (4, _VECTORS, WORD_LANES), real),
        allocate(arena, (2, _VECTORS, WORD_LANES), real),
        allocate(arena, (4, 2 * CHUNK_NORMALS), np.float64),
    )
    if fresh.offsets.shape[0] == 0:
        _write_draws(
            scaled_output(fresh, step_type, arena), step_type, (n_test, seed), buffers, error
        )
    else:
        _add_centres_errors(fresh, step_type, (n_test, seed), (buffers, error), arena)
    return _mean_of_pairs(error[:pairs], n_test)


class ErrorBuffers(NamedTuple):
    """Buffers for 64 draws and their mirror images, in vectors of WORD_LANES draws, from `aligned`.

    normals: (2m times noise patches, vectors, WORD_LANES). h: of two filters, then with means of one filter
    and its mirror image, (4, vectors, WORD_LANES). outputs: N, (2, vectors, WORD_LANES). chances: rows for
    tails, then the errors of the draws, (4, 2 CHUNK_NORMALS).
    """

    normals: Array
    h: Array
    outputs: Array
    chances: Array


@compiled()
def _add_centres_errors(fresh, step_type, draws, out, arena):  # type: ignore[no-untyped-def]
    """Write the errors of samples of one vector: the sum of those of each centre, whose mean is its own.

    Args:
        fresh: with offsets.
        step_type: the network's activation.
        draws: n_test, and the run's seed.
        out: buffers for 64 draws, and the errors of all, which are written.
        arena: to work in.
    """
    buffers, error = out
    one = FreshOutput(
        fresh.centres,
        allocate(arena, fresh.centre_weights.shape, np.float64),
        allocate(arena, fresh.mean.shape, np.float64),
        fresh.root,
        fresh.weights,
        fresh.offsets,
    )
    scaled, of_centre = (
        scaled_output(one, step_type, arena),
        allocate(arena, error.shape, np.float64),
    )
    error[:] = 0.0
    for c in range(fresh.offsets.shape[0]):
        one.centre_weights[:] = 0.0
        one.centre_weights[c] = fresh.centre_weights[c]
        for k in range(one.mean.size):
            one.mean[k] = fresh.mean[k] + fresh.offsets[c, k]
        write_scaled(one, step_type, scaled)
        _write_draws(scaled, step_type, draws, buffers, of_centre)
        for t in range(error.size):
            error[t] += of_centre[t]


@compiled(_nrt=False)
def _write_draws(  # type: ignore[no-untyped-def]
    fresh: FreshOutput, step_type: StepType, draws, buffers: ErrorBuffers, error: Array
) -> None:
    """Write the mean error of each draw and its mirror image, of the last alone where n_test is odd."""
    n_test, seed = draws
    _write_pairs(fresh, step_type, seed, buffers, error)
    if n_test % 2 == 1:
        last = (n_test + 1) // 2 - 1
        error[last] = buffers.chances[3, last % CHUNK_NORMALS]


@compiled(_nrt=False)
def _write_pairs(
    fresh: FreshOutput, step_type: StepType, seed: Seed, buffers: ErrorBuffers, error: Array
) -> None:
    """Write the mean error of each draw and its mirror image, CHUNK_NORMALS at a time."""
    power = degree(step_type.activation)
    exact = power > 0 and _is_zero(fresh.mean)
    both = buffers.chances[3]
    if exact and power > 1:
        _take_roots(power, fresh.centres)
    for first in range(0, error.size, CHUNK_NORMALS):
        _draw_vectors(buffers.normals, first, seed)
        _write_outputs(fresh, step_type, buffers)
        if exact and power > 1:
            _take_roots(power, buffers.outputs.reshape(-1))
        if exact:
            _divide_by_lengths(buffers)
        flat = buffers.outputs.reshape(-1)
        for t in range(flat.size):
            buffers.chances[0, t] = flat[t]
        _write_errors(fresh, exact, buffers.chances)
        for t in range(CHUNK_NORMALS):
            error[first + t] = 0.5 * (both[t] + both[CHUNK_NORMALS + t])


@compiled(_nrt=False)
def _take_roots(power: int, numbers: Array) -> None:
    """Turn numbers x into sgn(x) |x|^(1/q): S + r^q N has the sign of S^(1/q) + r N^(1/q)."""
    for i in range(numbers.size):
        x = numbers[i]
        size = math.sqrt(abs(x)) if power == 2 else abs(x) ** (type(x)(1) / type(x)(3))
        numbers[i] = -size if x < 0 else size


@compiled(_nrt=False)
def _is_zero(numbers: Array) -> bool:
    """Whether all numbers are zero."""
    total = 0
    for i in range(numbers.size):
        total += numbers[i] != 0
    return total == 0


@compiled(_nrt=False)
def _mean_of_pairs(error: Array, n_test: int) -> tuple[float, float]:
    """Mean over draws and its standard error; the last weighs half where n_test is odd."""
    pairs, weight = error.size, 0.5 * n_test
    half = pairs - weight
    total, squares = 0.0, 0.0
    for t in range(pairs):
        total += error[t]
    mean = (total - half * error[pairs - 1]) / weight
    for t in range(pairs):
        squares += (error[t] - mean) * (error[t] - mean)
    last = error[pairs - 1] - mean
    squares -= half * (last * last)
    return mean, (math.sqrt(squares / (weight * (pairs - 1.0))) if pairs > 1 else math.nan)


@compiled(_nrt=False)
def _draw_vectors(normals: Array, first: int, seed: Seed) -> None:
    """Draw CHUNK_NORMALS standard normal vectors, (2m, vectors, WORD_LANES), component by component."""
    apart, block = as_vectors(normals, WORD_LANES), first * normals.shape[0] // 4
    for k in range(normals.shape[0]):
        draw_chunk(apart[k], block + k * WORD_LANES, stream(seed, TEST))


@compiled(fastmath=FAST_MATH, error_model="numpy", _nrt=False)
def _divide_by_lengths(buffers: ErrorBuffers) -> None:
    """Turn outputs on normal vectors into those on their directions."""
    e, squares = as_vectors(buffers.normals, WORD_LANES), as_vectors(buffers.h, WORD_LANES)[0]
    flat, straight = buffers.h[0].reshape(-1), buffers.outputs.reshape(-1)
    flat[:] = 0
    for k in range(e.shape[0]):
        for t in range(_VECTORS):
            squares[t] += e[k, t] * e[k, t]
    for t in range(CHUNK_NORMALS):
        flat[t] = np.float32(1) / math.sqrt(flat[t])
    for t in range(CHUNK_NORMALS):
        straight[t] *= flat[t]
        straight[CHUNK_NORMALS + t] *= flat[t]


@compiled(fastmath=FAST_MATH, _nrt=False)
def _write_outputs(fresh: FreshOutput, step_type: StepType, buffers: ErrorBuffers) -> None:
    """Write N of standard normal vectors and of their mirror images; the law's root is float32.

    Noise patches are independent: each has 2m normals of its own.
    """
    real = np.float32
    e, outputs = as_vectors(buffers.normals, WORD_LANES), as_vectors(buffers.outputs, WORD_LANES)
    h = as_vectors(buffers.h, WORD_LANES)
    pair = h[2:]
    rectifies = step_type.activation == RELU or step_type.activation == LEAKY
    leak = real(step_type.leak) if step_type.activation == LEAKY else real(0)
    buffers.outputs[:] = 0
    filters = fresh.mean.size
    for at in range(0, fresh.weights.size, 2):
        k = at % filters
        _two_rows(fresh.root[:, k : k + 2], e[at - k :], k, h)
        for row in range(2):
            mean, weight = real(fresh.mean[k + row]), real(fresh.weights[at + row])
            for t in range(_VECTORS):
                x = h[row, t]
                pair[0, t], pair[1, t] = mean + x, mean - x
            if not rectifies:
                activate(step_type.activation, step_type.leak, as_scalars(pair), as_scalars(pair))
            for side in range(2):
                for t in range(_VECTORS):
                    x = pair[side, t]
                    phi = select(x, x, leak * x) if rectifies else x
                    outputs[side, t] += weight * phi


@compiled(fastmath=FAST_MATH, _nrt=False)
def _two_rows(root: Array, e: Array, k: int, out: Array) -> None:
    """Write the pre-activations of filters k and k + 1, without their means, from their columns."""
    a0, a1, a2, a3 = e[0, 0] * 0, e[0, 0] * 0, e[0, 0] * 0, e[0, 0] * 0
    b0, b1, b2, b3 = a0, a1, a2, a3
    for j in range(k + 2):
        a, b = root[j, 0], root[j, 1]
        e0, e1, e2, e3 = e[j, 0], e[j, 1], e[j, 2], e[j, 3]
        a0, a1, a2, a3 = a0 + a * e0, a1 + a * e1, a2 + a * e2, a3 + a * e3
        b0, b1, b2, b3 = b0 + b * e0, b1 + b * e1, b2 + b * e2, b3 + b * e3
    out[0, 0], out[0, 1], out[0, 2], out[0, 3] = a0, a1, a2, a3
    out[1, 0], out[1, 1], out[1, 2], out[1, 3] = b0, b1, b2, b3


@compiled(_nrt=False)
def _write_errors(fresh: FreshOutput, exact: bool, chances: Array) -> None:
    """Write the mean error over the centres, the last row of `chances`, for noise outputs, the first.

    The first half of the centres are of class +1, the others of class −1.
    """
    outputs, error = chances[0], chances[3]
    half, degrees = fresh.centres.size // 2, fresh.weights.size // 2
    share = 0.5 / half
    error[:] = 0.0
    for c in range(half):
        plus, minus = fresh.centres[c], fresh.centres[half + c]
        first = share * fresh.centre_weights[c]
        second = share * fresh.centre_weights[half + c]
        if not exact:
            for t in range(outputs.size):
                error[t] += first * zero_one_loss(plus + outputs[t])
                error[t] += second * zero_one_loss(-minus - outputs[t])
        elif plus > 0.0 and minus < 0.0 and first == second:
            write_crossings((plus, minus), degrees, chances)
            for t in range(outputs.size):
                error[t] += first * chances[2, t]
        else:
            for centre, weight in ((plus, first), (-minus, second)):
                write_chances_negative(centre, degrees, chances)
                for t in range(outputs.size):
                    error[t] += weight * chances[2, t]
                    outputs[t] = -outputs[t]


@compiled(_nrt=False)
def zero_one_loss(margin):  # type: ignore[no-untyped-def]
    """1 for a negative margin, 0 for a positive one, 1/2 for none: a coin is tossed there."""
    return 0.5 - 0.5 * np.sign(margin)
