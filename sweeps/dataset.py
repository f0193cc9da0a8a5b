"""The dataset of a sweep: Parquet files of rows, one a shard, named by the runs that they hold.

What is done is what is published: there is no other ledger. Next to the shards lies `_sweep.json`, the
resolved sweep in its latest form, and `_given.json`, the text that it was read from. What was recorded
along the training of a shard's runs lies in a file of its own, published before the shard.
"""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import version
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from sweeps.identity import ID_DTYPE, shard_name
from sweeps.mistakes import SweepError
from sweeps.protocol import Columns, Model, Tracing
from sweeps.schema import SCHEMA_VERSION, file_metadata, table_schema, to_table, trace_schema
from sweeps.spec import Spec
from sweeps.store import Store

MANIFEST = "_sweep.json"
GIVEN = "_given.json"
"""The sweep file's text as the user gave it, with its comments, and the size and replicates asked for."""
TRAJECTORY = "trajectory"
REPLACES = "replaces"
NOTES = "notes"
"""Keys of a compacted file's metadata: the files whose rows it holds, and what they said of themselves."""

_SAID = {"wall_s", "compile_s", "session", "session_s", "slots", "node", "engine", "device"}

_MANIFEST_KEYS = {*Spec._fields, "planned_runs"} - Spec._field_defaults.keys()


class Owner(NamedTuple):
    """Whose rows a file must hold: the sweep's name and the model's numerics version."""

    name: str
    numerics_version: int


class Dataset:
    """The published rows of one sweep in one folder."""

    def __init__(self, location: str) -> None:
        self.store = Store(location)

    @property
    def location(self) -> str:
        """The folder, as the user named it."""
        return self.store.location

    def shards(self) -> list[str]:
        """Names of the published Parquet files, trajectories left out."""
        return [
            name
            for name in self.store.names()
            if name.endswith(".parquet") and not name.startswith(f"{TRAJECTORY}-")
        ]

    def manifest(self) -> dict[str, Any] | None:
        """The resolved sweep of this folder, or None where none was started.

        Raises:
            SweepError: the file is there and is not a resolved sweep.
        """
        if MANIFEST not in self.store.names():
            return None
        try:
            found = json.loads(self.store.get(MANIFEST))
            if found["schema_version"] != SCHEMA_VERSION:
                raise SweepError(
                    f"{self.location} has schema version {found['schema_version']}; this version of "
                    f"bocnn-sweep reads {SCHEMA_VERSION}; name another --out"
                )
            if missing := _MANIFEST_KEYS - found.keys():
                raise KeyError(*missing)
        except (ValueError, KeyError, TypeError):
            raise SweepError(
                f"{self.location}/{MANIFEST} is not a resolved sweep; move it away, or name another "
                "--out"
            ) from None
        return dict(found)

    def write_manifest(self, sweep: dict[str, Any]) -> None:
        """Publish the resolved sweep."""
        self.store.put(MANIFEST, json.dumps(sweep, ensure_ascii=False, indent=1).encode())

    def write_given(self, given: dict[str, Any]) -> None:
        """Publish what the user gave: `text`, `size`, `replicates`."""
        self.store.put(GIVEN, json.dumps(given, ensure_ascii=False, indent=1).encode())

    def carried(self, owner: Owner) -> dict[str, Any]:
        """The resolved sweep as the files themselves carry it: what to go by where it was lost."""
        tables = self._whole(owner, "run_id")
        sweeps = [json.loads(table.schema.metadata[b"sweep"]) for table in tables]
        return dict(max(sweeps, key=lambda sweep: sweep["planned_runs"]))

    def owner(self) -> Owner:
        """Whose rows the files hold, as the first of them says.

        Raises:
            SweepError: there is none, or it does not say.
        """
        names = self.shards()
        if not names:
            raise SweepError(f"{self.location} holds no sweep: there is no {MANIFEST} in it")
        try:
            said = self.metadata(names[0])
            return Owner(json.loads(said["sweep"])["name"], int(said["numerics_version"]))
        except (pa.ArrowException, OSError, ValueError, KeyError, TypeError):
            raise SweepError(
                f"{self.location} holds Parquet files and no {MANIFEST}, and {names[0]} does not say of "
                "which sweep it is; move it away, or name the folder of a sweep"
            ) from None

    def published(self, owner: Owner) -> NDArray[Any]:
        """Identities of every published run, dtype ID_DTYPE, each once.

        Args:
            owner: what the files must be of.
        Raises:
            SweepError: a file is corrupted, or is not of this sweep and model.
        """
        columns = [id_array(table) for table in self._whole(owner, "run_id")]
        return np.unique(np.concatenate([np.zeros(0, dtype=ID_DTYPE), *columns]))

    def statuses(self, owner: Owner) -> Counter[str]:
        """How many published runs ended in each status, each run once."""
        tables = self._whole(owner, "run_id", "status")
        if not tables:
            return Counter()
        table = pa.concat_tables(tables)
        ids = id_array(table)
        _, first = np.unique(ids, return_index=True)
        status = (
            table["status"] if first.size == ids.size else table["status"].take(pa.array(first))
        )
        return Counter({c["values"]: c["counts"] for c in status.value_counts().to_pylist()})

    def notes(self, shards: list[str]) -> Iterator[dict[str, str]]:
        """What files say of how they came to be: session, seconds, node."""
        for shard in shards:
            try:
                said = self.metadata(shard)
            except FileNotFoundError:  # a compaction has removed it
                continue
            yield from (
                json.loads(said[NOTES])
                if NOTES in said
                else [{key: said[key] for key in said.keys() & _SAID}]
            )

    def metadata(self, name: str) -> dict[str, str]:
        """The metadata of one file."""
        with self.store.open(name) as stream:
            found = pq.read_metadata(stream).metadata or {}
        return {key.decode(): value.decode() for key, value in found.items()}

    def schema(self, name: str) -> pa.Schema:
        """The schema of one file."""
        with self.store.open(name) as stream:
            return pq.read_schema(stream)

    def sizes(self) -> dict[str, int]:
        """Bytes of each published file of rows."""
        sizes = self.store.sizes()
        return {name: sizes[name] for name in self.shards()}

    def read(self, name: str, owner: Owner) -> pa.Table:
        """All columns of one file."""
        return self._read(name, owner)

    def _whole(self, owner: Owner, *columns: str) -> list[pa.Table]:
        """Columns of every file of rows; looked up again where a compaction removes some meanwhile.

        It ends: each time at least one of finitely many files has gone for good.
        """
        while True:
            names = self.shards()
            try:
                return [self._read(name, owner, *columns) for name in names]
            except SweepError:
                if set(names) <= set(self.shards()):
                    raise

    def _read(self, shard: str, owner: Owner, *columns: str) -> pa.Table:
        """Columns of one file, after its metadata was checked."""
        remedy = (
            f"move {self.location}/{shard} away and run the same command again: "
            "only the runs that it held are trained again"
        )
        try:
            with self.store.open(shard) as stream:
                file = pq.ParquetFile(stream, page_checksum_verification=True)
                metadata = file.schema_arrow.metadata or {}
                if metadata.get(b"schema_version") != str(SCHEMA_VERSION).encode():
                    raise SweepError(
                        f"{shard} was not written by this version of bocnn-sweep; {remedy}"
                    )
                name, version = (
                    json.loads(metadata[b"sweep"])["name"],
                    metadata[b"numerics_version"],
                )
                if name != owner.name:
                    raise SweepError(
                        f"{shard} is of the sweep {name!r}, not {owner.name!r}; {remedy}"
                    )
                if int(version) != owner.numerics_version:
                    raise SweepError(
                        f"{shard} is of the model's numerics version {int(version)}, not "
                        f"{owner.numerics_version}: other numbers; name another --out, or {remedy}"
                    )
                return file.read(columns=list(columns)).select(columns) if columns else file.read()
        except (pa.ArrowException, OSError, ValueError, KeyError, TypeError) as error:
            raise SweepError(
                f"{shard} is not a readable Parquet file of a sweep ({error}); {remedy}"
            ) from None


