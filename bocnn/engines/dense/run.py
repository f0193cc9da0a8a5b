"""A run on the dense network from draws to measures, for runs as the model gives them."""

import math
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bocnn.arrays import Array
from bocnn.data.data_model import DataModel, Row, data_model_of
from bocnn.data.draws import BIAS, Seed, draw_order, draw_step_uniforms
from bocnn.data.sampler import FILTER, QuantitySampler
from bocnn.engines.coordinates.draw import draw_output_weights
from bocnn.engines.cpu.stages import DIVERGED, OK, UNCONVERGED, workspace_bytes
from bocnn.engines.dense.fresh import errors_by_class
from bocnn.engines.dense.network import Samples, TwoLayerCNN, error, measure, training_loss
from bocnn.engines.dense.record import Coefficients, missing_point, trajectory_point
from bocnn.engines.dense.training import Recipe, next_batch, optimizer_of, relabelled, step
from bocnn.measure.measures import Measures
from bocnn.measure.trajectory import TrajectoryPoint
from bocnn.parameters.invariance import is_rotation_invariant
from bocnn.parameters.precision import needs_double
from bocnn.simd.arena import Workspace, new_arena

_NULLS = Measures(*(math.nan,) * len(Measures._fields))


class DenseRun(NamedTuple):
    """A run before training.

    data: the training set. centres: signal patches, (C, D), class +1 first. basis: signal directions,
    (S, D).
    """

    data: Samples
    centres: Tensor
    basis: Tensor
    network: TwoLayerCNN
    model: DataModel


class TrainedRow(NamedTuple):
    """How a run ended: index of its status, its measures (NaN where it diverged), and its records."""

    status: int
    measures: Measures
    records: list[TrajectoryPoint]


class _Stop(NamedTuple):
    """A step at which a run is looked at: how many were taken; whether the run is fitted."""

    step: int
    reached: bool


def train_rows(
    columns: Mapping[str, NDArray[Any]], steps: Collection[int] | None = None
) -> Iterator[TrainedRow]:
    """Train and measure runs, one after the other.

    Args:
        columns: canonical, with the words `key0` and `key1` of the runs' keys.
        steps: at which to record, beside the one at which training ended; None records nothing.
    """
    doubles = needs_double(columns)
    names = list(columns)
    rows = zip(*(columns[name].tolist() for name in names), strict=True)
    for values, double in zip(rows, doubles, strict=True):
        dtype = torch.float64 if double else torch.float32
        with _one_thread():
            yield train_row(dict(zip(names, values, strict=True)), dtype, steps=steps)


def train_row(row: Row, dtype: torch.dtype, *, steps: Collection[int] | None = None) -> TrainedRow:
    """Train and measure one run.

    Args:
        row: canonical parameters, `key0`, `key1` and `replicate`.
        dtype: in which it is trained.
        steps: as for `train_rows`.
    """
    seed = Seed(*(np.uint64(row[name]) for name in ("key0", "key1", "replicate")))
    run, recipe = draw_run(row, seed, dtype), _recipe(row, seed)
    coefficients = None if steps is None else Coefficients(run.network, run.data, recipe)
    status, measures, records = DIVERGED, _NULLS, []
    for stop in _train(run, row, recipe, coefficients, frozenset(steps or ())):
        measures = _measure(run, row, seed, stop.step)
        if measures is _NULLS:
            status = DIVERGED
        else:
            never = math.isnan(row["loss_tol"]) and math.isnan(row["error_tol"])
            status = OK if stop.reached or never else UNCONVERGED
        if coefficients is not None:
            records.append(_record(run, recipe, coefficients, measures, stop.step))
        if status == DIVERGED:
            break
    return TrainedRow(status, measures, records)


def draw_run(row: Row, seed: Seed, dtype: torch.dtype) -> DenseRun:
    """A run's training set and network at the start.

    Args:
        row: parameters of the run.
        seed: of the run.
        dtype: of every tensor.
    """
    model, m = data_model_of(row), int(row["m"])
    noise, filters = _draw_vectors(model, row, seed)
    support = 1 if _is_drawn_in_span(model, row) else int(row["mu_support"])
    basis = model.signals.basis(noise.shape[1], support)
    centres = model.centres(float(row["mu_norm"]), noise.shape[1], support)
    labels = model.draw_labels(row, seed)
    patches = np.stack([centres[labels.centre], noise], axis=1)
    bias = None
    if row["bias"] == "trained":
        bias = _tensor(row["sigma_0"] * _normals(seed, BIAS, (2 * m, 1)), dtype).reshape(2, m)
    network = TwoLayerCNN(
        _tensor(filters, dtype).reshape(2, m, -1),
        _tensor(draw_output_weights(row, seed), dtype).T.reshape(2, m, 2),
        bias=bias,
        activation=row["activation"],
        leak=float(row["leak"]),
    )
    data = Samples(*(_tensor(part, dtype) for part in (patches, labels.observed, labels.true)))
    return DenseRun(data, _tensor(centres, dtype), _tensor(basis, dtype), network, model)


def _draw_vectors(model: DataModel, row: Row, seed: Seed) -> tuple[Array, Array]:
    """Noise patches (n, D) and filters (2m, D): in the coordinates that the run spans, or in all d."""
    n, filters = int(row["n"]), 2 * int(row["m"])
    if not _is_drawn_in_span(model, row):
        weights = row["sigma_0"] * _normals(seed, FILTER, (filters, int(row["d"])))
        return model.draw(row, seed), weights
    # Held until the vectors are copied: they are in its memory.
    workspace = Workspace(*(new_arena(1, size) for size in workspace_bytes(n, int(row["m"]), 0)))
    geometry = model.gram(row, seed, workspace)
    # The constant of a bias is a coordinate of its own there; here the bias is a parameter.
    kept = np.ones(len(geometry.points), dtype=bool)
    kept[geometry.signals : geometry.widths[0]] = False
    count = geometry.labels.size
    return geometry.points[kept, count : count + n].T, geometry.filters[kept, :filters].T


