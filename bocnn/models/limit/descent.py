"""Gradient descent on the two-layer CNN as d → ∞, without approximation at any step.

The network of `bocnn` has 2m ReLU filters of class j_k = ±1, with output weights that start at v₀; sample i
has the patches ŷᵢμ and ξᵢ ~ N(0, σ_p² I_d) and the label yᵢ. With a = σ_p² d let

    h = η m v₀² a / n,    κ = σ₀ σ_p d m v₀ / √n,    C = n‖μ‖⁴ / (σ_p⁴ d)

stay as they are while d → ∞. The inner products of the noise patches are a (δᵢⱼ + gᵢⱼ/√d) with g
symmetric and standard normal off its diagonal, those of filters with patches at the start
κ √n N(0, 1) / (m v₀ √d). So the pre-activation of filter k on noise patch i has two scales,

    m v₀ ⟨w_k, ξᵢ⟩ = U_ki + z_ki / √d,    z = z⁰ + U g,    z⁰_ki ~ κ √n N(0, 1),

and is positive where U_ki > 0, or where U_ki = 0 and z_ki > 0. Let the output weights of filter k be v₀ V_k
on the noise patch and v₀ V′_k on the signal patch, V = V′ = 1 at the start. The signal's share of an output
is of order 1/√d and of training nothing: yᵢfᵢ = (1/m) Σ_k j_k yᵢ V_k max(U_ki, 0). With
ℓᵢ = 1 / (1 + exp(yᵢfᵢ)) a step is

    U_ki ← U_ki + h ℓᵢ j_k yᵢ V_k                     where filter k is active on patch i,
    S_k  ← S_k + h j_k V′_k Σᵢ ŷᵢ yᵢ ℓᵢ [ŷᵢ S_k > 0],    m v₀ ⟨w_k, μ⟩ = √(C/(n d)) S_k,

S_k having the sign of a normal number while it is 0: before the first step, and after it where as many
labels of a class are flipped as not. On a fresh sample noise and signal are both
of order 1/√d: their sum has the sign of

    √C/n · (1/m) Σ_k j_k V′_k max(ŷ S_k, 0) + (1/m) Σ_k j_k V_k max(H_k, 0),    H ~ N(0, U Uᵀ/n + κ² I).

**Hidden layer alone**: V = V′ = 1, and v₀ matters through h and κ alone.

**Both layers.** A step adds (η/n) j_k Σᵢ yᵢ ℓᵢ max(⟨w_k, patch⟩, 0) to an output weight. In units of v₀,

    V_k  ← V_k + h β j_k (1/n) Σᵢ yᵢ ℓᵢ max(U_ki, 0),    β = n / (m² v₀⁴ a) = (ṽ/v₀)⁴,
    V′_k ← V′_k + h β j_k (1/n) Σᵢ yᵢ ℓᵢ √(C n/d) max(ŷᵢ S_k, 0) / n,

since η / (m v₀²) = h β, with ṽ = m^−½ (n/(σ_p² d))^¼, the kink. So x = v₀/ṽ is the one parameter more, and
has to be kept: v₀ falls as d^−¼. Then V′ = 1 in the limit and nothing is approximated. V ≥ 1 throughout:
where max(U, 0) is not 0 the label is the filter's.

For x → 0 the boundary goes to C → ∞, and √(C n/d) = n‖μ‖² / (σ_p² d), the square of the ratio of the
signal's rate of growth to the noise's, is small only at large d. With an n/d > 0, V′ moves as above. That
is the limit d → ∞ at a fixed ratio of the rates, in which x falls too. What it leaves out is of the
relative order √(n/d) on the boundary: the signal's share of the outputs in training, R √(n/d) / α with the
R of `bocnn.theory.boundary`, and z/√d. Far above the boundary in ‖μ‖ that share is not small, and training
would stop before it memorizes as much noise as here.

Source:
    Derived here from the dynamics of `bocnn.dynamics.gram_step`.
"""

import math
from typing import NamedTuple

from bocnn.arrays import Array, Ints
from bocnn.simd.compiler.compiled import compiled
from bocnn.simd.lanes import as_vectors, select
from bocnn.simd.products import TILE, add_product

LOG_2 = math.log(2.0)


class LimitStart(NamedTuple):
    """State of a run at the start; matrices are padded with zeros (`bocnn.simd.products`).

    true, observed: ŷ and y, (n,). g: symmetric, zero on its diagonal, (n, n). z: z⁰, (2m, n). along: what
    has the signs of S while it is 0, (2m,). The first m filters are of class +1.
    """

    true: Array
    observed: Array
    g: Array
    z: Array
    along: Array


class LimitState(NamedTuple):
    """A run in training, with room for a step; what has n in its shape is padded with zeros.

    u: U, (2m, n). z: (2m, n). signal: S, (2m,). output: V′ and V, (2, 2m). output_move: their change in a
    step. margin: yf, (n,). pull: ℓy, (n,). move: change of U, (2m, n). spans: all samples, for its product
    with g.
    """

    u: Array
    z: Array
    signal: Array
    output: Array
    output_move: Array
    margin: Array
    pull: Array
    move: Array
    spans: Ints


class LimitStep(NamedTuple):
    """Sizes of a step.

    size: h. output_size: h β, 0 where the output weights are not trained. signal_scale: √(C n/d) / n.
    """

    size: float
    output_size: float
    signal_scale: float


class LimitStop(NamedTuple):
    """End of a training: so many steps, or a training loss; none where it is negative."""

    steps: int
    loss_tol: float


