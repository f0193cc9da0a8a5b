"""Names of the files in a dataset's folder: which of them hold rows, which hold records, which are aside.

A shard is a regular file whose name ends in `.parquet` and begins neither with `.` or `_`, as every reader
of Parquet folders skips, nor with `trajectory-`. Whoever reads or writes a folder goes by this rule.
"""

import re

MANIFEST = "_sweep.json"
GIVEN = "_given.json"
"""The sweep file's text as the user gave it, with its comments, and size and replicates beside it."""
PREDICTIONS = "_predictions.parquet"
"""What theory predicts of the sweep's measure: one row a cell."""
ROUNDS = "_rounds.parquet"
"""How the intervals of a sweep that samples adaptively narrowed: one row a round."""
MEDIAN_SUFFIX = "_median"
"""Of the prediction of the runs' median, beside that of their mean."""
TRAJECTORY = "trajectory"
FAILED = "_failed-"
"""How names of records begin of shards that failed after all retries."""
DAMAGED = "_damaged-"
"""How names of damaged files begin that were set aside."""

_SHARD_NAME = re.compile(r"shard-[0-9a-f]{32}\.parquet")


def is_shard(name: str) -> bool:
    """Whether a file of this name holds rows of runs."""
    return name.endswith(".parquet") and not name.startswith((".", "_", f"{TRAJECTORY}-"))


def is_own(name: str) -> bool:
    """Whether the name is one that shards are published under: the digest of their runs."""
    return _SHARD_NAME.fullmatch(name) is not None


def records_of(shard: str) -> str:
    """The file of what was recorded along the training of a shard's runs."""
    return f"{TRAJECTORY}-{shard.removeprefix('shard-')}"
