"""The model `bocnn` as a sweep sees it: its columns, the cost of a run, and `run`.

It satisfies the model protocol of the scheduler without importing it. What trains the runs are the engines
of `bocnn.engines.registry`, tried in their order.
"""

from collections.abc import Collection
from copy import copy
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from bocnn.arrays import Array, Ints
from bocnn.engines import availability
from bocnn.engines.cpu.engine import flops, memory_bytes, new_results, test_flops
from bocnn.engines.packing import cells_of
from bocnn.engines.protocol import Columns, CompiledEngine, Cost, RecordingEngine
from bocnn.engines.registry import (
    ENGINES,
    GRAM_CPU,
    GRAM_GPU,
    assign,
    assign_cells,
    check_known,
    engines_of,
    trained_words,
)
from bocnn.measure.details import Details
from bocnn.models.cnn.rows import measured_columns, recorded_columns
from bocnn.parameters.accepted import Words, accepts, check_words
from bocnn.parameters.columns import IDLE, PARAMETERS, Column
from bocnn.parameters.idle import canonical, idle_runs
from bocnn.parameters.keys import undrawn
from bocnn.parameters.measured import DETAILS, MEASURES, TRAJECTORY_MEASURES
from bocnn.simd.compiler.compiling import compile_seconds, compiles_nothing
from bocnn.theory.predictions.named import OF_CLASSES, PREDICTIONS, MeasurePrediction, predict


