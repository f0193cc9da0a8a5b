"""Models that note each run before they train it, and the sweeps of them that are killed."""

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from numpy.typing import NDArray

from bocnn.models.cnn.model import Bocnn
from sweeps.models.protocol import Model
from tests.toy import Toy

Columns = Mapping[str, NDArray[Any]]
Key = tuple[Any, ...]

PAUSE_S = 0.03
"""How long the toy sleeps for a run: shards take a second, so that kills find some in flight."""

KEYS = {
    "toy": ("x", "y", "p_flip", "replicate"),
    "adaptive": ("x", "y", "p_flip", "replicate"),
    "bocnn": ("v0", "mu_norm", "p_flip", "replicate"),
}
"""The columns that distinguish the runs of a sweep, by its model."""

TOY_SWEEP = """\
name: killed
model: toy
replicates: 40
axes: {x: [1.0, 2.0, 4.0], y: {log: [0.1, 10, 4]}}
settings: {p_flip: [0, 0.1]}
fixed: {cost: 1.0e+9}
"""
ADAPTIVE_SWEEP = """\
name: killed
model: toy
replicates: 400
axes: {x: [0.5, 1, 2], y: {log: [0.05, 20, 65]}}
settings: {p_flip: [0, 0.1]}
fixed: {noise: 0.1, cost: 1.0e+9}
analysis: {x: x, y: y, measure: error, levels: [0.25]}
sampling: {target: boundary, half_width: 0.06, at_most: 1000, round: 60}
"""
BOCNN_SWEEP = """\
name: killed
model: bocnn
replicates: 40
axes: {v0: [0.01, 0.1, 1.0], mu_norm: {log: [1, 10, 4]}}
settings: {p_flip: [0, 0.1]}
fixed: {n: 100, m: 10, d: 2000, sigma_0: 0.001, eta: 0.01, steps: 4000, n_test: 100}
"""


class Line(NamedTuple):
    """Runs that a process began to train together: its driver, itself, seconds of the epoch, which."""

    driver: int
    process: int
    at: float
    keys: list[Key]


@dataclass(frozen=True)
class WatchedToy(Toy):
    """The toy model, which waits for each run as if it trained it."""

    log: str = ""
    driver: int = 0

    def run(self, columns: Columns) -> dict[str, NDArray[Any]]:
        """Note the runs, then train them."""
        _note(self.log, self.driver, columns, KEYS["toy"])
        return super().run(columns)


class WatchedBocnn(Bocnn):
    """The real model, whose shards take about as long."""

    def __init__(self, log: str, driver: int) -> None:
        self.log, self.driver = log, driver

    def run(self, columns: Columns) -> dict[str, NDArray[Any]]:
        """Note the runs, then train them."""
        _note(self.log, self.driver, columns, KEYS["bocnn"])
        return super().run(columns)


def case(name: str, log: str, wait: bool) -> tuple[str, Model]:
    """A sweep and its model, with this process as driver; the toy waits only where it is killed."""
    if name != "bocnn":
        toy = WatchedToy(pause_s=PAUSE_S if wait else 0.0, log=log, driver=os.getpid())
        return ADAPTIVE_SWEEP if name == "adaptive" else TOY_SWEEP, toy
    return BOCNN_SWEEP, WatchedBocnn(log, os.getpid())


def read(log: Path) -> list[Line]:
    """What was noted, in order of time."""
    noted = [json.loads(line) for line in log.read_text().splitlines()]
    lines = [Line(d, p, at, [tuple(key) for key in keys]) for d, p, at, keys in noted]
    return sorted(lines, key=lambda line: line.at)


def _note(log: str, driver: int, columns: Columns, key: tuple[str, ...]) -> None:
    """Add a line in one write, so that lines of several processes do not mix."""
    keys = list(zip(*(columns[name].tolist() for name in key), strict=True))
    line = json.dumps([driver, os.getpid(), time.time(), keys]) + "\n"
    with open(log, "ab", buffering=0) as stream:
        stream.write(line.encode())
