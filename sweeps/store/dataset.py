"""The dataset of a sweep: Parquet files of rows, one a shard, named by the runs that they hold.

A published file is complete, and there is no other ledger. Next to the shards is `_sweep.json`, the
resolved sweep in its latest form, and `_given.json`, the text that it was read from. What was recorded
along the training of a shard's runs is in a file of its own, published before the shard.
"""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pyarrow import fs as arrow_fs

from sweeps.declare.cells.identity import shard_name
from sweeps.declare.content import content_digest
from sweeps.declare.file_names import DAMAGED, GIVEN, MANIFEST, TRAJECTORY, is_shard, records_of
from sweeps.errors import SweepError
from sweeps.models.protocol import Columns, Model, RecordsTrajectory
from sweeps.store.inspection import Inspection, inspection
from sweeps.store.manifest import read_manifest
from sweeps.store.schema import file_metadata, table_schema, to_table, trace_schema
from sweeps.store.shard_file import (
    DIGEST,
    DamagedFile,
    Found,
    Owner,
    PublishedShard,
    decode,
    read_shard,
    sound_table,
    texts,
    whole,
)
from sweeps.store.store import Store

READ_AT_ONCE = 8
"""Files: reading one waits for an object store more than it works."""

_Stamp = tuple[Any, ...]


class DatasetFolder:
    """The published rows of one sweep in one folder."""

    def __init__(self, location: str) -> None:
        self.store = Store(location)
        self._sound: dict[str, tuple[_Stamp, PublishedShard]] = {}

    @property
    def location(self) -> str:
        """The folder, as the user named it."""
        return self.store.location

    def shards(self) -> list[str]:
        """Names of the files of rows, sorted.

        Raises:
            SweepError: something else than a file has the name of one.
        """
        return self._shards(self.store.entries())

    def manifest(self) -> dict[str, Any] | None:
        """The resolved sweep of this folder, or None where none was started.

        Raises:
            SweepError: the file is there and is not a resolved sweep.
        """
        entry = self.store.entries().get(MANIFEST)
        if entry is None:
            return None
        if entry.type != arrow_fs.FileType.File:
            raise SweepError(f"{self.location}/{MANIFEST} is not a file; move it away")
        return read_manifest(whole(self.store, MANIFEST), f"{self.location}/{MANIFEST}")

    def write_manifest(self, sweep: dict[str, Any]) -> None:
        """Publish the resolved sweep."""
        self.store.put(MANIFEST, json.dumps(sweep, ensure_ascii=False, indent=1).encode())

    def write_given(self, given: dict[str, Any]) -> None:
        """Publish what the user gave: `text`, `size`, `replicates`."""
        self.store.put(GIVEN, json.dumps(given, ensure_ascii=False, indent=1).encode())

    def carried(self, owner: Owner) -> dict[str, Any]:
        """The resolved sweep as the files themselves carry it: what to go by where it was lost.

        Raises:
            SweepError: no sound file carries one.
        """
        carried = sorted({shard.sweep for shard in self.inspect(owner).shards.values()})
        source = f"the sweep in the files of {self.location}"
        sweeps = [read_manifest(sweep.encode(), source) for sweep in carried]
        if not sweeps:
            raise SweepError(f"{self.location} has no {MANIFEST}, and no file in it is undamaged")
        return max(sweeps, key=lambda sweep: int(sweep["planned_runs"]))

    def owner(self) -> Owner:
        """Whose rows the files hold, as the first of them that says it does.

        Raises:
            SweepError: there is none, or none says it.
        """
        names = self.shards()
        if not names:
            raise SweepError(f"{self.location} holds no sweep: there is no {MANIFEST} in it")
        for name in names:
            with suppress(
                FileNotFoundError, DamagedFile, ValueError, KeyError, TypeError, RecursionError
            ):
                said = decode(self.store, name, texts)
                return Owner(str(json.loads(said["sweep"])["name"]), int(said["numerics_version"]))
        raise SweepError(
            f"{self.location} holds Parquet files and no {MANIFEST}, and {names[0]} does not say of "
            "which sweep it is; move it away, or name the folder of a sweep"
        )

    def inspect(self, owner: Owner) -> Inspection:
        """Read and check every file of rows; those that have not changed since are not read again.

        A compaction publishes a large file before it removes the small ones, so where one has gone
        meanwhile the folder is listed again. It ends: each time one of finitely many has gone for good.

        Args:
            owner: whose rows the files must hold.
        Raises:
            SweepError: a file is of something else, or cannot be opened.
        """
        while True:
            entries = self.store.entries()
            found, damaged = {}, {}
            names = self._shards(entries)
            pool = ThreadPoolExecutor(READ_AT_ONCE)
            try:
                reads = [pool.submit(self._shard, name, owner, entries) for name in names]
                for name, shard in zip(names, reads, strict=True):
                    try:
                        found[name] = shard.result()
                    except DamagedFile as damage:
                        damaged[name] = str(damage)
                if damaged.keys() <= set(self.shards()):
                    return inspection(self.store, found, damaged)
            except FileNotFoundError:
                continue
            finally:
                pool.shutdown(cancel_futures=True)

    def set_aside(self, owner: Owner) -> list[str]:
        """Rename damaged shards, and their records, so that nothing reads them; what was done, in words.

        Args:
            owner: whose rows the files must hold.
        """
        said = []
        for name, why in self.inspect(owner).damaged.items():
            entries = self.store.entries()
            for old in (name, records_of(name)):
                if old in entries:
                    names = (f"{DAMAGED}{old}.{number}" for number in range(1, len(entries) + 2))
                    new = next(aside for aside in names if aside not in entries)
                    self.store.rename(old, new)
                    said.append(f"{old} is now {new}: {name} {why}")
        return said

    def read(self, name: str) -> pa.Table:
        """All columns of one file, compared with its digest.

        Raises:
            SweepError: it is damaged, or cannot be opened.
            FileNotFoundError: it has gone.
        """
        return self._decoded(name, sound_table)

    def schema(self, name: str) -> pa.Schema:
        """The schema of one file.

        Raises:
            SweepError, FileNotFoundError: as `read`.
        """
        return self._decoded(name, lambda file: file.schema_arrow)

    def metadata(self, name: str) -> dict[str, str]:
        """The metadata of one file.

        Raises:
            SweepError, FileNotFoundError: as `read`.
        """
        return self._decoded(name, texts)

    def _decoded(self, name: str, look: Callable[[pq.ParquetFile], Found]) -> Found:
        try:
            return decode(self.store, name, look)
        except DamagedFile as damage:
            raise SweepError(f"{self.location}/{name} {damage}") from None

    def _shards(self, entries: dict[str, arrow_fs.FileInfo]) -> list[str]:
        """Names of the files of rows among the entries of the folder."""
        names = sorted(filter(is_shard, entries))
        for name in names:
            if entries[name].type != arrow_fs.FileType.File:
                raise SweepError(
                    f"{self.location}/{name} has the name of a file of rows and is not a file; move it away"
                )
        return names

    def _shard(
        self, name: str, owner: Owner, entries: dict[str, arrow_fs.FileInfo]
    ) -> PublishedShard:
        """A file of rows; one that has not changed since it was checked is not read again."""
        infos = (entries[name], entries.get(records_of(name)))
        stamp = (owner, *((info.size, info.mtime_ns) for info in infos if info))
        before, shard = self._sound.get(name, (None, None))
        if shard is None or before != stamp:
            beside = {e for e, info in entries.items() if info.type == arrow_fs.FileType.File}
            shard = read_shard(self.store, name, owner, beside)
            self._sound[name] = (stamp, shard)
        return shard


