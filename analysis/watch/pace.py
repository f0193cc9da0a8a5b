"""How fast a dataset grows, and on which nodes, from what its files say of themselves.

Times are those of the driver that published a file, so that neither clocks that differ nor a compaction,
which writes old rows into new files, change them.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from analysis.dataset.provenance import parts_of
from analysis.dataset.shards import decode, texts

PERIOD_S = 60.0
"""The rate is that of so many last seconds of training, or of two shards where these take longer."""


class Publication(NamedTuple):
    """Rows that a driver published at once: its name, seconds since its start, and those of training."""

    rows: int
    session: str
    session_s: float
    wall_s: float
    node: str


class Node(NamedTuple):
    """A node: shards and runs that it has published, and its runs per second of late."""

    name: str
    shards: int
    runs: int
    runs_per_s: float


class Pace(NamedTuple):
    """Runs per second of late, all nodes together, and the longest that a shard has taken."""

    runs_per_s: float
    shard_s: float
    nodes: tuple[Node, ...]


def read_publications(files: Any, path: str) -> list[Publication]:
    """What a shard says of how its rows came; nothing where it does not say it.

    Args:
        files: a file system of pyarrow.
        path: of the shard.
    Raises:
        AnalysisError: it is no Parquet file.
        FileNotFoundError: it has gone.
    """
    footer = decode(files, path, lambda shard: shard.metadata)
    notes = parts_of(texts(footer.metadata), footer.num_rows)
    return [found for note in notes if (found := _publication(note)) is not None]


def _publication(note: Mapping[str, str]) -> Publication | None:
    try:
        times = float(note["session_s"]), float(note["wall_s"])
        rows = int(note["rows"])
    except (KeyError, ValueError):
        return None
    if not all(map(math.isfinite, times)):
        return None
    return Publication(rows, note.get("session", ""), *times, note.get("node", ""))


def pace_of(published: Iterable[Publication], session: str) -> Pace | None:
    """The pace of one start of a driver.

    Args:
        published: of all files.
        session: the driver's present start.
    Returns:
        None where no file is of it.
    """
    every = list(published)
    own = [one for one in every if one.session == session]
    if not own:
        return None
    shard_s, last = max(one.wall_s for one in own), max(one.session_s for one in own)
    period = max(PERIOD_S, 2 * shard_s)
    began = max(last - period, min(one.session_s - one.wall_s for one in own))
    lately = [one for one in own if one.session_s > last - period]
    # A shard of the first moment may have taken less than the clock tells.
    seconds = max(last - began, 1e-3)
    nodes = tuple(
        Node(
            name,
            sum(one.node == name for one in every),
            sum(one.rows for one in every if one.node == name),
            sum(one.rows for one in lately if one.node == name) / seconds,
        )
        for name in sorted({one.node for one in every})
    )
    return Pace(sum(one.rows for one in lately) / seconds, shard_s, nodes)
