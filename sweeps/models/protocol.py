"""The protocol between a sweep and a model: columns, the cost of a run, and `run`.

Everything is of built-in types and NumPy arrays, so that a model satisfies it without importing this
package. Columns are every parameter of runs, shape (runs,) each; NaN is null.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Protocol, TypeAlias, runtime_checkable

from numpy.typing import NDArray

Columns: TypeAlias = Mapping[str, NDArray[Any]]


class ColumnProtocol(Protocol):
    """A column: its name, Arrow type, meaning, unit, and what values are valid.

    `interval` is in the usual brackets, "[0, 0.5)"; `choices` are the valid words, none where any text
    is valid; `default` is the word "required" where there is no default. Null is a valid value where it
    is the default, and where `nullable` says so. `role` says what a measure is to those who read the
    dataset, such as "error" for a share of wrong labels; "" says nothing.
    """

    @property
    def name(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def meaning(self) -> str: ...
    @property
    def unit(self) -> str: ...
    @property
    def interval(self) -> str: ...
    @property
    def choices(self) -> tuple[str, ...]: ...
    @property
    def default(self) -> object: ...
    @property
    def nullable(self) -> bool: ...
    @property
    def role(self) -> str: ...


@runtime_checkable
class Model(Protocol):
    """What a sweep needs to know of a model.

    `measures` begins with `status`, whose first word means success and whose last that there is no
    result; `shape_columns` are the parameters that fix array shapes and so stay constant in a shard;
    `numerics_version` rises whenever the same parameters would give other numbers. `words` says by
    parameter which words the model's engines train, whatever choices a column offers; none named means
    any text.
    """

    @property
    def name(self) -> str: ...
    @property
    def numerics_version(self) -> int: ...
    @property
    def engine(self) -> str: ...
    @property
    def parameters(self) -> Sequence[ColumnProtocol]: ...
    @property
    def measures(self) -> Sequence[ColumnProtocol]: ...
    @property
    def shape_columns(self) -> Sequence[str]: ...
    @property
    def words(self) -> Mapping[str, Sequence[str]]: ...

    def flops(self, columns: Columns) -> NDArray[Any]:
        """Cost of each run in floating-point operations, shape (runs,)."""
        ...

    def memory_bytes(self, columns: Columns) -> NDArray[Any]:
        """Working memory of each run in bytes, shape (runs,)."""
        ...

    def run(self, columns: Columns) -> dict[str, NDArray[Any]]:
        """Train and measure runs. A row depends on its own columns alone.

        Args:
            columns: `seed`, `replicate` and every parameter, shape (runs,) each. NaN is null.
        Returns:
            Every measured column, shape (runs,) each; NaN is null.
        """
        ...


class PredictionProtocol(Protocol):
    """What theory says of a measure: the prediction's name, the measure, the assumptions, the source."""

    @property
    def name(self) -> str: ...
    @property
    def measure(self) -> str: ...
    @property
    def meaning(self) -> str: ...
    @property
    def source(self) -> str: ...


@runtime_checkable
class PredictsMeasures(Model, Protocol):
    """A model that can say what theory predicts of its measures, without training."""

    @property
    def predictions(self) -> Sequence[PredictionProtocol]: ...

    def predict(self, name: str, columns: Columns) -> NDArray[Any]:
        """The predicted measure of cells, shape (cells,); NaN where theory says nothing.

        Args:
            name: one of `predictions`.
            columns: every parameter, shape (cells,) each; NaN is null.
        """
        ...


@runtime_checkable
class HasDetails(Model, Protocol):
    """A model with further measures, for sweeps that ask for them."""

    def with_details(self) -> "HasDetails":
        """The model with these measures after its others."""
        ...


@runtime_checkable
class SharesDraws(Model, Protocol):
    """A model that says what its parameters do to what is drawn, and which have no effect on a run.

    Runs that differ only in `undrawn` parameters start from the same draws; of these, `keyed` ones get
    random numbers of their own for each value, and are part of the run's identity.
    """

    @property
    def undrawn(self) -> Sequence[str]: ...
    @property
    def keyed(self) -> Sequence[str]: ...

    def with_keyed(self, names: Collection[str]) -> "SharesDraws":
        """The same model with other `keyed` parameters."""
        ...

    def canonical(self, columns: Columns) -> dict[str, NDArray[Any]]:
        """The columns with every parameter that has no effect on its run at its default."""
        ...

    def idle(self, columns: Columns) -> dict[str, dict[str, NDArray[Any]]]:
        """Which runs do not depend on a parameter that they give, by its name and the reason.

        Args:
            columns: every parameter, shape (cells,) each; NaN is null.
        Returns:
            By parameter and reason, shape (cells,) each.
        """
        ...

    def identity(self, columns: Columns) -> dict[str, NDArray[Any]]:
        """What decides the numbers of runs beside seed, replicate and `keyed`: no paths, but contents."""
        ...