def _is_drawn_in_span(model: DataModel, row: Row) -> bool:
    """Whether a run's vectors are drawn in the coordinates that it spans."""
    words = {name: np.array([row[name]], object) for name in ("noise", "optimizer", "train")}
    return model.has_gram and bool(is_rotation_invariant(words)[0])


def _recipe(row: Row, seed: Seed) -> Recipe:
    """How a run is trained."""
    eta_output = row["eta"] if math.isnan(row["eta_output"]) else row["eta_output"]
    return Recipe(
        float(row["eta"]),
        row["train"],
        row["loss"],
        float(eta_output),
        {
            "momentum": float(row["momentum"]),
            "nesterov": row["momentum_rule"] == "nesterov",
            **{name: float(row[name]) for name in ("weight_decay", "beta1", "beta2", "epsilon")},
        },
        _batches(int(row["n"]), int(row["batch"]), seed) if row["batch"] else None,
        row["optimizer"],
        float(row["sam_radius"]),
        row["gradient"] == "normalized",
        _signs(int(row["n"]), float(row["label_noise"]), seed) if row["label_noise"] > 0 else None,
    )


def _train(
    run: DenseRun,
    row: Row,
    recipe: Recipe,
    coefficients: Coefficients | None,
    steps: Collection[int],
) -> Iterator[_Stop]:
    """Train in place; stops at each of `steps`, and where training has ended."""
    optimizer = optimizer_of(run.network, recipe)
    for taken in range(int(row["steps"]) + 1):
        loss = float(training_loss(run.network, run.data, recipe.loss).detach())
        reached = loss <= row["loss_tol"] or _is_fitted(run, row)
        ended = reached or taken == int(row["steps"]) or not math.isfinite(loss)
        if ended or taken in steps:
            yield _Stop(taken, reached)
        if ended:
            return
        data, batch = relabelled(run.data, recipe), next_batch(run.data, recipe)
        if coefficients is not None:
            coefficients.step(run.network, data, batch)
        step(run.network, data, recipe, optimizer, batch)


def _is_fitted(run: DenseRun, row: Row) -> bool:
    """Whether the training error is at `error_tol`."""
    if math.isnan(row["error_tol"]):
        return False
    return error(run.network, run.data.patches, run.data.observed) <= float(row["error_tol"])


def _record(
    run: DenseRun, recipe: Recipe, coefficients: Coefficients, measures: Measures, taken: int
) -> TrajectoryPoint:
    """The trajectory's columns of a run at its present step: nulls where its measures are."""
    if measures is _NULLS:
        return missing_point(taken)
    parts = coefficients.signal(run.data, run.centres), coefficients.noise(run.data)
    return trajectory_point(run.network, run.data, measures, recipe.loss, parts)


def _signs(n: int, chance: float, seed: Seed) -> Iterator[Tensor]:
    """−1 where a step flips a label, else 1, as the gram engine draws it."""
    uniforms = np.empty(n)
    for t in count():
        draw_step_uniforms(seed, t, uniforms)
        yield torch.tensor(np.where(uniforms < chance, -1.0, 1.0))


def _batches(n: int, size: int, seed: Seed) -> Iterator[Tensor]:
    """The samples of each step: a new order in each epoch, as the gram engine draws it."""
    order, epoch = np.zeros(n, np.int64), 0
    while True:
        draw_order(seed, epoch, order)
        for first in range(0, n, size):
            yield torch.from_numpy(order[first : first + size].copy())
        epoch += 1


@torch.no_grad()
def _measure(run: DenseRun, row: Row, seed: Seed, steps: int) -> Measures:
    """Measures of a run, by their definitions; `_NULLS` where it has left the finite numbers."""
    if not _is_finite(run):
        return _NULLS
    found = measure(run.network, run.data, run.centres, row["loss"])
    errors = errors_by_class(run.network, run.model, row, seed, run.basis)
    clean = float(errors.mean())
    positive, negative = run.model.flip_chances(row)
    spans = np.array([1 - 2 * positive, 1 - 2 * negative])
    noisy = errors @ spans / 2 + (positive + negative) / 2
    spread = noisy.std(ddof=1) / math.sqrt(len(noisy)) if len(noisy) > 1 else math.nan
    signal, noise = found["max_w_mu"], found["max_w_xi"]
    measures = Measures(
        **found,
        test_error=float(noisy.mean()),
        test_error_clean=clean,
        test_error_se=float(spread),
        signal_to_noise=signal / noise if noise > 0.0 else math.nan,
        steps_run=float(steps),
    )
    finite = math.isfinite(measures.train_loss + measures.test_error + measures.w_norm)
    return measures if finite else _NULLS


def _is_finite(run: DenseRun) -> bool:
    """Whether all numbers of the network and its outputs are finite."""
    with torch.no_grad():
        parts = [*run.network.parameters(), run.network(run.data.patches)]
    return all(bool(torch.isfinite(part).all()) for part in parts)


def _normals(seed: Seed, quantity: np.uint64, shape: tuple[int, int]) -> Array:
    """Standard normals of a quantity."""
    return QuantitySampler(seed, quantity).normals(shape)


def _tensor(values: Array, dtype: torch.dtype) -> Tensor:
    """An array as a tensor of its own."""
    return torch.tensor(np.ascontiguousarray(values), dtype=dtype)


@contextmanager
def _one_thread() -> Iterator[None]:
    """One thread within: sums are ordered by the count of threads, and a row must not depend on it."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
