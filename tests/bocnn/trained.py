"""A problem trained both as tensors and on the Gram matrix, with what measuring it needs."""

from typing import NamedTuple

import numpy as np
import torch

from bocnn.data.laws import Geometry, Law, trained_filters
from bocnn.dense import network as dense
from bocnn.dynamics.gram_step import Kind
from bocnn.measure.fresh_output import Fresh, fresh_samples
from bocnn.measure.measures import Run
from tests.bocnn.paired import Pair, Problem, make_pair
from tests.bocnn.rooms import memory, zeros
from tests.bocnn.training import Training, rule


class Trained(NamedTuple):
    """A pair trained in both ways, with the geometry that the engine would have."""

    pair: Pair
    kind: Kind
    law: Law
    geometry: Geometry
    output: np.ndarray

    @property
    def filters(self) -> np.ndarray:
        """The engine's trained filters in the geometry, as it pads them."""
        return trained_filters(self.geometry, self.pair.network, memory())

    @property
    def fresh(self) -> Fresh:
        """The law of its outputs on fresh samples."""
        return fresh_samples(
            self.law, self.geometry, (self.filters, self.pair.network), self.kind, memory()
        )

    @property
    def run(self) -> Run:
        """The engine's run."""
        return Run(
            self.law,
            self.kind,
            self.geometry,
            self.pair.points,
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
    return Geometry(columns(points), columns(filters), widths, labels, signals, problem.m)


def columns(vectors: np.ndarray) -> np.ndarray:
    """Vectors as the columns of a matrix that the engine takes."""
    matrix = zeros(vectors.shape[1], vectors.shape[0])
    matrix[: vectors.shape[1], : vectors.shape[0]] = vectors.T
    return matrix


def trained(problem: Problem, decay: float = 0.0) -> Trained:
    """A problem trained for 60 steps in both ways."""
    pair = make_pair(problem)
    how = rule(eta=0.02, eta_output=0.02, activation=problem.activation, decay=decay)
    training = Training(pair.points, pair.network, how, wide=True)
    training.until(60)
    pair = pair._replace(network=training.network)
    dense.train(pair.dense, pair.data, dense.Recipe(0.02, options={"weight_decay": decay}), 60)
    law = Law(
        int(problem.law == "xor"),
        problem.n,
        problem.d,
        problem.m,
        problem.mu_norm,
        1.2,
        0.05,
        problem.v0,
        problem.p_flip,
        problem.isotropic,
        problem.bias,
        0,
    )
    return Trained(pair, how.kind, law, geometry_of(pair), training.output)
