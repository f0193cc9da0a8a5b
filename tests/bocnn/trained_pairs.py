"""A problem trained both as tensors and on the Gram matrix, with what measuring it needs."""

from typing import NamedTuple

import numpy as np
import torch

from bocnn.data.geometry import trained_filters
from bocnn.data.model import DataParameters, Geometry
from bocnn.data.records import Flips
from bocnn.dynamics.state import StepType
from bocnn.engines.dense import training as dense_training
from bocnn.measure.fresh_output import FreshOutput, fresh_output
from bocnn.measure.run_state import RunState
from tests.bocnn.arenas import arena, padded_zeros
from tests.bocnn.dense_pairs import Pair, Problem, make_pair
from tests.bocnn.lane_training import Training, make_rule


class Trained(NamedTuple):
    """A pair trained in both ways, with the geometry that the engine would have."""

    pair: Pair
    step_type: StepType
    parameters: DataParameters
    geometry: Geometry
    output: np.ndarray

    @property
    def filters(self) -> np.ndarray:
        """The engine's trained filters in the geometry, as it pads them."""
        return trained_filters(self.geometry, self.pair.network, arena())

    @property
    def fresh(self) -> FreshOutput:
        """The law of its outputs on fresh samples."""
        return fresh_output(self.run, self.filters, arena())

    @property
    def run(self) -> RunState:
        """The engine's run."""
        return RunState(
            self.parameters,
            self.step_type,
            self.geometry,
            self.pair.training_set,
            self.pair.network,
            self.output,
        )


def geometry_of(pair: Pair) -> Geometry:
    """The coordinates in the basis of the centres, the bias, and whatever else d has."""
    problem, count = pair.problem, len(pair.centres)
    signals = count // 2
    basis = torch.linalg.qr(
        torch.cat(
            [
                pair.centres[:: 2 if signals == 2 else 1][:signals].T,
                torch.eye(problem.d, dtype=torch.float64),
            ],
            dim=1,
        )
    ).Q.numpy()
    points = pair.vectors.numpy() @ basis
    start = make_pair(problem).dense
    filters = start.hidden.detach().numpy().reshape(2 * problem.m, -1) @ basis
    if problem.bias:
        points = np.insert(points, signals, 1.0, axis=1)
        filters = np.insert(filters, signals, start.bias.detach().numpy().reshape(-1), axis=1)
    widths = np.full(len(points), points.shape[1])
    widths[:count] = signals + int(problem.bias)
    labels = np.repeat([1.0, -1.0], signals)
    return Geometry(
        columns(points), columns(filters), widths, labels, signals, problem.m, np.zeros(0)
    )


def columns(vectors: np.ndarray) -> np.ndarray:
    """Vectors as the columns of a matrix that the engine takes."""
    matrix = padded_zeros(vectors.shape[1], vectors.shape[0])
    matrix[: vectors.shape[1], : vectors.shape[0]] = vectors.T
    return matrix


def trained(problem: Problem, decay: float = 0.0) -> Trained:
    """A problem trained for 60 steps in both ways."""
    pair = make_pair(problem)
    rule = make_rule(eta=0.02, eta_output=0.02, activation=problem.activation, decay=decay)
    training = Training(pair.training_set, pair.network, rule, wide=True)
    training.until(60)
    pair = pair._replace(network=training.network)
    dense_training.train(
        pair.dense, pair.data, dense_training.Recipe(0.02, options={"weight_decay": decay}), 60
    )
    parameters = DataParameters(
        int(problem.data == "xor"),
        problem.n,
        problem.d,
        problem.m,
        problem.mu_norm,
        1.2,
        0.05,
        problem.v0,
        Flips(problem.p_flip, problem.p_flip, False),
        problem.isotropic,
        problem.bias,
        0,
    )
    return Trained(pair, rule.step_type, parameters, geometry_of(pair), training.output)
