"""The engine protocol: an engine says which runs it accepts and what they cost, and trains them."""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from bocnn.arrays import Array, Ints
from bocnn.engines.cpu.runs import RunResults
from bocnn.parameters.accepted import Words

Columns: TypeAlias = Mapping[str, NDArray[Any]]
"""`seed`, `replicate` and every parameter of runs, shape (runs,) each; NaN is null."""


class Cost(NamedTuple):
    """Cost of runs, shape (runs,) each: floating-point operations, and working memory in bytes."""

    flops: Array
    memory_bytes: Array


class EngineResults(NamedTuple):
    """Status and measures of runs.

    status: index into the model's statuses, int8, shape (runs,). measures: float64, shape
    (runs, len(Measures._fields)), NaN for null and where a run diverged.
    """

    status: Ints
    measures: Array


class Engine(Protocol):
    """Trains runs of the model `bocnn`. A run's results depend on its own columns alone.

    Columns are canonical (`bocnn.parameters.idle`). `words` are those it trains: what it does not name, it
    does not accept.
    """

    @property
    def name(self) -> str:
        """As files' metadata give it."""
        ...

    @property
    def words(self) -> Words: ...

    @property
    def needs(self) -> str:
        """Requirements of a process, as words that follow "it needs "."""
        ...

    def device(self) -> str | None:
        """The device that this process would train on; None where it cannot train here."""
        ...

    def accepts(self, columns: Columns) -> NDArray[np.bool_]:
        """Which runs it can train, wherever it runs, shape (runs,)."""
        ...

    def cost(self, columns: Columns) -> Cost:
        """Cost of runs that it accepts."""
        ...

    def run(self, columns: Columns, keyed: Collection[str] = ()) -> EngineResults:
        """Train and measure runs that it accepts.

        Args:
            columns: canonical, of runs that it accepts, shape (runs,) each.
            keyed: parameters that change nothing that is drawn, but enter the keys all the same.
        Returns:
            Status codes (runs,) and measures (runs, measures) in the order of `Measures`.
        """
        ...


@runtime_checkable
class RecordingEngine(Engine, Protocol):
    """An engine that can also record runs along their training."""

    def record(self, columns: Columns, steps: Ints, keyed: Collection[str] = ()) -> RunResults:
        """Train and measure runs, and record them at `steps` and where their training ended.

        Args:
            columns: canonical, of runs that it accepts, shape (runs,) each.
            steps: at which to record, rising, shape (points,).
            keyed: as for `run`.
        Returns:
            What `run` returns, bit for bit, and up to points + 1 records of each run.
        """
        ...
