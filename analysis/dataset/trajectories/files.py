"""Reads records along the training: which runs have them, and their contents."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from analysis.dataset.plane import Floats
from analysis.dataset.shards import decode, entries, open_folder
from analysis.errors import AnalysisError, one_line
from sweeps.declare.axis import is_log
from sweeps.declare.document.document import SweepDocument

MAX_SHOWN_REPLICATES = 1000
"""Replicates that medians and bands are taken over, the first ones: more would not be seen in a figure."""
ROWS_PER_BATCH = 1 << 16

STEP = "step"
"""The column of the steps taken so far, the abscissa of curves along the training."""

Run = dict[str, Any]
"""Columns that identify a run: run_id, status, and its values of axes and settings."""
Cell = dict[str, Any]
"""Values of axes and settings that recorded runs share."""


class Folder(NamedTuple):
    """A dataset's files that belong together: the folder, and paths of shards, each with its records."""

    files: Any
    folder: str
    pairs: list[tuple[str, str]]

    def schema(self, column: int) -> pa.Schema:
        """Schema of the shards (column 0) or of the records (1)."""
        while True:
            try:
                path = self.paired()[0][column]
                return decode(self.files, path, lambda file: file.schema_arrow)
            except FileNotFoundError:
                continue

    def tables(self, column: int, names: Sequence[str]) -> Iterable[pa.Table]:
        """Columns of all shards or all records, BATCH rows at a time.

        Where a compaction removes files meanwhile, rows come again from the file that holds them now: each
        run, or each record, is to be taken once.

        Args:
            column: 0 for the shards, 1 for their records.
            names: columns to read.
        Raises:
            AnalysisError: a file that cannot be read, or whose columns are not those of the first one.
        """
        first, done = self.schema(column), set[str]()
        while left := [pair[column] for pair in self.paired() if pair[column] not in done]:
            for path in left:
                try:
                    yield from self._batches(path, names, first)
                except FileNotFoundError:
                    break
                done.add(path)

    def paired(self) -> list[tuple[str, str]]:
        """The pairs that are there now.

        Raises:
            AnalysisError: they were there and are not any more.
        """
        pairs = _pairs(self.files, self.folder)
        if not pairs:
            raise AnalysisError(
                f"{self.folder} has lost its records along the training while they were read. Run the "
                "sweep again."
            )
        return pairs

    def _batches(self, path: str, names: Sequence[str], first: pa.Schema) -> Iterable[pa.Table]:
        with self.files.open_input_file(path) as stream:
            try:
                file = pq.ParquetFile(stream, page_checksum_verification=True)
                _check_columns(file.schema_arrow, first, names, path=path)
                for batch in file.iter_batches(ROWS_PER_BATCH, columns=list(names)):
                    yield pa.Table.from_batches([batch]).replace_schema_metadata()
            except (pa.ArrowException, OSError) as error:
                raise AnalysisError(
                    f"Cannot read {path} ({one_line(error)}); expected a complete Parquet file. Run the "
                    "sweep again: it sets the file aside, and only its runs are trained again."
                ) from error


def _check_columns(found: pa.Schema, first: pa.Schema, names: Sequence[str], *, path: str) -> None:
    """Refuse a file without the columns of the others."""
    kinds = [dict(zip(schema.names, schema.types, strict=True)) for schema in (found, first)]
    for name in names:
        own, expected = (of.get(name) for of in kinds)
        if own is None or own != expected:
            raise AnalysisError(
                f"{path} is foreign to this dataset: its column {name} is {own or 'missing'}, and that of "
                f"the first file {expected or 'too'}. Move it away with the shard of the same digest."
            )


class Records(NamedTuple):
    """Records of chosen runs at steps (steps,): values (measure, run, step), NaN where none is."""

    steps: Floats
    values: Floats


def on_log_steps(sweep: SweepDocument) -> bool:
    """Whether steps are to be shown on a logarithmic scale: as declared, else as they are spaced."""
    if sweep.trajectory is None:
        return False
    trained = np.array([step for step in sweep.trajectory.values if step], dtype=np.float64)
    return is_log(trained, sweep.trajectory.scale)


def find_records(location: str) -> Folder:
    """Shards with records beside them; a record without its shard is of a training cut short."""
    files, folder = open_folder(location)
    return Folder(files, folder, _pairs(files, folder))


def _pairs(files: Any, folder: str) -> list[tuple[str, str]]:
    """Paths of shards and of their records."""
    found = entries(files, folder)
    names = {name for name, entry in found.items() if entry.type == pafs.FileType.File}
    return [
        (f"{folder}/{shard}", f"{folder}/{name}")
        for name in sorted(names)
        if name.startswith("trajectory-")
        and (shard := name.replace("trajectory", "shard", 1)) in names
    ]


