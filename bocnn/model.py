"""The model `bocnn` as a sweep sees it: its columns, the cost of a run, and `run`.

It satisfies the model protocol of the scheduler without importing it.
"""

from collections.abc import Collection, Iterator, Mapping
from copy import copy
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from bocnn.arrays import Array, Ints
from bocnn.cpu.engine import GROUPED_BY, WORDS, RunResults, Runs, run_all, workspace_bytes
from bocnn.gpu import choice
from bocnn.measure.measures import Measures
from bocnn.measure.trajectory import TrajectoryPoint
from bocnn.parameters.accepted import Words, accepts, check_words, codes
from bocnn.parameters.columns import (
    IDLE,
    MEASURES,
    PARAMETERS,
    STATUSES,
    TRAJECTORY_MEASURES,
    Column,
)
from bocnn.parameters.idle import canonical, idle_runs
from bocnn.parameters.keys import cell_keys, undrawn
from bocnn.parameters.precision import needs_double
from bocnn.simd.compiling import compile_seconds, compiles_nothing
from bocnn.simd.lanes import VECTOR_BYTES, lane_count

Columns = Mapping[str, NDArray[Any]]

_OVERHEAD = 1e5

_STARTED: set[int] = set()
"""Kinds of runs of which this process has trained one: see `_start_kinds`."""

WIDEST = 128
"""Samples up to which runs train side by side: beyond, their Gram matrices leave the cache."""


