"""The gradient on the Gram matrix, its norm, and weights at a distance along it.

With U = ∂ℓ/∂A and V as in `gram_step`, the gradient of the filters is U Z, so that

    ‖∇‖² = Σ_k U_k G U_kᵀ + ‖V‖²

over the layers that are trained, and a step of length ρ along it takes A to A + ρ U G / ‖∇‖ and v to
v + ρ V / ‖∇‖: with no d in it, as all of training.

Source:
    Foret et al. 2021 (arXiv 2010.01412), sharpness-aware minimization, is the gradient there.
"""

import math

from bocnn.arrays import Array
from bocnn.dynamics.activation import activate
from bocnn.dynamics.gram_product import FAST_MATH, add_products
from bocnn.dynamics.slopes import write_gradient
from bocnn.dynamics.state import Network, StepBuffers, StepParameters, TrainingSet
from bocnn.simd.compiler.compiled import compiled
from bocnn.simd.lanes import as_scalars, select


@compiled(fastmath=FAST_MATH, _nrt=False)
def gradient_at(
    training_set: TrainingSet, network: Network, step: StepParameters, scratch: StepBuffers
) -> None:
    """Write U and V into `update` and `output`, from the slopes g_i.

    Args:
        training_set: the training set.
        network: unchanged.
        step: its type and step sizes.
        scratch: its slopes are read.
    """
    a, phi = as_scalars(network.activations), as_scalars(scratch.phi)
    activate(step.step_type.activation, step.step_type.leak, a, phi)
    write_gradient(training_set, network, step, scratch)


@compiled(fastmath=FAST_MATH, error_model="numpy", _nrt=False)
def write_inverse_norm(
    training_set: TrainingSet,
    step: StepParameters,
    scratch: StepBuffers,
    products: Array,
    out: Array,
) -> None:
    """Write U G and 1 / ‖∇‖ of the trained layers, 0 where the gradient is 0.

    Args:
        training_set: the training set.
        step: its step sizes.
        scratch: with U and V.
        products: U G, (K, P); written.
        out: 1 / ‖∇‖, (1,); written.
    """
    products[:] = 0
    for k in range(0, products.shape[0], 4):
        add_products(training_set, scratch.update[k : k + 4], products[k : k + 4])
    update, moved = scratch.update.reshape(-1), products.reshape(-1)
    of_filters, of_output = step.eta * 0, step.eta * 0
    for i in range(update.size):
        of_filters += update[i] * moved[i]
    slopes = scratch.output.reshape(-1)
    for i in range(slopes.size):
        of_output += slopes[i] * slopes[i]
    zero = step.eta * 0
    out[0] = select(step.eta, of_filters, zero) + select(step.eta_output, of_output, zero)
    norms = as_scalars(out)
    for lane in range(norms.size):
        one = type(norms[lane])(1)
        norms[lane] = one / math.sqrt(norms[lane]) if norms[lane] > 0 else 0 * one


@compiled(fastmath=FAST_MATH, _nrt=False)
def write_perturbed(
    network: Network, step: StepParameters, scratch: StepBuffers, length: Array, out: Network
) -> None:
    """Write A + c U G and v + c V of the layers that are trained.

    Args:
        network: A and v.
        step: its step sizes.
        scratch: with V.
        length: c, (1,).
        out: U G in its activations; these and the output weights are written.
    """
    zero = step.eta * 0
    inner, outer = select(step.eta, length[0], zero), select(step.eta_output, length[0], zero)
    start, found = network.activations.reshape(-1), out.activations.reshape(-1)
    for i in range(found.size):
        found[i] = start[i] + inner * found[i]
    start, found = network.output.reshape(-1), out.output.reshape(-1)
    slopes = scratch.output.reshape(-1)
    for i in range(found.size):
        found[i] = start[i] + outer * slopes[i]


@compiled(fastmath=FAST_MATH, _nrt=False)
def scale_gradient(scratch: StepBuffers, factor: Array) -> None:
    """Multiply U and V by a factor, (1,)."""
    update, slopes = scratch.update.reshape(-1), scratch.output.reshape(-1)
    for i in range(update.size):
        update[i] *= factor[0]
    for i in range(slopes.size):
        slopes[i] *= factor[0]