def read_cells(folder: Folder, sweep: SweepDocument) -> list[Cell]:
    """The cells with records that the present sweep plans, each once.

    Args:
        folder: of the records.
        sweep: the present one.
    Returns:
        Values of axes and settings, cell by cell.
    Raises:
        AnalysisError: a file that cannot be read.
    """
    allowed = _allowed(folder, sweep)
    found: dict[tuple[Any, ...], Cell] = {}
    for table in _planned(folder, sweep, allowed, ()):
        cells = table.select(list(allowed)).group_by(list(allowed)).aggregate([]).to_pylist()
        found |= {tuple(cell.values()): cell for cell in cells}
    return list(found.values())


def read_runs(folder: Folder, sweep: SweepDocument, cells: Sequence[Cell]) -> list[Run]:
    """The runs of cells, each once, of at most MAX_SHOWN_REPLICATES replicates.

    Args:
        folder: of the records.
        sweep: the present one.
        cells: cells to read.
    Raises:
        AnalysisError: a file that cannot be read.
    """
    known = _allowed(folder, sweep)
    allowed = {name: tuple({cell[name] for cell in cells}) for name in known}
    wanted = {tuple(cell[name] for name in known) for cell in cells}
    found: dict[bytes, Run] = {}
    for table in _planned(folder, sweep, allowed, ("run_id", "status")):
        runs = table.to_pylist()
        found |= {r["run_id"]: r for r in runs if tuple(r[name] for name in known) in wanted}
    return list(found.values())


def _allowed(folder: Folder, sweep: SweepDocument) -> dict[str, tuple[Any, ...]]:
    """Values that the present sweep plans, of the columns that rows hold."""
    allowed = {name: axis.values for name, axis in sweep.axes.items()} | dict(sweep.settings)
    allowed |= {name: (value,) for name, value in sweep.fixed.items()}
    present = folder.schema(0).names
    return {name: tuple(values) for name, values in allowed.items() if name in present}


def _planned(
    folder: Folder,
    sweep: SweepDocument,
    allowed: Mapping[str, tuple[Any, ...]],
    names: Sequence[str],
) -> Iterable[pa.Table]:
    """Rows with allowed values and of the replicates that count, batch by batch."""
    most = min(sweep.replicates, MAX_SHOWN_REPLICATES)
    for table in folder.tables(0, [*names, "replicate", *allowed]):
        keep = pc.less(table["replicate"], most)
        for name, values in allowed.items():
            wanted = pa.array(_fitting(values, table[name].type), table[name].type)
            keep = pc.and_(keep, pc.is_in(table[name], value_set=wanted))
        yield table.filter(keep)


def _fitting(values: Sequence[Any], kind: pa.DataType) -> list[Any]:
    """Those of the values that a column of this type can hold; no row has another one."""
    if pa.types.is_string(kind):
        return [value for value in values if value is None or isinstance(value, str)]
    numbers = [value for value in values if not isinstance(value, str)]
    if pa.types.is_integer(kind):
        return [value for value in numbers if value is None or float(value).is_integer()]
    return numbers


def read_records(folder: Folder, runs: list[Run], measures: Sequence[str]) -> Records:
    """Records of the runs, at every step at which any of them has a record.

    A run that stopped keeps its last record; a null of one that diverged is NaN.

    Args:
        folder: of the records.
        runs: runs to read.
        measures: recorded columns.
    Raises:
        AnalysisError: records that belong to another dataset, or cannot be read.
    """
    kind = folder.schema(0).field("run_id").type
    found = dict(zip(folder.schema(1).names, folder.schema(1).types, strict=True)).get("run_id")
    if found != kind:
        raise AnalysisError(
            f"{folder.paired()[0][1]} is foreign to this dataset: its column run_id is "
            f"{found or 'missing'}, and that of the runs {kind}. Move it away with the shard of the same "
            "digest and run the sweep again: only its runs are trained again."
        )
    ids = pa.array([run["run_id"] for run in runs], kind)
    table = pa.concat_tables(
        part.filter(pc.is_in(part["run_id"], value_set=ids))
        for part in folder.tables(1, ["run_id", STEP, *measures])
    )
    run = pc.index_in(table["run_id"], value_set=ids).to_numpy()
    steps, at = np.unique(table["step"].to_numpy(), return_inverse=True)
    values = np.full((len(measures), len(runs), len(steps)), np.nan)
    for k, name in enumerate(measures):
        values[k, run, at] = table[name].cast(pa.float64()).to_numpy()
    written = np.zeros((len(runs), len(steps)), dtype=bool)
    written[run, at] = True
    last = np.maximum.accumulate(np.where(written, np.arange(len(steps)), 0), axis=1)
    kept = np.take_along_axis(values, last[None], axis=2)
    return Records(steps.astype(np.float64), kept)
