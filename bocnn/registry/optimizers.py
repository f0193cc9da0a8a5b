"""Optimizers of the dense network, by the words of the column `optimizer`.

They are those of torch.optim, with its meaning of every option. Weight decay is a term of the gradient
(L2), but for `adamw`, which shrinks the weights apart from it.
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
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8


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


def adam(groups: list[dict[str, Any]], parameters: OptimizerParameters) -> "Optimizer":
    """Adam; weight decay is a term of the gradient.

    Args:
        groups: as for `sgd`.
        parameters: step size, β₁, β₂, ε and weight decay.
    Source:
        Kingma & Ba 2015 (arXiv 1412.6980).
    """
    from torch.optim import Adam

    return Adam(groups, **_adam_options(parameters))


def adamw(groups: list[dict[str, Any]], parameters: OptimizerParameters) -> "Optimizer":
    """Adam with a weight decay of its own: w ← (1 − ηλ) w before each step.

    Args:
        groups: as for `sgd`.
        parameters: as for `adam`.
    Source:
        Loshchilov & Hutter 2019 (arXiv 1711.05101).
    """
    from torch.optim import AdamW

    return AdamW(groups, **_adam_options(parameters))


def _adam_options(parameters: OptimizerParameters) -> dict[str, Any]:
    """Options by torch's names."""
    return {
        "lr": parameters.eta,
        "betas": (parameters.beta1, parameters.beta2),
        "eps": parameters.epsilon,
        "weight_decay": parameters.weight_decay,
    }


def rmsprop(groups: list[dict[str, Any]], parameters: OptimizerParameters) -> "Optimizer":
    """RMSprop, not centred; torch's α is β₂ here.

    Args:
        groups: as for `sgd`.
        parameters: step size, β₂, ε, momentum and weight decay.
    Source:
        Hinton 2012, "Neural networks for machine learning", lecture 6.
    """
    from torch.optim import RMSprop

    return RMSprop(
        groups,
        lr=parameters.eta,
        alpha=parameters.beta2,
        eps=parameters.epsilon,
        momentum=parameters.momentum,
        weight_decay=parameters.weight_decay,
    )


def sign(groups: list[dict[str, Any]], parameters: OptimizerParameters) -> "Optimizer":
    """Sign descent: w ← w − η sgn(∂L/∂w + λw); a gradient of 0 moves nothing.

    Args:
        groups: as for `sgd`.
        parameters: step size and weight decay λ.
    Source:
        Bernstein et al. 2018 (arXiv 1802.04434), signSGD.
    """
    from torch.optim import SGD

    optimizer = SGD(groups, lr=parameters.eta)

    def take_signs(*_: Any) -> None:
        """Put signs for the gradients."""
        for group in optimizer.param_groups:
            for weights in group["params"]:
                weights.grad.add_(weights.detach(), alpha=parameters.weight_decay).sign_()

    optimizer.register_step_pre_hook(take_signs)
    return optimizer


OPTIMIZERS: Final[dict[str, MakeOptimizer]] = {
    "sgd": sgd,
    "adam": adam,
    "adamw": adamw,
    "rmsprop": rmsprop,
    "sign": sign,
}

IN_SPAN: Final = frozenset({"sgd"})
"""Those whose steps are combinations of gradients and weights, with the same factors in every coordinate.

Filters then stay in the span of their start and the patches, so that their signal and noise coefficients
can be recorded; of the others they are null.
"""