class Writer:
    """A worker's view of the dataset, to publish shards: picklable, and free of the plan."""

    def __init__(self, location: str, sweep: str, model: Model, auxiliary: dict[str, str]) -> None:
        self.location, self._sweep, self._model = location, sweep, model
        self._auxiliary = auxiliary

    def keep(self, name: str, text: str) -> None:
        """Keep a text beside the shards; where none can be written, the shards say why.

        Args:
            name: of the file.
            text: its content.
        """
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
            The digest of the rows.
        """
        schema = table_schema(self._model, self._auxiliary)
        return self.put_table(shard_name(ids), to_table(schema, ids, columns), extra)

    def publish_trajectory(self, ids: NDArray[Any], traces: Columns, extra: dict[str, Any]) -> str:
        """Publish what was recorded on the runs of one shard: before the shard, which says done.

        Args:
            ids: run identities of the shard, dtype ID_DTYPE.
            traces: recorded columns, and `run`, the position of a record's run among `ids`.
            extra: further metadata of the file.
        Returns:
            The digest of the records, which the shard states.
        """
        assert isinstance(self._model, RecordsTrajectory)
        table = to_table(trace_schema(self._model), ids[traces["run"]], traces)
        return self.put_table(shard_name(ids, TRAJECTORY), table, extra)

    def put_table(self, name: str, table: pa.Table, extra: dict[str, Any]) -> str:
        """Publish a table under a name, with what each file says of itself.

        Args:
            name: of the file.
            table: its rows.
            extra: metadata beside what every file carries.
        Returns:
            Digest of the table's content.
        Raises:
            SweepError: the folder cannot be written.
        """
        digest = content_digest(table)
        extra = {**extra, DIGEST: digest}
        table = table.replace_schema_metadata(file_metadata(self._sweep, self._model, extra))
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink, compression="zstd", write_page_checksum=True)
        Store(self.location).put(name, sink.getvalue().to_pybytes())
        return digest