class Writer:
    """What a worker needs to publish shards: picklable, and free of the plan."""

    def __init__(self, location: str, sweep: str, model: Model, auxiliary: dict[str, str]) -> None:
        self.location, self._sweep, self._model = location, sweep, model
        self._auxiliary = auxiliary

    def keep(self, name: str, text: str) -> None:
        """Keep a text beside the shards; where none can be written, the shards say why."""
        with suppress(SweepError):
            Store(self.location).put(name, text.encode())

    def is_published(self, ids: NDArray[Any]) -> bool:
        """Whether a file of just these runs is there already."""
        return Store(self.location).has(shard_name(ids))

    def publish(self, ids: NDArray[Any], columns: Columns, extra: dict[str, Any]) -> str:
        """Publish the rows of one shard.

        Args:
            ids: run identities, dtype ID_DTYPE.
            columns: every column but `run_id`.
            extra: further metadata of the file, such as device and seconds.
        Returns:
            The file's name.
        """
        schema = table_schema(self._model, self._auxiliary)
        return self.put_table(shard_name(ids), to_table(schema, ids, columns), extra)

    def publish_trajectory(self, ids: NDArray[Any], traces: Columns, extra: dict[str, Any]) -> str:
        """Publish what was recorded on the runs of one shard: before the shard, which says done.

        Args:
            ids: run identities of the shard, dtype ID_DTYPE.
            traces: recorded columns, and `run`, the place of a record's run among `ids`.
            extra: further metadata of the file.
        Returns:
            The file's name.
        """
        assert isinstance(self._model, Tracing)
        table = to_table(trace_schema(self._model), ids[traces["run"]], traces)
        return self.put_table(shard_name(ids, TRAJECTORY), table, extra)

    def put_table(self, name: str, table: pa.Table, extra: dict[str, Any]) -> str:
        """Publish a table under a name, with what each file says of itself."""
        extra = {"code_version": version("bocnn"), **extra}
        table = table.replace_schema_metadata(file_metadata(self._sweep, self._model, extra))
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink, compression="zstd", write_page_checksum=True)
        Store(self.location).put(name, sink.getvalue().to_pybytes())
        return name


def id_array(table: pa.Table) -> NDArray[Any]:
    """The run identities of a table, dtype ID_DTYPE."""
    column = table["run_id"].combine_chunks()
    width = column.type.byte_width
    raw = column.buffers()[1]
    if raw is None:
        return np.zeros(0, dtype=ID_DTYPE)
    return np.frombuffer(raw, dtype=ID_DTYPE, count=len(column), offset=column.offset * width)
