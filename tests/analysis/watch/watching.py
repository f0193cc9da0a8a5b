"""What tests of the page share: a dataset that grows, and a page of it that is served."""

import http.client
import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Queue
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa

from analysis.watch.watch import watch
from tests.analysis.synthetic import Planted, write_shard


def notes(
    session_s: float, rows: int, *, session: str = "first", node: str = "a"
) -> dict[str, str]:
    """What a shard says of its coming."""
    return {
        "session": session,
        "session_s": str(session_s),
        "wall_s": "4.0",
        "node": node,
        "rows": str(rows),
    }


@dataclass
class Growing:
    """A planted dataset whose rows come shard by shard, the cells of small d first."""

    folder: Path
    planted: Planted
    shards: int = 4

    def begin(self) -> "Growing":
        """Publishes the sweep, and no row."""
        self.folder.mkdir(parents=True)
        sweep = self.planted.sweep() | {"planned_runs": self.planted.table().num_rows}
        (self.folder / "_sweep.json").write_text(json.dumps(sweep))
        return self

    def publish(self, k: int) -> None:
        """Publishes one shard."""
        sweep = self.planted.sweep() | {"planned_runs": self.planted.table().num_rows}
        rows = np.array_split(np.arange(self.planted.table().num_rows), self.shards)[k]
        path, aside = self.folder / f"shard-{k}.parquet", self.folder / f".tmp-{k}"
        write_shard(
            aside, self.planted.table().take(pa.array(rows)), sweep, **notes(4.0 * (k + 1), 0)
        )
        aside.rename(path)


@dataclass
class Served:
    """A page that is served."""

    url: str
    ended: threading.Event
    thread: threading.Thread

    def get(self, path: str, method: str = "GET", **headers: str) -> tuple[int, str, Any]:
        """Status, body and headers of an answer."""
        address = urlsplit(self.url)
        connection = http.client.HTTPConnection(
            address.hostname or "", address.port or 0, timeout=10
        )
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        body = answer.read().decode()
        connection.close()
        return answer.status, body, answer.headers

    def state(self, have: str = "", dataset: str = "") -> dict[str, Any]:
        """The present state; empty where it is the one that the page has."""
        status, body, _ = self.get(f"/state.json?have={have}&dataset={dataset}")
        return json.loads(body) if status == 200 else {}

    def state_with(self, words: str) -> dict[str, Any]:
        """The first state in which some words are."""
        for _ in range(100):
            state = self.state()
            if words in json.dumps(state["regions"], ensure_ascii=False):
                return state
            self.thread.join(0.1)
        raise AssertionError(f"{words} not in {state['regions']}")


@contextmanager
def served(*locations: Path) -> Iterator[Served]:
    """A page of folders, served until the end of the body."""
    urls: Queue[str] = Queue()
    ended = threading.Event()
    names: Sequence[str] = [str(one) for one in locations]
    thread = threading.Thread(
        target=watch, args=[names, 0], kwargs={"show": urls.put, "ended": ended}
    )
    thread.start()
    try:
        yield Served(urls.get(timeout=10), ended, thread)
    finally:
        ended.set()
        thread.join(30)
        assert not thread.is_alive()
