"""Slopes of the loss: by outputs of points γ, by pre-activations U, by output weights V (`gram_step`)."""

from bocnn.arrays import Array
from bocnn.dynamics.activation import differentiate
from bocnn.dynamics.gram_product import FAST_MATH
from bocnn.dynamics.state import Network, StepBuffers, StepParameters, TrainingSet
from bocnn.simd.compiler.compiled import compiled
from bocnn.simd.lanes import as_scalars, is_zero


@compiled(fastmath=FAST_MATH, _nrt=False, forceinline=True)
def write_gradient(
    training_set: TrainingSet, network: Network, step: StepParameters, scratch: StepBuffers
) -> None:
    """Write U and V of the layers that some run trains.

    Args:
        training_set: the training set.
        network: unchanged.
        step: the step.
        scratch: φ(A) and the slopes g_i are read, `update` and `output` written.
    """
    write_point_gradients(training_set, scratch.slope, scratch.point_gradients)
    if not is_zero(step.eta_output):
        _slopes_of_output(training_set, network, scratch)
    if not is_zero(step.eta):
        _slopes_of_filters(training_set, network, step, scratch)


@compiled(fastmath=FAST_MATH, _nrt=False, forceinline=True)
def write_point_gradients(training_set: TrainingSet, slope: Array, gamma: Array) -> None:
    """γ_c = Σ_{i ∋ c} g_i.

    Args:
        training_set: the training set.
        slope: g, shape (n,).
        gamma: γ, shape (P,); written.
    """
    shared = training_set.shared
    for p in range(training_set.starts.size - 1):
        first, last = training_set.starts[p], training_set.starts[p + 1]
        if first < shared.shape[0]:
            for c in range(first, last):
                total = shared[c, 0] * slope[0]
                for i in range(1, slope.size):
                    total += shared[c, i] * slope[i]
                gamma[c] = total
        else:
            for i in range(slope.size):
                gamma[first + i] = slope[i]


@compiled(fastmath=FAST_MATH, _nrt=False, forceinline=True)
def _slopes_of_output(training_set: TrainingSet, network: Network, scratch: StepBuffers) -> None:
    """V[p, k] = j_k Σ_{c at p} γ_c φ(A[k, c]), shape (Q, K)."""
    phi = scratch.phi
    for p in range(training_set.starts.size - 1):
        first, last = training_set.starts[p], training_set.starts[p + 1]
        part = scratch.point_gradients[first:last]
        for k in range(phi.shape[0]):
            row = phi[k, first:last]
            total = part[0] * row[0]
            for c in range(1, part.size):
                total += part[c] * row[c]
            scratch.output[p, k] = network.signs[k] * total


@compiled(fastmath=FAST_MATH, _nrt=False, forceinline=True)
def _slopes_of_filters(
    training_set: TrainingSet, network: Network, step: StepParameters, scratch: StepBuffers
) -> None:
    """U[k, c] = j_k v_{p(c),k} γ_c φ′(A[k, c]), shape (K, P)."""
    update = scratch.update
    a, phi = as_scalars(network.activations), as_scalars(scratch.phi)
    differentiate(step.step_type.activation, step.step_type.leak, a, phi, as_scalars(update))
    for p in range(training_set.starts.size - 1):
        first, last = training_set.starts[p], training_set.starts[p + 1]
        part = scratch.point_gradients[first:last]
        for k in range(update.shape[0]):
            weight = network.signs[k] * network.output[p, k]
            row = update[k, first:last]
            for c in range(part.size):
                row[c] *= weight * part[c]
