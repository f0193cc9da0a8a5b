"""One published run, trained again: its measures beside the published ones, and its training."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sweeps.declare import recording
from sweeps.declare.axis import Axis
from sweeps.driver.datasets import sweep_of
from sweeps.driver.steps import owner_of
from sweeps.errors import SweepError, listed, shown
from sweeps.models.installed import load_model
from sweeps.models.protocol import HasOracle, Model, NeedsImages, RecordsTrajectory
from sweeps.provenance.source_code import code_of
from sweeps.store.dataset import DatasetFolder
from sweeps.store.shard_file import id_array
from sweeps.store.verify import parameters_of, values_of

_FEWEST_LETTERS = 4
"""Of a run's identity, in hexadecimal digits."""
_RECORDED = 12
"""Steps at which a run is recorded whose sweep does not say it."""


class MeasureAgain(NamedTuple):
    """A measure as it was published and as it is now; None is null."""

    name: str
    published: Any
    again: Any

    @property
    def same(self) -> bool:
        """Whether both are the same, bit for bit."""
        return bool(self.published == self.again)


class OracleMeasure(NamedTuple):
    """A measure of the run trained again and of its oracle; None is null."""

    name: str
    again: Any
    oracle: Any


class OracleRecord(NamedTuple):
    """The largest difference of a recorded column from its oracle's, and the step at which it is.

    `size` is the column's largest size along the training.
    """

    name: str
    difference: float
    step: int
    size: float


class Oracle(NamedTuple):
    """A run beside its oracle; records without a number at a step of either are left out there."""

    measures: tuple[OracleMeasure, ...]
    records: tuple[OracleRecord, ...]


class Rerun(NamedTuple):
    """A run that was trained again.

    Attributes:
        run_id: hexadecimal.
        parameters: by name; None is null.
        measures: each as published and as it is now.
        records: recorded columns by name, `step` first, shape (steps,) each; none where the model does not
            record.
        made_by: what the file of the run says made it.
        other_code: whether that was other source code than the present.
        oracle: the run beside its oracle, where that was asked for.
    """

    run_id: str
    parameters: Mapping[str, Any]
    measures: tuple[MeasureAgain, ...]
    records: Mapping[str, NDArray[Any]]
    made_by: Mapping[str, str]
    other_code: bool
    oracle: Oracle | None = None

    @property
    def same(self) -> bool:
        """Whether all measures are the same, bit for bit."""
        return all(measure.same for measure in self.measures)


class _Found(NamedTuple):
    """A row, and what its file says made it."""

    row: pa.Table
    made_by: Mapping[str, str]


def rerun(
    dataset: DatasetFolder,
    run_id: str,
    find_model: Callable[[str], Model] = load_model,
    *,
    oracle: bool = False,
) -> Rerun:
    """Train a published run again; nothing is written.

    Args:
        dataset: holds the run.
        run_id: its identity in hexadecimal digits, or the first of them.
        find_model: gives the model of a name.
        oracle: train it by the model's oracle too.
    Raises:
        SweepError: there is no such run, or several; it is of another numerics version; its model needs
            images, which a dataset does not hold; or it has no oracle that trains the run.
    """
    resolved = sweep_of(dataset, find_model)
    model = resolved.model
    if isinstance(model, NeedsImages) and model.locations:
        raise SweepError(
            f"the runs of {resolved.spec.name} may be trained on images, which the dataset does not hold; "
            "run its sweep file with --out of a new folder instead"
        )
    found = _find(dataset, list(dataset.inspect(owner_of(resolved)).shards), run_id)
    columns = {name: values_of(found.row[name]) for name in ("seed", "replicate")}
    columns |= parameters_of(model, found.row)
    steps = _steps(model, columns, resolved.spec.trajectory)
    measured, recorded = recording.train(model, columns, steps)
    beside = _beside(model, columns, steps, measured, recorded) if oracle else None
    return Rerun(
        run_id=id_array(found.row)[0].hex(),
        parameters={name: _plain(values[0]) for name, values in columns.items()},
        measures=tuple(
            MeasureAgain(name, found.row[name][0].as_py(), _plain(measured[name][0]))
            for name in (one.name for one in model.measures)
            if name in found.row.column_names
        ),
        records={name: values for name, values in recorded.items() if name != "run"},
        made_by=found.made_by,
        other_code=found.made_by.get("code_digest") != code_of(model).digest,
        oracle=beside,
    )


def _find(dataset: DatasetFolder, shards: list[str], run_id: str) -> _Found:
    """The row of a run.

    Raises:
        SweepError: there is none, or there are several.
    """
    wanted = run_id.strip().lower()
    if len(wanted) < _FEWEST_LETTERS or not set(wanted) <= set("0123456789abcdef"):
        expected = f"expected at least {_FEWEST_LETTERS} hexadecimal digits"
        raise SweepError(f"received the run {shown(run_id)}; {expected}")
    rows: dict[str, _Found] = {}
    for name in shards:
        table = dataset.read(name)
        for position, identity in enumerate(id_array(table)):
            if identity.hex().startswith(wanted):
                rows[identity.hex()] = _Found(table.slice(position, 1), dataset.metadata(name))
    if len(rows) != 1:
        found = f"{len(rows):,} runs: {listed(list(rows))}" if rows else "no such run"
        raise SweepError(f"received the run {shown(run_id)}; {dataset.location} has {found}")
    return next(iter(rows.values()))


def _steps(
    model: Model, columns: Mapping[str, NDArray[Any]], stated: recording.Steps
) -> recording.Steps:
    """The steps at which the run is recorded: those of its sweep, else some on a log scale."""
    if not isinstance(model, RecordsTrajectory) or "steps" not in columns:
        return None
    most = int(columns["steps"][0])
    if stated is not None or most < 2:
        return stated or Axis(tuple(range(most + 1)), "list")
    return recording.read_steps({"log": [0, most, _RECORDED]})


def _beside(
    model: Model,
    columns: Mapping[str, NDArray[Any]],
    steps: recording.Steps,
    measured: Mapping[str, NDArray[Any]],
    recorded: Mapping[str, NDArray[Any]],
) -> Oracle:
    """The run beside its oracle.

    Raises:
        SweepError: the model has none, or none that trains the run.
    """
    if not isinstance(model, HasOracle):
        raise SweepError(f"received --oracle; the model {model.name} has no oracle")
    try:
        values, records = model.oracle(columns, np.array(steps.values if steps else (), np.int64))
    except ValueError as error:
        raise SweepError(f"received --oracle; {error}") from None
    differences = (
        _difference(name, recorded, records) for name in recorded if name not in ("run", "step")
    )
    return Oracle(
        tuple(
            OracleMeasure(name, _plain(measured[name][0]), _plain(values[name][0]))
            for name in values
        ),
        tuple(one for one in differences if one is not None),
    )


def _difference(
    name: str, recorded: Mapping[str, NDArray[Any]], records: Mapping[str, NDArray[Any]]
) -> OracleRecord | None:
    """The largest difference of a column; None without a step at which both have a number."""
    _, here, there = np.intersect1d(recorded["step"], records["step"], return_indices=True)
    ours, theirs = recorded[name][here], records[name][there]
    apart = np.abs(ours - theirs)
    if np.isnan(apart).all():
        return None
    k = int(np.nanargmax(apart))
    size = float(np.nanmax(np.abs(np.concatenate([ours, theirs]))))
    return OracleRecord(name, float(apart[k]), int(recorded["step"][here[k]]), size)


def _plain(value: Any) -> Any:
    """A measured value as a row gives it: NaN is null."""
    plain = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(plain, float) and np.isnan(plain) else plain
