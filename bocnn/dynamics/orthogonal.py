"""The filters' gradient with singular values near one another: Muon's direction, in the span.

The gradient of the filters is U Z, K × d. From X = U Z / ‖U Z‖ the iteration

    X ← a X + b (X Xᵀ) X + c (X Xᵀ)² X,      a, b, c = 3.4445, −4.775, 2.0315,

five times, takes every singular value above a few thousandths of ‖U Z‖ to about 1, from 0.68 to 1.14, and
U Z to nearly (U G Uᵀ)^−½ U Z. It acts on U alone: with N = X Xᵀ, which is U G Uᵀ / ‖U Z‖² at first, and
P = a + b N + c N², U ← P U and N ← P N P, with no d in it.

Source:
    Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks", without its momentum.
"""

from typing import Final

from bocnn.arrays import Array
from bocnn.dynamics.gram_product import FAST_MATH
from bocnn.dynamics.state import StepBuffers
from bocnn.simd.compiler.compiled import compiled

ROUNDS: Final = 5
FIRST, THIRD, FIFTH = 3.4445, -4.775, 2.0315


@compiled(fastmath=FAST_MATH, _nrt=False)
def orthogonalize(scratch: StepBuffers, products: Array, factor: Array, room: Array) -> None:
    """Turn U / ‖U Z‖ into the direction, in place.

    Args:
        scratch: with U / ‖U Z‖, (K, P).
        products: U G, (K, P); becomes room.
        factor: 1 / ‖U Z‖, (1,).
        room: (3, K, K).
    """
    update, square, polynomial, other = scratch.update, room[0], room[1], room[2]
    for k in range(update.shape[0]):
        for j in range(update.shape[0]):
            total = factor[0] * 0
            for c in range(update.shape[1]):
                total += products[k, c] * update[j, c]
            square[k, j] = factor[0] * total
    for _ in range(ROUNDS):
        _multiply(square, square, polynomial)
        for k in range(update.shape[0]):
            for j in range(update.shape[0]):
                polynomial[k, j] = THIRD * square[k, j] + FIFTH * polynomial[k, j]
            polynomial[k, k] += FIRST
        _multiply(polynomial, update, products)
        after, before = products.reshape(-1), update.reshape(-1)
        for i in range(before.size):
            before[i] = after[i]
        _multiply(polynomial, square, other)
        _multiply(other, polynomial, square)


@compiled(fastmath=FAST_MATH, _nrt=False)
def _multiply(left: Array, right: Array, out: Array) -> None:
    """out ← left @ right."""
    for k in range(left.shape[0]):
        row = out[k]
        row[:] = left[0, 0] * 0
        for j in range(left.shape[1]):
            weight, other = left[k, j], right[j]
            for c in range(row.size):
                row[c] += weight * other[c]