@compiled(_nrt=False)
def descend(start: LimitStart, state: LimitState, sizes: LimitStep, stop: LimitStop) -> int:
    """Train a run.

    Args:
        start: what it starts from.
        state: written; its `z` is the start's.
        sizes: of a step.
        stop: when it ends.
    Returns:
        Steps that were taken.
    """
    step = 0
    while True:
        _write_margins(start, state)
        least = _write_pulls(start, state)
        if step == stop.steps:
            return step
        # The loss itself is computed only where its lower bound does not say that training goes on.
        if least <= stop.loss_tol and training_loss(start, state) <= stop.loss_tol:
            return step
        if sizes.output_size > 0.0:
            _write_output_moves(start, state, sizes)
        _move_signal(start, state, sizes.size)
        _move_rows(start, state, sizes.size)
        if sizes.output_size > 0.0:
            _move_output(state)
        step += 1


@compiled(_nrt=False)
def _write_margins(start: LimitStart, state: LimitState) -> None:
    """Write yᵢfᵢ of the training samples."""
    filters, n = state.signal.size, start.observed.size
    vectors = state.margin.size // TILE
    u = as_vectors(state.u.reshape((state.u.shape[0], vectors, TILE)), TILE)
    margin = as_vectors(state.margin.reshape((vectors, TILE)), TILE)
    share = 2.0 / filters
    for v in range(vectors):
        total = u[0, v] * 0.0
        for k in range(filters):
            x = u[k, v]
            rectified = state.output[1, k] * select(x, x, x * 0.0)
            total = total + rectified if 2 * k < filters else total - rectified
        margin[v] = total
    for i in range(n):
        state.margin[i] *= start.observed[i] * share


@compiled(_nrt=False)
def _write_pulls(start: LimitStart, state: LimitState) -> float:
    """Write ℓy of the samples; a lower bound of their mean loss, from log(1 + e) ≥ e log 2 on [0, 1]."""
    total, n = 0.0, start.observed.size
    for i in range(n):
        margin = state.margin[i]
        small = math.exp(-abs(margin))
        slope = (small if margin > 0.0 else 1.0) / (1.0 + small)
        state.pull[i] = start.observed[i] * slope
        total += max(-margin, 0.0) + small * LOG_2
    return total / n


@compiled(_nrt=False)
def training_loss(start: LimitStart, state: LimitState) -> float:
    """Mean of log(1 + exp(−yf)) over the training samples."""
    total, n = 0.0, start.observed.size
    for i in range(n):
        margin = state.margin[i]
        total += max(-margin, 0.0) + math.log1p(math.exp(-abs(margin)))
    return total / n


@compiled(_nrt=False)
def _move_signal(start: LimitStart, state: LimitState, step_size: float) -> None:
    """A step of S: a filter sees the samples whose signal patch it is active on."""
    m = state.signal.size // 2
    plus, minus = 0.0, 0.0
    for i in range(start.true.size):
        if start.true[i] > 0.0:
            plus += state.pull[i]
        else:
            minus -= state.pull[i]
    for k in range(state.signal.size):
        at = state.signal[k] if state.signal[k] != 0.0 else start.along[k]
        step = step_size * state.output[0, k] * (plus if at > 0.0 else minus)
        state.signal[k] += step if k < m else -step


@compiled(_nrt=False)
def _move_rows(start: LimitStart, state: LimitState, step_size: float) -> None:
    """A step of U, and of z with it."""
    filters, vectors = state.signal.size, state.margin.size // TILE
    shape = (state.u.shape[0], vectors, TILE)
    u, z = as_vectors(state.u.reshape(shape), TILE), as_vectors(state.z.reshape(shape), TILE)
    move = as_vectors(state.move.reshape(shape), TILE)
    pull = as_vectors(state.pull.reshape((vectors, TILE)), TILE)
    for k in range(filters):
        size = step_size * state.output[1, k]
        for v in range(vectors):
            x, to, none = u[k, v], size * pull[v], u[k, v] * 0.0
            to = to if 2 * k < filters else none - to
            at_zero = select(none - x, none, select(z[k, v], to, none))
            move[k, v] = select(x, to, at_zero)
            u[k, v] = x + move[k, v]
    add_product(state.move, start.g, state.z, state.spans)


@compiled(_nrt=False)
def _write_output_moves(start: LimitStart, state: LimitState, sizes: LimitStep) -> None:
    """Write a step's change of V′ and V, from U and S before it."""
    filters, n = state.signal.size, start.observed.size
    share = sizes.output_size / n
    for k in range(filters):
        signal, noise = 0.0, 0.0
        for i in range(n):
            noise += state.pull[i] * max(state.u[k, i], 0.0)
            signal += state.pull[i] * max(start.true[i] * state.signal[k], 0.0)
        to = share if 2 * k < filters else -share
        state.output_move[0, k] = to * sizes.signal_scale * signal
        state.output_move[1, k] = to * noise


@compiled(_nrt=False)
def _move_output(state: LimitState) -> None:
    """A step of V′ and V."""
    for k in range(state.signal.size):
        state.output[0, k] += state.output_move[0, k]
        state.output[1, k] += state.output_move[1, k]


@compiled(_nrt=False)
def overlap(start: LimitStart, u: Array) -> tuple[float, float]:
    """Shares of a class's samples on which one of its filters is active, and any two of them.

    Args:
        start: the run's.
        u: U at the end, shape (2m, n).
    Returns:
        α and α₂; NaN for α₂ with one filter a class.
    """
    single, double = 0.0, 0.0
    n = start.observed.size
    m = start.along.size // 2
    for i in range(n):
        first = 0 if start.observed[i] > 0.0 else m
        count = 0
        for k in range(first, first + m):
            count += u[k, i] > 0.0
        single += count
        double += count * (count - 1.0)
    return single / (n * m), (double / (n * m * (m - 1.0)) if m > 1 else math.nan)
