"""Queries over a dataset's shards by duckdb: bounded memory, and only the columns that are wanted."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from analysis.dataset.manifest import default_of, lacking
from analysis.dataset.shards import decode, shard_paths
from analysis.errors import AnalysisError, one_line

MEMORY_LIMIT = "1GB"
"""Beyond this duckdb writes to disk."""
THREADS = 2


@dataclass(frozen=True)
class Shards:
    """Files that are queried together, as the table `runs`.

    `like` is the dataset's schema where some files lack columns of it, which are then at their default.
    """

    filesystem: Any  # of pyarrow
    folder: str
    paths: tuple[str, ...]
    local: bool
    like: pa.Schema | None = None

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> dict[str, Any]:
        """The result of a query, as NumPy arrays by column; nulls are masked.

        Args:
            sql: reads from the name `runs`.
            parameters: values of the query's question marks.
        Raises:
            AnalysisError: a file is damaged.
        """
        paths = list(self.paths)
        while True:
            try:
                return self._query(sql, parameters, paths)
            except duckdb.ProgrammingError:  # a query that is wrong, for which no file is to blame
                raise
            except (duckdb.Error, pa.ArrowException, OSError) as error:
                # A compaction has brought some files together: the rows are in the new one.
                before, paths = paths, shard_paths(self.filesystem, self.folder, self.folder)
                if set(before) <= set(paths):
                    raise AnalysisError(
                        f"Cannot read the rows of {self.folder} ({one_line(error)}). `bocnn verify` "
                        "names damaged files; run the sweep again: it sets them aside."
                    ) from error

    def _query(self, sql: str, parameters: Sequence[Any], paths: list[str]) -> dict[str, Any]:
        with duckdb.connect(config={"memory_limit": MEMORY_LIMIT, "threads": THREADS}) as engine:
            engine.execute("SET preserve_insertion_order = false")
            parts = self._parts(paths)
            for number, (some, _) in enumerate(parts):
                if self.local:
                    # Folders that are named like key=value add no columns.
                    files = engine.read_parquet(list(map(_literal, some)), hive_partitioning=False)
                    files.create_view(f"part_{number}")
                else:
                    import pyarrow.dataset as pads  # brings pandas, which takes long to import

                    table = pads.dataset(some, filesystem=self.filesystem, format="parquet")
                    engine.register(f"part_{number}", table)
            selects = (
                f"SELECT {columns} FROM part_{number}" for number, (_, columns) in enumerate(parts)
            )
            engine.execute(f"CREATE TEMP VIEW runs AS {' UNION ALL '.join(selects)}")
            return dict(engine.execute(sql, parameters).fetchnumpy())

    def _parts(self, paths: list[str]) -> list[tuple[list[str], str]]:
        """Files of the same columns, and all of the dataset's columns as a query lists them."""
        if self.like is None:
            return [(paths, "*")]
        groups: dict[str, list[str]] = {}
        for path in paths:
            found = decode(self.filesystem, path, lambda shard: shard.schema_arrow)
            missing = lacking(found, self.like)
            columns = (
                _default(self.like.field(name)) if name in missing else f'"{name}"'
                for name in self.like.names
            )
            groups.setdefault(", ".join(columns), []).append(path)
        return [(some, columns) for columns, some in groups.items()]


_TYPES = {"int64": "BIGINT", "int32": "INTEGER", "double": "DOUBLE", "string": "VARCHAR"}


def _default(field: pa.Field) -> str:
    """A column at its default, as a query lists it."""
    value = default_of(field)
    text = "NULL" if value is None else str(value).replace("'", "''")
    literal = text if value is None else f"'{text}'"
    return f'CAST({literal} AS {_TYPES[str(field.type)]}) AS "{field.name}"'


def _literal(path: str) -> str:
    """A path as duckdb takes it for one file, whatever characters it has."""
    return re.sub(r"([*?[])", r"[\1]", str(Path(path).absolute()))
