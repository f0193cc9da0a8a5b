"""The frame of models that measure one run after the other, each row for itself.

A run is computed in float64 and by one thread: BLAS sums in another order on more, and a row must not
depend on where it is trained.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from copy import copy
from typing import Any, ClassVar, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from bocnn.arrays import Array
from bocnn.parameters.accepted import Words, check_words
from bocnn.parameters.columns import Column
from bocnn.parameters.idle import Idle, canonical, idle_runs
from bocnn.parameters.keys import cell_keys, undrawn
from bocnn.parameters.measured import MEASURE_ROLES
from bocnn.simd.compiler.compiling import compile_seconds, compiles_nothing

Columns = Mapping[str, NDArray[Any]]
Row = dict[str, Any]
Result = TypeVar("Result")

OVERHEAD = 1e6
"""Flops added for what a run costs whatever its sizes are."""


def measures_of(statuses: tuple[str, ...], meanings: Mapping[str, str]) -> tuple[Column, ...]:
    """Measured columns: the status, then numbers by their meanings; `steps_run` is a whole one.

    Args:
        statuses: how runs end, success first.
        meanings: of the measured columns, by name.
    Returns:
        The columns, `status` first.
    """
    status = Column("status", "string", "how the run ended", choices=statuses)
    return status, *numbers_of(meanings)


def numbers_of(meanings: Mapping[str, str]) -> tuple[Column, ...]:
    """Columns of numbers; counts of steps are whole."""
    whole = ("step", "steps_run")
    return tuple(
        Column(
            name, "int64" if name in whole else "float64", meaning, role=MEASURE_ROLES.get(name, "")
        )
        for name, meaning in meanings.items()
    )


def each(columns: Columns, measure: Callable[[Row], Result]) -> list[Result]:
    """Results of `measure` for every run, one after the other, by one thread.

    Args:
        columns: of the runs.
        measure: from the row of a run.
    """
    names = list(columns)
    rows = zip(*(columns[name].tolist() for name in names), strict=True)
    with threadpool_limits(1):
        return [measure(dict(zip(names, row, strict=True))) for row in rows]


def stacked(rows: list[Row], columns: tuple[Column, ...]) -> dict[str, NDArray[Any]]:
    """Rows as columns, shape (rows,) each; what a row does not have is NaN.

    Args:
        rows: values by column.
        columns: those of the result.
    """
    return {
        column.name: np.array(
            [row.get(column.name, np.nan) for row in rows],
            dtype=object if column.type == "string" else np.float64,
        )
        for column in columns
    }


class KeyedModel(ABC):
    """Base of models of the sweep protocol: canonical parameters, words, keys.

    `words` are those that it trains, `idle_rules` say which parameters have no effect on which runs. The
    parameters that do not change what is drawn enter the key where they are `keyed`.
    """

    name: ClassVar[str]
    numerics_version: ClassVar[int]
    parameters: ClassVar[tuple[Column, ...]]
    measures: ClassVar[tuple[Column, ...]]
    words: ClassVar[Words]
    idle_rules: ClassVar[tuple[Idle, ...]]
    engine = "blas"
    shape_columns: tuple[str, ...] = ("n",)
    keyed: tuple[str, ...] = ()

    @property
    def undrawn(self) -> tuple[str, ...]:
        """The parameters that do not change what is drawn."""
        return undrawn(self.parameters)

    def with_keyed(self, names: Collection[str]) -> Self:
        """The model in which these parameters enter the keys, though they do not change what is drawn."""
        other = copy(self)
        other.keyed = tuple(sorted(names))
        return other

    def canonical(self, columns: Columns) -> dict[str, NDArray[Any]]:
        """The columns with every parameter that has no effect on its run at its default."""
        return canonical(columns, self.idle_rules)

    def idle(self, columns: Columns) -> dict[str, dict[str, NDArray[np.bool_]]]:
        """Which runs do not depend on a parameter that they give, by its name and the reason."""
        return idle_runs(columns, self.idle_rules)

    def identity(self, columns: Columns) -> dict[str, NDArray[Any]]:
        """Columns that decide the numbers of runs, beside seed, replicate and `keyed`."""
        return self.canonical(columns)

    @abstractmethod
    def flops(self, columns: Columns) -> Array:
        """Cost of each run in floating-point operations, shape (runs,)."""

    @abstractmethod
    def memory_bytes(self, columns: Columns) -> Array:
        """Working memory of each run in bytes, shape (runs,)."""

    def is_compiled(self, columns: Columns, recorded: bool) -> bool:
        """Whether this process can measure these runs, or record them, and compile nothing.

        Args:
            columns: every parameter, shape (runs,) each.
            recorded: whether the runs are recorded along their training.
        """
        return compiles_nothing(lambda: self._start(columns))

    def compile(self, columns: Columns, recorded: bool) -> float:
        """Compile what measures these runs, or records them.

        Args:
            columns: every parameter, shape (runs,) each.
            recorded: whether the runs are recorded along their training.
        Returns:
            Seconds that compiling took.
        """
        return compile_seconds(lambda: self._start(columns))

    def _start(self, columns: Columns) -> None:
        """Call, for the first run, the compiled functions that the others call: those of its key."""
        self.keyed_runs({name: column[:1] for name, column in columns.items()})

    def keyed_runs(self, columns: Columns) -> dict[str, NDArray[Any]]:
        """The runs as they are measured: canonical, with the words `key0` and `key1` of their keys."""
        check_words(self.words, columns, self.name)
        found = self.canonical(columns)
        key0, key1 = cell_keys(found, self.parameters, keyed=self.keyed)
        return found | {"key0": key0, "key1": key1}


class RowModel(KeyedModel):
    """A model that says what it measures on one run."""

    @abstractmethod
    def measure(self, row: Row) -> Row:
        """The measures of one run; of one that left the finite numbers its status alone."""

    def run(self, columns: Columns) -> dict[str, NDArray[Any]]:
        """Train and measure runs.

        Args:
            columns: `seed`, `replicate` and every parameter, shape (runs,) each; NaN is null.
        Returns:
            Every measured column, shape (runs,) each; NaN is null. A run that left the finite
            numbers has status `diverged` and nulls.
        Raises:
            ValueError: a word that the model does not train.
        """
        return stacked(each(self.keyed_runs(columns), self.measure), self.measures)


def generator_of(row: Mapping[str, Any], *quantity: int) -> np.random.Generator:
    """The generator of one quantity of a run, by its key and replicate."""
    entropy = [int(row[name]) for name in ("key0", "key1", "replicate")]
    return np.random.Generator(np.random.Philox(np.random.SeedSequence([*entropy, *quantity])))


def sizes(columns: Columns, *names: str) -> tuple[Array, ...]:
    """Columns of whole numbers as float64, so that their products do not overflow."""
    return tuple(columns[name].astype(np.float64) for name in names)
