"""State of a run that both training kernels keep in registers: its start and its end.

The state of the noise patches, whose size grows with n, is each kernel's own.
"""

from typing import Any, NamedTuple

import triton
import triton.language as tl

from bocnn.engines.gpu.kernels.step import OutputWeights, any_infinite, infinite, on_centres
from bocnn.engines.gpu.records import CENTRES
from bocnn.engines.gpu.table import DIVERGED, OK, UNCONVERGED


class CentreState(NamedTuple):
    """Activations and coefficients of the centres, (K, C) each."""

    activations: Any
    coefficients: Any


@triton.jit
def signs_of(sizes, K: tl.constexpr):
    """The class j = ±1 of each filter, (K,): 0 beyond 2m."""
    k = tl.arange(0, K)
    return tl.where(k < sizes.filters, tl.where(k < sizes.filters // 2, 1.0, -1.0), 0.0)


@triton.jit
def head_coordinate(drawn, sizes, axis, index, mask):
    """Coordinate `axis` of consecutive samples or filters in the head, 0 where masked."""
    r = tl.program_id(0).to(tl.int64)
    return tl.load(drawn.head + (r * 3 + axis) * sizes.rows + index, mask=mask, other=0.0)


@triton.jit
def initial_on_centres(drawn, sizes, mu, K: tl.constexpr):
    """Inner products of the filters at the start with the centres, (K, C)."""
    n, k = sizes.n, tl.arange(0, K)
    return on_centres(
        head_coordinate(drawn, sizes, 0, n + k, k < sizes.filters),
        head_coordinate(drawn, sizes, 1, n + k, k < sizes.filters),
        head_coordinate(drawn, sizes, 2, n + k, k < sizes.filters),
        mu,
    )


@triton.jit
def initial_output(drawn, K: tl.constexpr):
    """`OutputWeights` at the start."""
    r = tl.program_id(0).to(tl.int64)
    k = tl.arange(0, K)
    first = tl.load(drawn.output + r * 2 * K + k)
    return OutputWeights(first, tl.load(drawn.output + (r * 2 + 1) * K + k))


@triton.jit
def store_state(trained, centres, output, scale, K: tl.constexpr):
    """Write what does not grow with n.

    Args:
        trained: record of buffers.
        centres: `CentreState`.
        output: `OutputWeights`.
        scale: α.
        K: filters, rounded up.
    Returns:
        How many of these numbers are not finite.
    """
    r = tl.program_id(0).to(tl.int64)
    k, c = tl.arange(0, K), tl.arange(0, CENTRES)
    small = r * 2 * K * CENTRES + k[:, None] * CENTRES + c[None, :]
    tl.store(trained.centres + small, centres.activations)
    tl.store(trained.centres + small + K * CENTRES, centres.coefficients)
    tl.store(trained.output + r * 2 * K + k, output.signal)
    tl.store(trained.output + (r * 2 + 1) * K + k, output.noise)
    tl.store(trained.scale + r, scale)
    wrong = tl.sum(infinite(output.signal) + infinite(output.noise), axis=0)
    return wrong + any_infinite(centres.activations) + any_infinite(centres.coefficients)


@triton.jit
def store_end(trained, wrong, reached, step, STOPPING: tl.constexpr):
    """Write status and step of a run that has ended.

    Args:
        trained: record of buffers.
        wrong: how many numbers of it are not finite.
        reached: 1 where its loss is at `loss_tol`.
        step: steps that it took.
        STOPPING: whether there is a `loss_tol`.
    """
    r = tl.program_id(0).to(tl.int64)
    ended = OK
    if STOPPING:
        ended = tl.where(reached == 0, UNCONVERGED, OK)
    tl.store(trained.ended + 2 * r, tl.where(wrong > 0, DIVERGED, ended))
    tl.store(trained.ended + 2 * r + 1, step)
