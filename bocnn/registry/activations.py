"""Activations φ(a) of the dense network, by the words of the column `activation`."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from torch import Tensor

Activation: TypeAlias = Callable[["Tensor", float], "Tensor"]
"""From pre-activations and `leak`: φ, elementwise."""


def leaky_relu(a: "Tensor", leak: float) -> "Tensor":
    """max(a, 0) + leak · min(a, 0).

    Args:
        a: pre-activations, any shape.
        leak: slope below zero.
    Returns:
        Shape of a.
    """
    from torch.nn.functional import leaky_relu as torch_leaky_relu

    return torch_leaky_relu(a, leak)


def softplus(a: "Tensor", leak: float) -> "Tensor":
    """log(1 + exp(a)).

    Args:
        a: pre-activations, any shape.
        leak: has no effect.
    Returns:
        Shape of a.
    """
    from torch.nn.functional import softplus as torch_softplus

    return torch_softplus(a)


ACTIVATIONS: Final[dict[str, Activation]] = {
    "relu": lambda a, leak: a.relu(),
    "leaky_relu": leaky_relu,
    "sigmoid": lambda a, leak: a.sigmoid(),
    "tanh": lambda a, leak: a.tanh(),
    "softplus": softplus,
    "erf": lambda a, leak: a.erf(),
    "relu2": lambda a, leak: a.relu() ** 2,
    "relu3": lambda a, leak: a.relu() ** 3,
}