class Bocnn:
    """Two-layer CNNs on signal-plus-noise data, trained by the gram engine on the CPU or on a card.

    `undrawn` are the parameters that do not change what is drawn; those of them that are also `keyed` have
    random numbers of their own for each value.
    """

    name: Final = "bocnn"
    numerics_version: Final = 4
    parameters: Final[tuple[Column, ...]] = PARAMETERS
    measures: Final[tuple[Column, ...]] = MEASURES
    trace_measures: Final[tuple[Column, ...]] = TRAJECTORY_MEASURES
    shape_columns: Final = ("n", "m", "precision")
    words: Final[Words] = WORDS
    undrawn: Final = undrawn(PARAMETERS)
    keyed: tuple[str, ...] = ()

    def with_keyed(self, names: Collection[str]) -> Self:
        """The model in which these parameters enter the keys, though they do not change what is drawn."""
        other = copy(self)
        other.keyed = tuple(sorted(names))
        return other

    def canonical(self, columns: Columns) -> dict[str, NDArray[Any]]:
        """The columns with every parameter that has no effect on its run at its default."""
        return canonical(columns, IDLE)

    def idle(self, columns: Columns) -> dict[str, dict[str, NDArray[np.bool_]]]:
        """Which runs do not depend on a parameter that they give, by its name and the reason."""
        return idle_runs(columns, IDLE)

    def identity(self, columns: Columns) -> dict[str, NDArray[Any]]:
        """What decides the numbers of runs, beside seed, replicate and `keyed`."""
        return self.canonical(columns)

    @property
    def engine(self) -> str:
        """The engine that this process prefers."""
        return choice.CPU if choice.device() is None else choice.CUDA

    def fits_card(self, columns: Columns) -> NDArray[np.bool_]:
        """Which runs a card can train, if there is one, shape (runs,)."""
        return accepts(WORDS, columns) & choice.fits(self.canonical(columns))

    def placed(self, columns: Columns) -> dict[str, str]:
        """Engine and device that train these runs in this process; both engines where they mix."""
        return choice.placed(self.canonical(columns))

    def flops(self, columns: Columns) -> Array:
        """Cost of each run in floating-point operations, shape (runs,); a normal counts as ten.

        With `loss_tol` it is an upper bound: the run may stop earlier.
        """
        points, filters, rank = _sizes(columns)
        draw = (points + filters) * rank * (5 + points / 3 + 2 * filters)
        step = 2 * filters * points**2 + 20 * filters * points
        return np.asarray(_OVERHEAD + draw + columns["steps"] * step + _test_flops(columns))

    def trace_flops(self, columns: Columns, steps: Ints) -> Array:
        """Cost of each run where it is recorded at `steps`, shape (runs,); tests errors each time."""
        recorded = np.searchsorted(steps, columns["steps"])
        return np.asarray(self.flops(columns) + recorded * _test_flops(columns))

    def memory_bytes(self, columns: Columns) -> Array:
        """Working memory of each run in bytes, shape (runs,), with the runs that train beside it."""
        points, filters, _ = _sizes(columns)
        real = np.where(needs_double(self.canonical(columns)), 8, 4)
        kept, scratch = workspace_bytes(columns["n"], columns["m"], columns["n_test"])
        state = real * (points**2 + 8 * points * (filters + 4))
        beside = np.where(columns["n"] <= WIDEST, VECTOR_BYTES / real, 1)
        return np.asarray(beside * (kept + state) + scratch)

    def is_compiled(self, columns: Columns, traced: bool) -> bool:
        """Whether this process can train these runs on its CPU, or record them, and compile nothing."""
        return compiles_nothing(lambda: self._start_kinds(columns, traced))

    def compile(self, columns: Columns, traced: bool) -> float:
        """Compile what trains these runs on the CPU, or records them.

        Returns:
            Seconds that compiling took.
        """
        return compile_seconds(lambda: self._start_kinds(columns, traced))

    def run(self, columns: Columns) -> dict[str, NDArray[Any]]:
        """Train and measure runs.

        Args:
            columns: `seed`, `replicate` and every parameter, shape (runs,) each; NaN is null.
        Returns:
            Every measured column, shape (runs,) each; NaN is null. A run that left the finite
            numbers has status `diverged` and nulls.
        Raises:
            ValueError: a word that no engine trains.
        """
        columns = self._trained(columns)
        record = _new_record(columns["n"].size, 0)
        on_card = choice.run_on_card(columns, self.pack, record)
        self._train(columns, np.flatnonzero(~on_card), np.empty(0, np.int64), record)
        return _rows(record)

    def trace(
        self, columns: Columns, steps: Ints
    ) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
        """Train and measure runs, and record them along the training.

        A run is recorded at each of `steps` that it trains beyond, and where its training ended; all
        but the step is null where it had left the finite numbers.

        Args:
            columns: as for `run`.
            steps: whole numbers ≥ 0, rising.
        Returns:
            What `run` returns, bit for bit; and the recorded columns, in order of runs and steps,
            with `run`, the index of the run.
        """
        columns = self._trained(columns)
        asked = steps[steps < np.max(columns["steps"])].astype(np.int64)
        record = _new_record(columns["n"].size, asked.size + 1)
        self._train(columns, np.arange(columns["n"].size), asked, record)
        kept = np.arange(asked.size + 1) < record.lengths[:, None]
        recorded = zip(TrajectoryPoint._fields, record.trajectory[kept].T, strict=True)
        return _rows(record), {"run": np.nonzero(kept)[0], **dict(recorded)}

    def _trained(self, columns: Columns) -> dict[str, NDArray[Any]]:
        """The runs as they are trained; refuses a word that no engine trains."""
        check_words(WORDS, columns, choice.CPU)
        return self.canonical(columns)

    def _train(
        self, columns: Columns, rows: NDArray[np.intp], asked: Ints, record: RunResults
    ) -> None:
        """Train the runs at `rows` on the CPU, those of one shape and kind together, and record them."""
        if rows.size == 0:
            return
        runs, doubles = self.pack(columns, rows), needs_double(columns)[rows]
        for group in _alike(runs, doubles):
            first, places = group[0], rows[group]
            real = np.float64 if doubles[first] else np.float32
            vector_width = lane_count(real) if runs.n[first] <= WIDEST else None
            part = RunResults._make(field[places] for field in record)
            run_all(Runs._make(field[group] for field in runs), real, vector_width, asked, part)
            for whole, values in zip(record, part, strict=True):
                whole[places] = values

    def _start_kinds(self, columns: Columns, traced: bool) -> None:
        """Train one run, by no step, of each kind of runs for which the engine is compiled apart.

        These are the four of float32 and float64, side by side and one by one.
        """
        kinds = 2 * needs_double(columns) + (columns["n"] <= WIDEST)
        on_card = choice.fits(columns) if choice.device() and not traced else np.False_
        new = np.flatnonzero(~(np.isin(kinds, list(_STARTED)) | on_card))
        first = new[np.unique(kinds[new], return_index=True)[1]]
        if first.size:
            one = {name: column[first] for name, column in columns.items()}
            one["steps"] = np.zeros_like(one["steps"])
            record = _new_record(first.size, 0)
            self._train(one, np.arange(first.size), np.empty(0, np.int64), record)
            _STARTED.update(kinds[first].tolist())

    def pack(self, every: Columns, rows: NDArray[np.intp]) -> Runs:
        """The runs at `rows` as engines take them: words as codes, step size 0 to keep a layer."""
        columns = {name: column[rows] for name, column in every.items()}
        key0, key1 = cell_keys(columns, keyed=self.keyed)
        eta = columns["eta"]
        eta_output = np.where(np.isnan(columns["eta_output"]), eta, columns["eta_output"])
        loss_tol = columns["loss_tol"]
        coded = {
            "key0": key0,
            "key1": key1,
            "replicate": columns["replicate"].astype(np.uint64),
            "isotropic": codes(WORDS, "noise", columns["noise"]),
            "nesterov": codes(WORDS, "momentum_rule", columns["momentum_rule"]),
            "eta": np.where(columns["train"] == "output", 0.0, eta),
            "eta_output": np.where(columns["train"] == "hidden", 0.0, eta_output),
            "loss_tol": np.where(np.isnan(loss_tol), -1.0, loss_tol),
        }
        for name in ("data", "bias", "output_init", "activation", "loss"):
            coded[name] = codes(WORDS, name, columns[name])
        return Runs._make(coded.get(name, columns.get(name)) for name in Runs._fields)


