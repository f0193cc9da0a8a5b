"""The engine protocol: an engine says which runs it accepts and what they cost, and trains them."""

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
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
class CompiledEngine(Engine, Protocol):
    """An engine that is compiled at its first run of a kind, by itself or in what it draws."""

    def start_kinds(self, columns: Columns) -> None:
        """Compile all that trains these runs, or records them, where a process has not yet.

        Args:
            columns: canonical, of runs that it accepts, shape (runs,) each.
        """
        ...


class StartedKinds:
    """The kinds of runs of which an engine has trained one in this process.

    Args:
        steps: by which a run must be trained so that all is compiled.
    """

    def __init__(self, steps: int = 0) -> None:
        self._steps = steps
        self._started: set[Hashable] = set()

    def start(
        self, run: Callable[[Columns], object], columns: Columns, kinds: Iterable[Hashable]
    ) -> None:
        """Train one run of each kind that is new.

        Args:
            run: trains runs of these columns.
            columns: of runs that the engine accepts.
            kinds: of each run; what is compiled for one run trains all of its kind.
        """
        first: dict[Hashable, int] = {}
        for r, kind in enumerate(kinds):
            if kind not in self._started:
                first.setdefault(kind, r)
        if first:
            rows = np.array(list(first.values()))
            one = {name: column[rows] for name, column in columns.items()}
            most = {"steps": self._steps, "n_test": 2}
            run(one | {name: np.minimum(one[name], value) for name, value in most.items()})
            self._started |= first.keys()


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
