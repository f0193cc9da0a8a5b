"""Optimizers of the dense network, by the words of the column `optimizer`.

The dataset has no such column while there is one optimizer: what is not given is `sgd`.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from torch.optim import Optimizer


class OptimizerParameters(NamedTuple):
    """Parameters of a run that are the optimizer's."""

    eta: float
    momentum: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0


MakeOptimizer: TypeAlias = Callable[[list[dict[str, Any]], OptimizerParameters], "Optimizer"]
"""From parameter groups, each with its step size `lr`, and the parameters."""


def sgd(groups: list[dict[str, Any]], parameters: OptimizerParameters) -> "Optimizer":
    """Gradient descent, on the whole training set or on batches, with momentum and weight decay.

    Args:
        groups: parameter groups of torch, one a layer, each with its step size.
        parameters: step size, momentum and weight decay.
    """
    from torch.optim import SGD

    return SGD(
        groups,
        lr=parameters.eta,
        momentum=parameters.momentum,
        nesterov=parameters.nesterov,
        weight_decay=parameters.weight_decay,
    )


OPTIMIZERS: Final[dict[str, MakeOptimizer]] = {"sgd": sgd}

IN_SPAN: Final = frozenset({"sgd"})
"""Those whose steps are combinations of gradients and weights, with the same factors in every coordinate.

Filters then stay in the span of their start and the patches, so that their signal and noise coefficients
can be recorded; of the others they are null.
"""
