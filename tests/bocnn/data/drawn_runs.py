"""Runs as the engine draws them, and as networks of tensors that share with the engine its draws alone."""

from typing import Any, NamedTuple

import numpy as np
import torch

from bocnn import MODEL
from bocnn.data.draws import Seed
from bocnn.data.geometry import draw_geometry
from bocnn.data.model import DataParameters, Geometry
from bocnn.data.network import draw_network
from bocnn.data.training_set import draw_training_set
from bocnn.dynamics.state import Network, TrainingSet
from bocnn.engines.cpu.runs import data_parameters_of
from bocnn.engines.dense import network as dense
from bocnn.engines.dense.training import Recipe, optimizer_of, step
from bocnn.engines.packing import pack_runs
from bocnn.engines.registry import GRAM_CPU
from bocnn.measure.trajectory import TrajectoryPoint
from tests.bocnn.arenas import workspace
from tests.bocnn.run_columns import columns


class Drawn(NamedTuple):
    """A run before training, by the engine's own functions."""

    parameters: DataParameters
    geometry: Geometry
    training_set: TrainingSet
    network: Network


class Tensors(NamedTuple):
    """The same run in d dimensions, or in the coordinates that stand for them."""

    data: dense.Samples
    centres: torch.Tensor
    network: dense.TwoLayerCNN


def drawn_run(**given: Any) -> Drawn:
    """The first replicate of a cell."""
    runs = pack_runs(MODEL.canonical(columns(1, **given)), np.arange(1))
    parameters, memory = data_parameters_of(runs, 0), workspace()
    seed = Seed(runs.key0[0], runs.key1[0], runs.replicate[0])
    geometry = draw_geometry(parameters, seed, memory)
    return Drawn(
        parameters,
        geometry,
        draw_training_set(parameters, geometry, seed, np.float64, memory),
        draw_network(parameters, geometry, seed, np.float64, memory),
    )


def as_tensors(drawn: Drawn, activation: str = "relu") -> Tensors:
    """The training set and the network at the start."""
    geometry, training_set, m = drawn.geometry, drawn.training_set, drawn.geometry.m
    points = torch.tensor(geometry.points[:, : geometry.widths.size].T.copy())
    count, n = geometry.labels.size, training_set.observed.size
    centre = training_set.shared.argmax(axis=0)
    noise = points[count:].reshape(-1, n, points.shape[1])
    held = training_set.shared.max(axis=0) ** (1 / drawn.parameters.strengths.power)
    signal = torch.tensor(held)[:, None] * points[:count][centre]
    patches = torch.stack([signal, *noise], dim=1)
    observed, true = (
        torch.tensor(np.array(y)) for y in (training_set.observed, geometry.labels[centre])
    )
    network = dense.TwoLayerCNN(
        torch.tensor(geometry.filters[:, : 2 * m].T.copy()).reshape(2, m, -1),
        torch.tensor(drawn.network.output[:, : 2 * m].T.copy()).reshape(2, m, -1),
        activation=activation,
    )
    return Tensors(dense.Samples(patches, observed, true), points[:count], network)


@torch.no_grad()
def measured(run: Tensors) -> dict[str, float]:
    """`dense.measure` with the largest numbers of all noise patches."""
    network, data = run.network, run.data
    inner = torch.einsum("jrd,ipd->ijrp", network.hidden, data.patches[:, 1:])
    own = inner[torch.arange(len(inner)), (data.observed < 0).long()]
    largest = {"max_w_xi": float(own.max()), "max_v2": float(network.output[..., 1:].max())}
    return dense.measure(network, data, run.centres) | largest


def assert_steps_are_the_tensors(kind: dict[str, Any], steps: int = 30) -> Tensors:
    """Whether the engine is where the tensors are after every step; the tensors at the end."""
    given = {"precision": "float64", "n_test": 10, "steps": steps} | kind
    recorded = GRAM_CPU.record(MODEL.canonical(columns(1, **given)), np.arange(steps))
    run = as_tensors(drawn_run(**given), given.get("activation", "relu"))
    recipe = Recipe(given.get("eta", 0.05), given.get("train", "both"))
    optimizer = optimizer_of(run.network, recipe)
    assert recorded.lengths[0] == steps + 1
    for t in range(steps + 1):
        expected = measured(run)
        for name in expected:
            found = recorded.trajectory[0, t, TrajectoryPoint._fields.index(name)]
            np.testing.assert_allclose(found, expected[name], rtol=1e-9, atol=1e-12, err_msg=name)
        if t < steps:
            step(run.network, run.data, recipe, optimizer)
    return run