def _alike(runs: Runs, doubles: NDArray[np.bool_]) -> Iterator[NDArray[np.intp]]:
    """Places of the runs that can train side by side, group after group."""
    group = doubles.astype(np.int64)
    for name in GROUPED_BY:
        column = getattr(runs, name)
        if (column == column[:1]).all():
            continue
        values, value_of = np.unique(column, return_inverse=True)
        group = group * values.size + value_of
    for g in np.unique(group):
        yield np.flatnonzero(group == g)


def _new_record(runs: int, points: int) -> RunResults:
    """Arrays for what is measured on runs, and recorded at `points` steps of each."""
    return RunResults(
        np.empty(runs, dtype=np.int8),
        np.empty((runs, len(Measures._fields))),
        np.empty((runs, points, len(TrajectoryPoint._fields))),
        np.zeros(runs, dtype=np.int64),
    )


def _rows(record: RunResults) -> dict[str, NDArray[Any]]:
    """The measured columns."""
    named = dict(zip(Measures._fields, record.measured.T, strict=True))
    return {"status": np.array(STATUSES, dtype=object)[record.status], **named}


def _test_flops(columns: Columns) -> Array:
    """Cost of each run's test error."""
    filters = 2.0 * columns["m"]
    return np.asarray(columns["n_test"] * (2 * filters**2 + 40 * filters + 1000))


def _sizes(columns: Columns) -> tuple[Array, Array, Array]:
    """Points, filters, and dimensions that they span, of each run."""
    points, filters = columns["n"] + 4.0, 2.0 * columns["m"]
    return points, filters, np.minimum(points + filters, columns["d"])


MODEL: Final = Bocnn()
