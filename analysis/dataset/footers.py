"""Summary of a dataset from the footers of its Parquet files, without reading rows."""

from collections.abc import Sequence, Set
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from analysis.dataset.manifest import default_of
from analysis.dataset.shards import check_records, decode, texts


def read_footer(files: Any, path: str, names: Set[str]) -> pq.FileMetaData:
    """A shard's footer, after its records were looked for among the files of the folder.

    Args:
        files: the filesystem.
        path: the shard.
        names: the files of its folder.
    Raises:
        AnalysisError: it is no Parquet file, or its records are missing.
    """
    footer = decode(files, path, lambda shard: shard.metadata)
    check_records(files, path, texts(footer.metadata), names)
    return footer


def constants(
    footers: Sequence[pq.FileMetaData], schemas: Sequence[pa.Schema], like: pa.Schema
) -> dict[str, Any]:
    """Columns of which the statistics of every row group show the same single value and no null.

    Args:
        footers: of every file.
        schemas: theirs.
        like: the dataset's; what a file lacks is at its default.
    Returns:
        The value of each such column.
    """
    found: dict[str, Any] = {}
    positions = [{name: k for k, name in enumerate(schema.names)} for schema in schemas]
    for name in like.names:
        values = {
            _single(footer.row_group(group).column(at[name]).statistics)
            if name in at
            else default_of(like.field(name))
            for footer, at in zip(footers, positions, strict=True)
            for group in range(footer.num_row_groups)
        }
        if len(values) == 1 and (value := values.pop()) is not None:
            found[name] = value
    return found


def _single(statistics: Any) -> Any:
    """The one value of a row group's column, or None where there may be more."""
    if statistics is None or not statistics.has_min_max or statistics.null_count:
        return None
    value = statistics.min
    return value if value == statistics.max and np.ndim(value) == 0 else None