@runtime_checkable
class ChecksRuns(Model, Protocol):
    """A model that trains each of its words, but not every combination of words and sizes."""

    def check_runs(self, columns: Columns, recorded: bool) -> None:
        """Refuse runs that the model trains on no machine, or does not record where they are `recorded`.

        Args:
            columns: every parameter, shape (cells,) each; NaN is null.
            recorded: whether the runs are to be recorded along their training.
        Raises:
            ValueError: says which parameters are refused, and why.
        """
        ...


@runtime_checkable
class RecordsTrajectory(Model, Protocol):
    """A model that can also record its runs along their training, as `trajectory` requests.

    `trajectory_measures` begins with `step`, steps taken so far; parameters never depend on what is
    recorded.
    """

    @property
    def trajectory_measures(self) -> Sequence[ColumnProtocol]: ...

    def trajectory_flops(self, columns: Columns, steps: NDArray[Any]) -> NDArray[Any]:
        """Cost of each run where it is recorded at `steps`, shape (runs,).

        Args:
            columns: of runs.
            steps: whole numbers ≥ 0, rising.
        """
        ...

    def record(
        self, columns: Columns, steps: NDArray[Any]
    ) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
        """What `run` returns, bit for bit, and recorded columns with `run`, the index of the run.

        Each run is recorded at those of `steps` that it reaches, and where it ended.

        Args:
            columns: `seed`, `replicate` and every parameter, shape (runs,) each.
            steps: whole numbers ≥ 0, rising.
        """
        ...


@runtime_checkable
class HasOracle(Model, Protocol):
    """A model that can train runs a second time on the same draws, slowly and independently."""

    def oracle(
        self, columns: Columns, steps: NDArray[Any]
    ) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
        """As `RecordsTrajectory.record`, with records of each run.

        Raises:
            ValueError: it does not train these runs so.
        """
        ...


@runtime_checkable
class UsesGpu(Model, Protocol):
    """A model that can use a GPU: where a process trains runs depends on what it may see."""

    def supports_gpu(self, columns: Columns) -> NDArray[Any]:
        """Which runs a GPU can train, if there is one, shape (runs,)."""
        ...

    def gpus_here(self) -> tuple[int, str]:
        """How many GPUs this process may use, and why none where the machine has one and shows it."""
        ...

    def engine_of(self, columns: Columns, recorded: bool) -> dict[str, str]:
        """`engine` and `device` that train these runs in this process, for their file's metadata.

        Args:
            columns: of runs.
            recorded: whether the runs are recorded along their training.
        """
        ...


@runtime_checkable
class CompilesCode(Model, Protocol):
    """A model that compiles code before it trains: once on a machine, which is no training."""

    def is_compiled(self, columns: Columns, recorded: bool) -> bool:
        """Whether this process can train these runs, or record them, and compile nothing.

        Args:
            columns: of runs.
            recorded: whether the runs are recorded along their training.
        """
        ...

    def compile(self, columns: Columns, recorded: bool) -> float:
        """Compile what trains these runs, or records them, and return the seconds that it took."""
        ...


@runtime_checkable
class NeedsImages(Model, Protocol):
    """A model that may have to train on real images: models read no files, so it gets a reader.

    `locations` are parameters that say where images are, and no part of a run's identity. `contents` are
    digests of the images by the names of their sets.
    """

    @property
    def locations(self) -> Sequence[str]: ...
    @property
    def contents(self) -> Mapping[str, str]: ...

    def with_images(
        self, images: Callable[[str, str, int, int], tuple[NDArray[Any], NDArray[Any]]]
    ) -> Model:
        """The model that takes its images from a reader: `sweeps.models.images.classes.two_classes`."""
        ...

    def with_contents(self, contents: Mapping[str, str]) -> Model:
        """The model that trains on images of these digests and on no others."""
        ...

    def read_contents(self, columns: Columns) -> dict[str, str]:
        """Digests of the images of runs; those in `contents` are not read anew.

        Raises:
            ValueError: images that are not there, or cannot be used.
        """
        ...
