"""Training of the dense network by autograd and torch's optimizers, one step at a time."""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from bocnn.engines.dense.network import Samples, TwoLayerCNN, check_word, training_loss
from bocnn.registry.optimizers import OPTIMIZERS, OptimizerParameters

TRAINED_LAYERS = ("both", "hidden", "output")


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a network is trained.

    `layers` is both, hidden (with its biases) or output; `options` are fields of `OptimizerParameters`, for
    all layers; `batches` gives the samples of each step (all of them if None); `sam_radius` is ρ of
    sharpness-aware minimization; `normalized` divides gradients by their norm; `signs` gives the factors of
    the labels of each step, ±1, (n,).
    """

    eta: float
    layers: str = "both"
    loss: str = "logistic"
    eta_output: float | None = None
    options: dict[str, Any] = field(default_factory=dict)
    batches: Iterator[Tensor] | None = None
    optimizer: str = "sgd"
    sam_radius: float = 0.0
    normalized: bool = False
    signs: Iterator[Tensor] | None = None


def train(network: TwoLayerCNN, data: Samples, recipe: Recipe, steps: int) -> None:
    """Train in place for `steps` steps.

    Args:
        network: trained in place.
        data: the training set.
        recipe: how it is trained.
        steps: gradient steps.
    """
    optimizer = optimizer_of(network, recipe)
    for _ in range(steps):
        step(network, data, recipe, optimizer)


def optimizer_of(network: TwoLayerCNN, recipe: Recipe) -> torch.optim.Optimizer:
    """The optimizer of the layers that are trained, each with its step size.

    Args:
        network: the network.
        recipe: how it is trained: layers, step sizes, optimizer.
    Returns:
        A torch optimizer with one parameter group a trained layer; hidden filters and biases share one.
    Raises:
        ValueError: layers or an optimizer that the recipe names and nothing trains.
    """
    check_word("layers", recipe.layers, TRAINED_LAYERS)
    check_word("optimizer", recipe.optimizer, tuple(OPTIMIZERS))
    eta_output = recipe.eta if recipe.eta_output is None else recipe.eta_output
    hidden = [p for p in (network.hidden, network.bias) if p is not None]
    groups: dict[str, dict[str, Any]] = {
        "hidden": {"params": hidden, "lr": recipe.eta},
        "output": {"params": [network.output], "lr": eta_output},
    }
    trained = [group for name, group in groups.items() if recipe.layers in ("both", name)]
    return OPTIMIZERS[recipe.optimizer](trained, OptimizerParameters(recipe.eta, **recipe.options))


def next_batch(data: Samples, recipe: Recipe) -> Tensor:
    """Indices of the samples of the next step: of a batch, or of the whole training set."""
    return torch.arange(len(data.patches)) if recipe.batches is None else next(recipe.batches)


def step(
    network: TwoLayerCNN,
    data: Samples,
    recipe: Recipe,
    optimizer: torch.optim.Optimizer,
    batch: Tensor | None = None,
) -> None:
    """One step on the whole training set, or on a batch.

    Args:
        network: trained in place.
        data: the training set.
        recipe: how it is trained.
        optimizer: from `optimizer_of`, which keeps its state.
        batch: indices of the step's samples; None takes the recipe's next.
    """
    if batch is None:
        data, batch = relabelled(data, recipe), next_batch(data, recipe)
    if recipe.batches is not None:
        data = _samples_of(data, batch)
    optimizer.zero_grad()
    if recipe.sam_radius == 0 and not recipe.normalized:
        training_loss(network, data, recipe.loss).backward()
    else:
        point = perturbed(network, data, recipe)
        factor = gradient_factor(point, data, recipe)
        for weights, gradient in zip(
            trained_weights(network, recipe), _gradients(point, data, recipe), strict=True
        ):
            weights.grad = factor * gradient
    optimizer.step()


def relabelled(data: Samples, recipe: Recipe) -> Samples:
    """The samples with the labels of the next step."""
    if recipe.signs is None:
        return data
    return Samples(data.patches, data.observed * next(recipe.signs), data.true)


def perturbed(network: TwoLayerCNN, data: Samples, recipe: Recipe) -> TwoLayerCNN:
    """The network where a step takes its gradient: at a distance ρ along the gradient, if there is a ρ.

    Args:
        network: unchanged.
        data: samples of the step, with its labels.
        recipe: how it is trained.
    Source:
        Foret et al. 2021 (arXiv 2010.01412).
    """
    if recipe.sam_radius == 0:
        return network
    gradients = _gradients(network, data, recipe)
    norm, moved = _norm(gradients), deepcopy(network)
    with torch.no_grad():
        for weights, gradient in zip(trained_weights(moved, recipe), gradients, strict=True):
            weights.add_(gradient, alpha=recipe.sam_radius / norm if norm > 0 else 0.0)
    return moved


def gradient_factor(network: TwoLayerCNN, data: Samples, recipe: Recipe) -> float:
    """What a step multiplies the gradient at a network with: 1, or 1 / ‖∇‖, 0 where it is 0."""
    if not recipe.normalized:
        return 1.0
    norm = _norm(_gradients(network, data, recipe))
    return 1 / norm if norm > 0 else 0.0


def trained_weights(network: TwoLayerCNN, recipe: Recipe) -> list[nn.Parameter]:
    """Weights of the layers that are trained."""
    hidden = [p for p in (network.hidden, network.bias) if p is not None]
    layers = {"hidden": hidden, "output": [network.output], "both": [*hidden, network.output]}
    return layers[recipe.layers]


def _samples_of(data: Samples, batch: Tensor) -> Samples:
    """Some of the samples."""
    return Samples(data.patches[batch], data.observed[batch], data.true[batch])


def _gradients(network: TwoLayerCNN, data: Samples, recipe: Recipe) -> tuple[Tensor, ...]:
    """Of the loss by the weights that are trained."""
    loss = training_loss(network, data, recipe.loss)
    return torch.autograd.grad(loss, trained_weights(network, recipe))


def _norm(gradients: tuple[Tensor, ...]) -> float:
    """Of all gradients together."""
    return float(torch.stack([(part**2).sum() for part in gradients]).sum().sqrt())
