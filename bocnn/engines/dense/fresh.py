"""Errors of a trained network on fresh samples, by drawn noise patches.

Gaussian noise has the same law in every basis. On filters that were trained in d dimensions it is drawn in
an orthonormal basis of what they and the signal span, so that nothing of size d is drawn.
"""

import numpy as np
import torch
from torch import Tensor

from bocnn.arrays import Array
from bocnn.data.data_model import DataModel, Row
from bocnn.data.draws import Seed
from bocnn.engines.dense.network import TwoLayerCNN


@torch.no_grad()
def errors_by_class(
    network: TwoLayerCNN, model: DataModel, row: Row, seed: Seed, basis: Tensor
) -> Array:
    """Share of the centres of either class that each fresh noise patch misleads.

    Args:
        network: trained; unchanged.
        model: the run's.
        row: its parameters.
        seed: its.
        basis: signal directions in the network's coordinates, shape (directions, D).
    Returns:
        Of classes +1 and −1, shape (n_test, 2).
    """
    hidden = network.hidden.detach()
    if model.has_gram:
        hidden, basis = _in_few_coordinates(hidden, basis)
    fresh = model.fresh(row, seed, basis.double().numpy())
    noise = torch.tensor(fresh, dtype=hidden.dtype)
    on_noise = _inner(network, hidden, noise)
    on_centres = _inner(network, hidden, _centres(model, row, basis))
    # f is a sum over the patches; an empty patch stands in for the other one.
    zero = _inner(network, hidden, torch.zeros_like(noise[:1]))
    first = network.output_of(torch.stack([on_centres, zero.expand_as(on_centres)], dim=3))
    second = network.output_of(torch.stack([zero.expand_as(on_noise), on_noise], dim=3))
    blank = network.output_of(torch.stack([zero, zero], dim=3))
    margins = (first[:, None] + second - blank).double().numpy() * model.classes()[:, None]
    wrong = 0.5 - 0.5 * np.sign(margins)
    half = len(wrong) // 2
    return np.stack([wrong[:half].mean(axis=0), wrong[half:].mean(axis=0)], axis=1)


def _centres(model: DataModel, row: Row, basis: Tensor) -> Tensor:
    """Signal patches in the coordinates of a basis, shape (C, D)."""
    centres = [float(row["mu_norm"]) * sign * basis[k] for _, k, sign in model.signals.centres]
    return torch.stack(centres)


def _inner(network: TwoLayerCNN, hidden: Tensor, patches: Tensor) -> Tensor:
    """Pre-activations of patches (count, D) by filters (2, m, D), shape (count, 2, m)."""
    inner = torch.einsum("jrd,id->ijr", hidden, patches)
    return inner if network.bias is None else inner + network.bias


def _in_few_coordinates(hidden: Tensor, basis: Tensor) -> tuple[Tensor, Tensor]:
    """Filters (2, m, D) and signal directions in a basis of what they span, the latter first.

    Where they span all D coordinates, or D is small, they stay as they are.
    """
    filters = hidden.shape[0] * hidden.shape[1]
    if len(basis) + filters >= basis.shape[1]:
        return hidden, basis
    rows, directions = hidden.reshape(filters, -1).double(), basis.double()
    along = rows @ directions.T
    across = rows - along @ directions
    values, vectors = torch.linalg.eigh(across @ across.T)
    root = vectors * values.clamp(min=0.0).sqrt()
    few = torch.cat([along, root], dim=1).to(hidden.dtype)
    return few.reshape(*hidden.shape[:2], -1), torch.eye(len(basis), few.shape[1]).to(basis.dtype)
