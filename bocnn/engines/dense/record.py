"""The trajectory of a dense run: the columns of `bocnn.measure.trajectory`, by autograd.

A filter in training is w = α w(0) + Σ B[i, p] x_{i,p} over the patches p of the samples i. The gradient of
the loss by B[i, p] is that by the pre-activation ⟨w, x_{i,p}⟩, and an optimizer whose steps are the same in
every coordinate moves B as it moves w. So B is a tensor of its own, which a copy of the run's optimizer
moves; γ and ρ follow from it by their definitions.
"""

import math

import torch
from torch import Tensor, nn

from bocnn.engines.dense.network import Samples, TwoLayerCNN
from bocnn.engines.dense.training import Recipe, gradient_factor, perturbed
from bocnn.measure.measures import Measures
from bocnn.measure.trajectory import TrajectoryPoint
from bocnn.registry.losses import LOSSES
from bocnn.registry.optimizers import IN_SPAN, OPTIMIZERS, OptimizerParameters


class Coefficients:
    """B of every filter, (2, m, n, Q): zero at the start, and moved by `step`."""

    def __init__(self, network: TwoLayerCNN, data: Samples, recipe: Recipe) -> None:
        """Coefficients of filters at the start.

        Args:
            network: at the start.
            data: its training set.
            recipe: how it is trained.
        """
        shape = (*network.hidden.shape[:2], *data.patches.shape[:2])
        self.values = nn.Parameter(torch.zeros(shape, dtype=data.patches.dtype))
        self.known = recipe.optimizer in IN_SPAN
        """Whether the optimizer keeps the filters in the span of the patches."""
        self._moved = self.known and recipe.layers != "output"
        self._recipe = recipe
        parameters = OptimizerParameters(recipe.eta, **recipe.options)
        group = {"params": [self.values], "lr": recipe.eta}
        self._optimizer = OPTIMIZERS[recipe.optimizer]([group], parameters)

    def step(self, network: TwoLayerCNN, data: Samples, batch: Tensor) -> None:
        """Move as the next step moves the filters; called before it.

        Args:
            network: before the step.
            data: the training set.
            batch: indices of the step's samples.
        """
        if not self._moved:
            return
        samples = Samples(data.patches[batch], data.observed[batch], data.true[batch])
        network = perturbed(network, samples, self._recipe)
        inner = network.preactivations(samples.patches).detach().requires_grad_()
        loss = LOSSES[self._recipe.loss](network.output_of(inner), samples.observed).mean()
        (gradient,) = torch.autograd.grad(loss, inner)
        self.values.grad = torch.zeros_like(self.values)
        factor = gradient_factor(network, samples, self._recipe)
        self.values.grad[:, :, batch] = factor * gradient.permute(1, 2, 0, 3)
        self._optimizer.step()

    @torch.no_grad()
    def signal(self, data: Samples, centres: Tensor) -> Tensor:
        """γ_{j,r}: the change along the class's own centre, its size where the class has two.

        Args:
            data: the training set.
            centres: (C, d), class +1 first.
        Returns:
            Shape (2, m); NaN where the optimizer leaves the span.
        """
        half = len(centres) // 2
        change = torch.einsum("jri,id->jrd", self.values[..., 0], data.patches[:, 0])
        along = torch.einsum("jrd,jd->jr", change, centres[[0, half]])
        return self._where_known(along if half == 1 else along.abs())

    @torch.no_grad()
    def noise(self, data: Samples) -> Tensor:
        """ρ_{j,r,i}, shape (2, m, n); NaN where the optimizer leaves the span."""
        return self._where_known(self.values[..., 1] * (data.patches[:, 1] ** 2).sum(dim=1))

    def _where_known(self, values: Tensor) -> Tensor:
        return values if self.known else torch.full_like(values, math.nan)


def trajectory_point(
    network: TwoLayerCNN,
    data: Samples,
    row: Measures,
    loss: str,
    coefficients: tuple[Tensor, Tensor],
) -> TrajectoryPoint:
    """The trajectory's columns of a run at its present step.

    Args:
        network: unchanged.
        data: the training set.
        row: the measures at this step.
        loss: a word of LOSSES.
        coefficients: γ, (2, m), and ρ, (2, m, n).
    """
    gamma, rho = coefficients
    slopes = _slope_sizes(network, data, loss)
    shared = {name: getattr(row, name) for name in TrajectoryPoint._fields if hasattr(row, name)}
    return TrajectoryPoint(
        **shared,
        step=row.steps_run,
        noise_ratio=row.max_w_xi / row.max_v2 if row.max_v2 > 0.0 else math.nan,
        gamma_max=float(gamma.max()),
        rho_max=float(rho.max()),
        gamma_over_rho=_largest_ratio(gamma, rho),
        slope_min=float(slopes.min()),
        slope_max=float(slopes.max()),
    )


def missing_point(step: int) -> TrajectoryPoint:
    """The record of a run that has left the finite numbers."""
    nulls = TrajectoryPoint(*(math.nan,) * len(TrajectoryPoint._fields))
    return nulls._replace(step=float(step))


def _slope_sizes(network: TwoLayerCNN, data: Samples, loss: str) -> Tensor:
    """|ℓ′_i| of each sample, shape (n,)."""
    output = network(data.patches).detach().requires_grad_()
    (slopes,) = torch.autograd.grad(LOSSES[loss](output, data.observed).sum(), output)
    return slopes.abs()


def _largest_ratio(gamma: Tensor, rho: Tensor) -> float:
    """Largest γ / Σ_i max(ρ_i, 0) of the filters with a positive ρ; NaN where there is none."""
    memorized = rho.clamp(min=0.0).sum(dim=2)
    ratios = (gamma / memorized)[memorized > 0.0]
    largest = float(ratios.max()) if len(ratios) else math.nan
    return largest if math.isfinite(largest) else math.nan
