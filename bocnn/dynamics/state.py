"""Records of training on the Gram matrix: training set, network, step. Notation: `gram_step`."""

from typing import Any, NamedTuple

from bocnn.arrays import Array, Ints
from bocnn.simd.compiler.compiled import compiled


class TrainingSet(NamedTuple):
    """A training set: inner products of its points, and which sample holds which.

    gram: G, (P, P). shared: (S, n), how often sample i holds point c, for the first S points: 0 or 1, or
    any number where samples differ in strength; of the others each position has one for every sample, in
    their order. observed: y, (n,). starts: (Q + 1,), the points of position p are starts[p]..starts[p+1].
    blocks: G is zero outside the diagonal blocks between these points.
    """

    gram: Array
    shared: Array
    observed: Array
    starts: Ints
    blocks: Ints


class Network(NamedTuple):
    """A network in the span; training changes it in place. K = 2m filters, rounded up to fours.

    activations: A, (K, P). initial: A at the start, (K, P). output: v, (Q, K). signs: j, (K,), plain
    floats, 0 for the filters that round up. coefficients: B, (K, P). scale: α, (1,).
    """

    activations: Array
    initial: Array
    output: Array
    signs: Array
    coefficients: Array
    scale: Array


class Velocity(NamedTuple):
    """Momentum's memory of B, v and α, zero at the start; shapes as in Network."""

    coefficients: Array
    output: Array
    scale: Array


class StepType(NamedTuple):
    """Parameters that all runs of a batch share: codes of activation and loss, and the kind of momentum."""

    activation: int
    leak: float
    loss: int
    nesterov: bool


class StepParameters(NamedTuple):
    """A step of training: its type, and its sizes as elements of the arrays' type.

    eta, eta_output: step sizes, 0 where a layer is kept. momentum, decay: as in torch.optim.SGD.
    leak: slope below zero of a rectifier, 0 for ReLU.
    """

    step_type: StepType
    eta: Any
    eta_output: Any
    momentum: Any
    decay: Any
    leak: Any


class StepBuffers(NamedTuple):
    """Working memory of a step.

    phi: φ(A), (K, P). update: of B, (K, P). output: of v, (Q, K). scale: of α, (1,). point_gradients: γ_c,
    (P,); in the forward pass each point's share of the outputs. slope: g_i of each sample, (n,).
    """

    phi: Array
    update: Array
    output: Array
    scale: Array
    point_gradients: Array
    slope: Array


@compiled(_nrt=False)
def is_finite(network: Network) -> bool:
    """Whether every number of one run's network is finite."""
    check = _difference(network.activations) + _difference(network.output)
    return bool(check + _difference(network.coefficients) == 0)


@compiled(fastmath={"contract", "reassoc"}, _nrt=False)
def _difference(numbers: Array) -> float:
    """Sum of the differences of numbers and themselves: 0 where all are finite, else NaN."""
    flat = numbers.reshape(-1)
    total = flat[0] - flat[0]
    for i in range(1, flat.size):
        total += flat[i] - flat[i]
    return total
