"""A sweep in Python: declared as in a sweep file, planned, and trained into a dataset.

    >>> import sweeps
    >>> sweep = sweeps.Sweep(
    ...     name="first",
    ...     replicates=10,
    ...     axes={"v0": {"log": [0.01, 1, 20]}, "mu_norm": {"lin": [1, 10, 20]}},
    ...     fixed={"n": 20, "m": 10, "d": 2000, "sigma_0": 0.001, "eta": 0.01, "steps": 200},
    ... )
    >>> sweep.plan()
    >>> dataset = sweep.run()

What a sweep trains follows from its keys alone: made here or read from a file, equal keys are equal runs.
What plans and trains is imported where it is used, so that `import sweeps` loads neither Ray nor a model.
"""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, field, fields, is_dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sweeps.declare.analysis_spec import AnalysisSpec
    from sweeps.declare.cells.resolve import ResolvedSweep
    from sweeps.declare.sampling_spec import SamplingSpec
    from sweeps.driver.datasets import DatasetStatus
    from sweeps.plan.summary import PlanSummary


@dataclass(frozen=True, kw_only=True, repr=False)
class Sweep:
    """A declared sweep; its fields are the keys of a sweep file.

    Attributes:
        name: letters, digits, - and _; the dataset's folder is data/<name> unless another is named.
        replicates: runs of each cell.
        axes: by parameter a list of values, {"lin": [first, last, count]}, {"log": [...]} or an array.
        fixed: parameters with one value.
        derived: parameters by a formula of other names.
        settings: parameters with a few values, shown side by side.
        analysis: what to show of the dataset.
        model: an installed model.
        seed: of all random numbers.
        zip: groups of axes that vary together.
        trajectory: steps at which runs are recorded.
        sampling: what is to be found out and how precisely, where not every run of every cell is trained.
        description: one line.
    """

    name: str
    replicates: int
    axes: Mapping[str, Any]
    fixed: Mapping[str, Any] = field(default_factory=dict)
    derived: Mapping[str, str | float] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    analysis: "AnalysisSpec | Mapping[str, Any] | None" = None
    model: str = "bocnn"
    seed: int = 0
    zip: Sequence[Sequence[str]] = ()
    trajectory: Any = None
    sampling: "SamplingSpec | Mapping[str, Any] | None" = None
    description: str = ""

    def __post_init__(self) -> None:
        """Take the keys as plain values, so that arrays or tuples of the caller's may change later."""
        for each in fields(self):
            object.__setattr__(self, each.name, _plain(getattr(self, each.name)))

    @property
    def keys(self) -> dict[str, Any]:
        """The keys of a sweep file and their values; those at their default are left out."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: value for name, value in values.items() if value != _DEFAULTS.get(name, ...)}

    @property
    def text(self) -> str:
        """The sweep file that declares this sweep."""
        from sweeps.declare.file.yaml_file import write

        return write(self.keys)

    @cached_property
    def resolved(self) -> "ResolvedSweep":
        """The sweep checked against its model: its cells, and how they draw.

        Raises:
            SweepFileError: every error of the sweep, each with its key.
        """
        from sweeps.declare.file.sweep_file import keys_in_python
        from sweeps.driver import open_keys

        return open_keys(keys_in_python(self.keys))

    def plan(
        self,
        out: str | Path | None = None,
        *,
        shard_runs: int | None = None,
        shard_seconds: float = 20.0,
        cores: int | None = None,
        gpu_hours: bool = False,
    ) -> "PlanSummary":
        """The plan: runs to train, how long they would take and what they would write; nothing is trained.

        Args:
            out: folder or URI of the dataset; data/<name> if left out.
            shard_runs: runs in a shard.
            shard_seconds: seconds of a trial in a shard.
            cores: on which the time is stated; None takes this machine's.
            gpu_hours: whether that of one GPU is stated too, at the rate of this machine's.
        Raises:
            SweepError: an error in the sweep, or the folder holds another one, or there is no GPU here.
        """
        from sweeps.driver.run import summary_of
        from sweeps.plan.cut import ShardSize
        from sweeps.plan.forecast import TimesAsked

        size, times = ShardSize(shard_runs, shard_seconds), TimesAsked(cores, gpu_hours)
        return summary_of(self.resolved, _location(out), shard_size=size, times=times)

    def run(
        self, out: str | Path | None = None, *, progress: bool = True, **options: Any
    ) -> "DatasetStatus":
        """Train the runs not published yet, and give the state of the dataset.

        Stopped at any time, the same call goes on from what is published.

        Args:
            out: folder or URI of the dataset; data/<name> if left out.
            progress: whether to print progress.
            options: fields of `sweeps.driver.options.RunOptions`, such as executor="local" or workers=4.
        Returns:
            Its `location` is what `analysis.open` takes; its `failed` names shards that failed.
        Raises:
            SweepError: an error in the sweep or the folder; or no shard could be published.
            KeyboardInterrupt: it was stopped by a signal.
        """
        from sweeps.declare.terminal import WordConsole
        from sweeps.driver.options import Output, RunOptions
        from sweeps.driver.run import train_sweeps
        from sweeps.driver.trainer import checked_status

        output = Output(*(WordConsole(stderr=err, quiet=not progress) for err in (False, True)))
        (end,) = train_sweeps(
            [lambda: self.resolved], _location(out), options=RunOptions(**options), output=output
        )
        return checked_status(end)

    def __repr__(self) -> str:
        varied = {**self.axes, **self.settings}
        counts = " × ".join(f"{name} {_count(form)}" for name, form in varied.items())
        return f"Sweep {self.name!r} of {self.model}: {counts}, {self.replicates} replicates"

    def _repr_html_(self) -> str:
        """Its keys in a table, as notebooks show it."""
        from sweeps.declare.html_table import html_table

        rows = [
            (key, f"{name}: {form}")
            for key in ("axes", "settings", "fixed", "derived")
            for name, form in getattr(self, key).items()
        ]
        return html_table(repr(self), rows)


_DEFAULTS: dict[str, Any] = {
    **{each.name: each.default for each in fields(Sweep) if each.default is not MISSING},
    **{key: {} for key in ("fixed", "derived", "settings")},
    "zip": [],
}


def load(sweep: str | Path, size: str | None = None, replicates: int | None = None) -> Sweep:
    """A shipped sweep by its name, or a sweep file.

    Args:
        sweep: the name or the path.
        size: one of the sweep's sizes, such as smoke.
        replicates: instead of the sweep's.
    Raises:
        SweepFileError: every error of the file, each with its line.
        SweepError: there is no such sweep.
    """
    from sweeps.driver import open_keys
    from sweeps.driver.steps import keys_of

    keys = keys_of(str(sweep), replicates, size=size)
    resolved = open_keys(keys)
    values = {key: value for key, value in (keys.values or {}).items() if key != "sizes"}
    loaded = Sweep(**values)
    loaded.__dict__["resolved"] = resolved  # keeps the file's text, with its comments
    return loaded


def _plain(value: Any) -> Any:
    """A value as a file would hold it: lists for tuples and arrays, numbers of Python for NumPy's."""
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_plain(item) for item in value]
    return value


def _location(out: str | Path | None) -> str | None:
    return None if out is None else str(out)


def _count(form: Any) -> int | str:
    """How many values a form of an axis has; a question mark where it is none."""
    from sweeps.declare.axis import AxisError, read_axis

    try:
        return len(read_axis(form).values)
    except AxisError:
        return "?"
