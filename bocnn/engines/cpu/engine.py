"""The gram engine on the CPU: `bocnn.engines.cpu.stages`, runs of one shape and kind at a time."""

import platform
from collections.abc import Collection, Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bocnn.arrays import Array, Ints
from bocnn.data.spectrum import coordinates
from bocnn.engines.cpu.stages import GROUPED_BY, WORDS, RunResults, Runs, run_all, workspace_bytes
from bocnn.engines.cpu.variant import step_kinds
from bocnn.engines.packing import pack_runs
from bocnn.engines.protocol import Columns, Cost, EngineResults, StartedKinds
from bocnn.measure.details import Details
from bocnn.measure.measures import Measures
from bocnn.measure.trajectory import TrajectoryPoint
from bocnn.parameters.accepted import Words, accepts
from bocnn.parameters.invariance import (
    fits_one_vector,
    has_even_strengths,
    has_plain_steps,
    is_homogeneous,
)
from bocnn.parameters.precision import needs_double
from bocnn.simd.lanes import VECTOR_BYTES, lane_count

_OVERHEAD = 1e5
WIDEST = 128
"""Noise patches up to which runs train side by side: beyond, their Gram matrices leave the cache."""
_NO_STEPS = np.empty(0, np.int64)


class GramCPU:
    """Training on the Gram matrix in compiled loops."""

    name: Final = "gram-cpu"
    needs: Final = "a processor"
    words: Final[Words] = {**WORDS, "optimizer": ("sgd",)}

    def __init__(self) -> None:
        """An engine that has trained no run yet."""
        self._started = StartedKinds()

    def device(self) -> str:
        """The processor."""
        return platform.processor() or platform.machine()

    def accepts(self, columns: Columns) -> NDArray[np.bool_]:
        """Which runs hold its words alone, and fit together, shape (runs,).

        Samples of different strength take a homogeneous φ; an orthogonal gradient and samples of one vector
        train the filters alone.
        """
        fits = has_even_strengths(columns) | is_homogeneous(columns)
        fits &= (columns["gradient"] != "orthogonal") | (columns["train"] == "hidden")
        fits &= (columns["input"] != "sum") | fits_one_vector(columns)
        return np.asarray(accepts(self.words, columns) & fits)

    def cost(self, columns: Columns) -> Cost:
        """Operations, in which a normal counts as ten; memory with the runs that train beside a run."""
        return Cost(flops(columns), memory_bytes(columns))

    def run(self, columns: Columns, keyed: Collection[str] = ()) -> EngineResults:
        """As `Engine.run`: alike runs side by side, where they are narrow enough."""
        results = self._train(columns, _NO_STEPS, new_results(columns["n"].size, 0), keyed)
        return EngineResults(results.status, results.measured)

    def record(self, columns: Columns, steps: Ints, keyed: Collection[str] = ()) -> RunResults:
        """As `RecordingEngine.record`: alike runs side by side, where they are narrow enough."""
        return self._train(columns, steps, new_results(columns["n"].size, steps.size + 1), keyed)

    def detail(self, columns: Columns, keyed: Collection[str] = ()) -> RunResults:
        """As `run`, with the further measures of `bocnn.measure.details`."""
        results = new_results(columns["n"].size, 0, detailed=True)
        return self._train(columns, _NO_STEPS, results, keyed)

    def start_kinds(self, columns: Columns) -> None:
        """As `CompiledEngine.start_kinds`: float32 and float64, side by side and one by one.

        Steps that are more than gradient descent are compiled apart from plain ones.
        """
        narrow = columns["n"] * columns["noise_patches"] <= WIDEST
        kinds = 2 * needs_double(columns) + narrow + 4 * ~has_plain_steps(columns)
        self._started.start(self.run, columns, kinds.tolist())

    def _train(
        self, columns: Columns, steps: Ints, results: RunResults, keyed: Collection[str]
    ) -> RunResults:
        """Train runs, those of one shape and kind together, and write their results."""
        if columns["n"].size == 0:
            return results
        runs, doubles = (
            pack_runs(columns, np.arange(columns["n"].size), keyed),
            needs_double(columns),
        )
        for rows in _alike(runs, doubles):
            first = rows[0]
            real = np.float64 if doubles[first] else np.float32
            wide = runs.n[first] * runs.noise_patches[first] > WIDEST
            vector_width = None if wide else lane_count(real)
            part = RunResults._make(field[rows] for field in results)
            run_all(Runs._make(field[rows] for field in runs), real, vector_width, steps, part)
            for whole, values in zip(results, part, strict=True):
                whole[rows] = values
        return results


def new_results(runs: int, points: int, detailed: bool = False) -> RunResults:
    """Arrays for measures of runs, and for records at `points` steps of each.

    Args:
        runs: number of runs.
        points: most records of a run before its last; 0 records nothing.
        detailed: whether further measures are taken.
    Returns:
        Arrays to be written: status int8 (runs,), measures and records float64, and numbers of records
        (runs,), zero.
    """
    return RunResults(
        np.empty(runs, dtype=np.int8),
        np.empty((runs, len(Measures._fields))),
        np.empty((runs, points, len(TrajectoryPoint._fields))),
        np.zeros(runs, dtype=np.int64),
        np.empty((runs, len(Details._fields) if detailed else 0)),
    )


def _alike(runs: Runs, doubles: NDArray[np.bool_]) -> Iterator[NDArray[np.intp]]:
    """Indices of the runs that can train side by side, group after group."""
    group = doubles + 2 * step_kinds(runs)
    for name in GROUPED_BY:
        column = getattr(runs, name)
        if (column == column[:1]).all():
            continue
        values, value_of = np.unique(column, return_inverse=True)
        group = group * values.size + value_of
    for g in np.unique(group):
        yield np.flatnonzero(group == g)


def flops(columns: Columns) -> Array:
    """Operations of each run, shape (runs,); with `loss_tol` an upper bound, as a run may stop earlier."""
    points, filters, rank = _sizes(columns)
    draw = (points + filters) * rank * (5 + points / 3 + 2 * filters)
    step = 2 * filters * points**2 + 20 * filters * points
    gradients = 1 + (columns["sam_radius"] > 0)
    orthogonal = (
        (columns["gradient"] == "orthogonal") * 2 * filters**2 * (16 * filters + 6 * points)
    )
    trained = columns["steps"] * (gradients * step + orthogonal)
    return np.asarray(_OVERHEAD + draw + trained + test_flops(columns))


def memory_bytes(columns: Columns) -> Array:
    """Working memory of each run, shape (runs,), with the runs that train beside it."""
    points, filters, _ = _sizes(columns)
    real = np.where(needs_double(columns), 8, 4)
    rank, patches = coordinates(columns), columns["noise_patches"]
    kept, scratch = workspace_bytes(columns["n"], columns["m"], columns["n_test"], rank, patches)
    state = real * (points**2 + 8 * points * (filters + 4) + 3 * (filters + 4) ** 2)
    beside = np.where(columns["n"] * patches <= WIDEST, VECTOR_BYTES / real, 1)
    return np.asarray(beside * (kept + state) + scratch)


def test_flops(columns: Columns) -> Array:
    """Operations of each run's test error."""
    filters = 2.0 * columns["m"]
    patches = columns["noise_patches"]
    return np.asarray(columns["n_test"] * (patches * (2 * filters**2 + 40 * filters) + 1000))


def _sizes(columns: Columns) -> tuple[Array, Array, Array]:
    """Points, filters, and dimensions that they span, of each run."""
    points = columns["n"] * columns["noise_patches"] + 4.0
    return points, 2.0 * columns["m"], coordinates(columns).astype(np.float64)
