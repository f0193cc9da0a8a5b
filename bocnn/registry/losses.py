"""Losses ℓ(f, y) of the dense network, by the words of the column `loss`."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from torch import Tensor

Loss: TypeAlias = Callable[["Tensor", "Tensor"], "Tensor"]
"""From outputs f and observed labels y, (n,) each: the losses of the samples, (n,)."""


def logistic(output: "Tensor", observed: "Tensor") -> "Tensor":
    """log(1 + exp(−y f)).

    Args:
        output: f, shape (n,).
        observed: labels y = ±1, shape (n,).
    Returns:
        Loss of each sample, shape (n,).
    """
    from torch.nn.functional import softplus

    return softplus(-observed * output)


def square(output: "Tensor", observed: "Tensor") -> "Tensor":
    """(f − y)² / 2.

    Args:
        output: f, shape (n,).
        observed: labels y = ±1, shape (n,).
    Returns:
        Loss of each sample, shape (n,).
    """
    return 0.5 * (output - observed) ** 2


def hinge(output: "Tensor", observed: "Tensor") -> "Tensor":
    """max(1 − y f, 0), with slope 0 at y f = 1.

    Args:
        output: f, shape (n,).
        observed: labels y = ±1, shape (n,).
    Returns:
        Loss of each sample, shape (n,).
    """
    return (1 - observed * output).relu()


def exponential(output: "Tensor", observed: "Tensor") -> "Tensor":
    """exp(−y f).

    Args:
        output: f, shape (n,).
        observed: labels y = ±1, shape (n,).
    Returns:
        Loss of each sample, shape (n,).
    """
    return (-observed * output).exp()


LOSSES: Final[dict[str, Loss]] = {
    "logistic": logistic,
    "square": square,
    "hinge": hinge,
    "exponential": exponential,
}