class Bocnn:
    """Two-layer CNNs on signal-plus-noise data, trained by the first engine that accepts a run.

    `undrawn` are the parameters that do not change what is drawn; those of them that are also `keyed` have
    random numbers of their own for each value.
    """

    name = "bocnn"
    numerics_version: Final = 4
    parameters: Final[tuple[Column, ...]] = PARAMETERS
    measures: tuple[Column, ...] = MEASURES
    trajectory_measures: Final[tuple[Column, ...]] = TRAJECTORY_MEASURES
    shape_columns: Final = ("n", "m", "precision")
    undrawn: Final = undrawn(PARAMETERS)
    predictions: tuple[MeasurePrediction, ...] = PREDICTIONS
    keyed: tuple[str, ...] = ()
    detailed = False

    @property
    def words(self) -> Words:
        """By parameter the words that some engine trains."""
        names = {column.name for column in self.parameters}
        return {name: words for name, words in trained_words().items() if name in names}

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

    def with_details(self) -> Self:
        """The model with the measures of `bocnn.measure.details` too, which the CPU's gram engine takes."""
        other = copy(self)
        other.name, other.measures = f"{self.name}+details", (*self.measures, *DETAILS)
        other.predictions, other.detailed = (*self.predictions, *OF_CLASSES), True
        return other

    def predict(self, name: str, columns: Columns) -> Array:
        """What theory predicts of a measure, shape (runs,); NaN where it says nothing.

        Args:
            name: one of `predictions`.
            columns: every parameter, shape (runs,) each; NaN is null.
        Raises:
            ValueError: no such prediction.
        """
        return predict(name, self.canonical(columns))

    @property
    def engine(self) -> str:
        """The engine that this process prefers."""
        return next(engine.name for engine in ENGINES if engine.device() is not None)

    def supports_gpu(self, columns: Columns) -> NDArray[np.bool_]:
        """Which runs a GPU can train, if there is one, shape (runs,)."""
        return accepts(trained_words(), columns) & GRAM_GPU.accepts(self.canonical(columns))

    def gpus_here(self) -> tuple[int, str]:
        """How many GPUs this process may use; where there are none, why those of the machine are not."""
        return availability.gpus_here()

    def engine_of(self, columns: Columns, recorded: bool = False) -> dict[str, str]:
        """Engine and device that train these runs in this process; all of them where they mix.

        Args:
            columns: every parameter, shape (runs,) each.
            recorded: whether the runs are recorded along their training.
        """
        found = engines_of(self.canonical(columns), recorded=recorded)
        return {name: "+".join(parts) for name, parts in found.items()}

    def flops(self, columns: Columns) -> Array:
        """Cost of each run in floating-point operations, shape (runs,); a normal counts as ten.

        With `loss_tol` it is an upper bound: the run may stop earlier.
        """
        return self._beyond_gram(columns).flops if _is_beyond_gram(columns) else flops(columns)

    def trajectory_flops(self, columns: Columns, steps: Ints) -> Array:
        """Cost of each run where it is recorded at `steps`, shape (runs,); tests errors each time.

        Args:
            columns: every parameter, shape (runs,) each.
            steps: whole numbers ≥ 0, rising.
        Returns:
            Floating-point operations, shape (runs,).
        """
        recorded = np.searchsorted(steps, columns["steps"])
        return np.asarray(self.flops(columns) + recorded * test_flops(columns))

    def memory_bytes(self, columns: Columns) -> Array:
        """Working memory of each run in bytes, shape (runs,), with the runs that train beside it."""
        columns = self.canonical(columns)
        if _is_beyond_gram(columns):
            return self._beyond_gram(columns).memory_bytes
        return memory_bytes(columns)

    def check_runs(self, columns: Columns, recorded: bool) -> None:
        """Refuse runs that no engine trains on any machine, or that cannot be recorded.

        Args:
            columns: every parameter, shape (runs,) each; NaN is null.
            recorded: whether the runs are to be recorded along their training.
        Raises:
            ValueError: names the parameters of the first such run, and what each engine accepts.
        """
        check_known(columns)
        if self.detailed:
            _check_detailed(self.canonical(columns), recorded)
        elif _is_beyond_gram(columns):
            assign(self.canonical(columns), anywhere=True, recorded=recorded)

    def is_compiled(self, columns: Columns, recorded: bool) -> bool:
        """Whether this process can train these runs on its CPU, or record them, and compile nothing.

        Args:
            columns: every parameter, shape (runs,) each.
            recorded: whether the runs are recorded along their training.
        """
        return compiles_nothing(lambda: self._start_kinds(columns, recorded))

    def compile(self, columns: Columns, recorded: bool) -> float:
        """Compile what trains these runs on the CPU, or records them.

        Args:
            columns: every parameter, shape (runs,) each.
            recorded: whether the runs are recorded along their training.
        Returns:
            Seconds that compiling took.
        """
        return compile_seconds(lambda: self._start_kinds(columns, recorded))

    def run(self, columns: Columns) -> dict[str, NDArray[Any]]:
        """Train and measure runs.

        Args:
            columns: `seed`, `replicate` and every parameter, shape (runs,) each; NaN is null.
        Returns:
            Every measured column, shape (runs,) each; NaN is null. A run that left the finite
            numbers has status `diverged` and nulls.
        Raises:
            ValueError: a run that no engine accepts.
        """
        cells, cell, columns = self._cells_of(columns)
        if self.detailed:
            found = GRAM_CPU.detail(columns, self.keyed)
            named = zip(Details._fields, found.details.T, strict=True)
            return measured_columns(found.status, found.measured) | dict(named)
        results = new_results(cell.size, 0)
        for engine, rows in assign_cells(cells, cell):
            part = columns if rows.size == cell.size else _take(columns, rows)
            results.status[rows], results.measured[rows] = engine.run(part, self.keyed)
        return measured_columns(results.status, results.measured)

    def record(
        self, columns: Columns, steps: Ints
    ) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
        """Train and measure runs, and record them along the training.

        A run is recorded at each of `steps` that it trains beyond, and where its training ended; all
        but the step is null where it had left the finite numbers.

        Args:
            columns: as for `run`.
            steps: whole numbers ≥ 0, rising.
        Returns:
            What `run` returns on the CPU, bit for bit where the same engine records and trains, else to
            rounding (the torch network records what `dense-cpu` trains); and the recorded columns, in order
            of runs and steps, with `run`, the index of the run.
        Raises:
            ValueError: a run that no engine accepts which records.
        """
        cells, cell, columns = self._cells_of(columns)
        passed = steps[steps < np.max(columns["steps"])].astype(np.int64)
        results = new_results(cell.size, passed.size + 1)
        for engine, rows in assign_cells(cells, cell, recorded=True):
            assert isinstance(engine, RecordingEngine)
            part = engine.record(_take(columns, rows), passed, self.keyed)
            for whole, values in zip(results, part, strict=True):
                whole[rows] = values
        return measured_columns(results.status, results.measured), recorded_columns(results)

    def oracle(
        self, columns: Columns, steps: Ints
    ) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
        """As `record`, on the dense network in torch.

        Raises:
            ValueError: as `bocnn.models.cnn.oracle.train_oracle`.
        """
        from bocnn.models.cnn.oracle import train_oracle

        passed = steps[steps < np.max(columns["steps"])].astype(np.int64)
        results = train_oracle(self._cells_of(columns)[2], passed, self.keyed)
        return measured_columns(results.status, results.measured), recorded_columns(results)

    def _cells_of(
        self, columns: Columns
    ) -> tuple[dict[str, NDArray[Any]], NDArray[np.intp], dict[str, NDArray[Any]]]:
        """Canonical columns of one run of each cell, the cell of each run, and canonical columns."""
        first, cell = cells_of(columns)
        given = _take(columns, first)
        check_known(given)  # before a word that has no effect is replaced
        cells = self.canonical(given)
        whole = {
            name: column if cells[name] is given[name] else cells[name][cell]
            for name, column in columns.items()
        }
        return cells, cell, whole

    def _beyond_gram(self, columns: Columns) -> Cost:
        """Cost of runs of which some are trained by other than gram engines."""
        columns = self.canonical(columns)
        cost = Cost(*(np.empty(columns["n"].size) for _ in Cost._fields))
        for engine, rows in assign(columns, anywhere=True):
            cost.flops[rows], cost.memory_bytes[rows] = engine.cost(_take(columns, rows))
        return cost

    def _start_kinds(self, columns: Columns, recorded: bool) -> None:
        """Have each engine compile what trains its runs, or records them."""
        cells, cell, columns = self._cells_of(columns)
        for engine, rows in assign_cells(cells, cell, recorded=recorded):
            if isinstance(engine, CompiledEngine):
                engine.start_kinds(_take(columns, rows))


def _is_beyond_gram(columns: Columns) -> bool:
    """Whether some run may hold a word that the gram engine does not train; quick where none is known."""
    known = GRAM_CPU.words
    more = any(set(words) - set(known.get(name, ())) for name, words in trained_words().items())
    return more and not GRAM_CPU.accepts(columns).all()


def _check_detailed(columns: Columns, recorded: bool) -> None:
    """Refuse further measures of runs that the CPU's gram engine does not train, or of recorded ones."""
    check_words(GRAM_CPU.words, columns, GRAM_CPU.name)
    assign(columns, anywhere=True, recorded=True)
    if recorded:
        raise ValueError("received a trajectory; further measures (+details) are not recorded")


def _take(columns: Columns, rows: NDArray[np.intp]) -> dict[str, NDArray[Any]]:
    """The columns of some runs."""
    return {name: column[rows] for name, column in columns.items()}


MODEL: Final = Bocnn()
