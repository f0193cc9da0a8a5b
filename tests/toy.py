"""A second model of the sweep protocol, with a planted boundary: a run is a formula, not a training.

With b = constant · x^exponent · (shift where p_flip > 0, else 1), a run's error is

    error = clip(0.5 / (1 + (y / b)^(1 / width)) + noise · z, 0, 0.5),   z ~ N(0, 1).

Error and clipping are symmetric about 0.25 in log(y / b), so the *expected* error is exactly
`LEVEL` = 0.25 at y = b and falls with y. z is a pure function of (seed, x, y, replicate): p_flip and
all other parameters leave it as it is, so settings are paired.

How a run is disturbed (`pause_s`, `fail`, `kill_at`) is of the instance, not a parameter: it never
enters a run's identity, as `dataclasses.replace(TOY, fail=3)` shows.
"""

import math
import os
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.25
STATUSES = ("ok", "unconverged", "diverged")


@dataclass(frozen=True)
class Column:
    """A column as the protocol wants it."""

    name: str
    type: str
    meaning: str
    interval: str = ""
    default: object = "required"
    choices: tuple[str, ...] = ()
    unit: str = "1"
    nullable: bool = False
    role: str = ""


PARAMETERS = (
    Column("x", "float64", "abscissa of the plane", "(0, inf)"),
    Column("y", "float64", "ordinate of the plane", "(0, inf)"),
    Column("p_flip", "float64", "label-flip probability", "[0, 0.5)", 0.0),
    Column("width", "float64", "width of the transition in log y", "(0, inf)", 0.3),
    Column("exponent", "float64", "exponent of the boundary", default=0.5),
    Column("constant", "float64", "boundary at x = 1", "(0, inf)", 1.0),
    Column("shift", "float64", "factor of the boundary where p_flip > 0", "(0, inf)", 1.5),
    Column("noise", "float64", "standard deviation of a run", "[0, inf)", 0.05),
    Column("stall", "float64", "runs with x below it do not converge", "[0, inf)", 0.0),
    Column("blow_up", "float64", "runs with y above it diverge", "(0, inf)", 1e300),
    Column("cost", "float64", "flops of a run", "(0, inf)", 1e6, unit="flop"),
    Column("n", "int64", "a shape", "[1, 1000000]", 1),
    Column("word", "string", "a word", default="plain", choices=("plain", "fancy")),
)
WORDS = {"word": ("plain", "fancy")}
MEASURES = (
    Column("status", "string", "how the run ended", choices=STATUSES),
    Column("error", "float64", "error of the run"),
    Column("margin", "float64", "log(y / b)"),
    Column("ticks", "int64", "replicate + 1"),
)


@dataclass(frozen=True)
class Toy:
    """The model; `fail` and `kill_at` are replicates (-1: none), `pause_s` is slept for each run.

    The process that trains replicate `kill_at` is killed when it is the first to make `marker`.
    """

    pause_s: float = 0.0
    fail: int = -1
    kill_at: int = -1
    marker: str = ""
    numerics_version: int = 1
    shape_columns: tuple[str, ...] = ("n",)

    name = "toy"
    engine = "formula"
    parameters = PARAMETERS
    measures = MEASURES
    words = WORDS

    def flops(self, columns: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        """Cost of each run: what the column says."""
        return columns["cost"]

    def memory_bytes(self, columns: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        """Memory of each run: eight bytes for each of n."""
        return 8.0 * columns["n"]

    def run(self, columns: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """The measures of the runs, row by row."""
        self._disturb(columns["replicate"].tolist())
        names = list(columns)
        rows = zip(*(columns[name].tolist() for name in names), strict=True)
        measured = [_measure(dict(zip(names, row, strict=True))) for row in rows]
        status, *numbers = zip(*measured, strict=True)
        named = zip((column.name for column in MEASURES[1:]), numbers, strict=True)
        return {"status": np.array(status, dtype=object)} | {n: np.array(v) for n, v in named}

    def _disturb(self, replicates: list[int]) -> None:
        """Sleep, fail, or be killed, as configured."""
        time.sleep(self.pause_s * len(replicates))
        if self.fail in replicates:
            raise RuntimeError(f"replicate {self.fail} fails as configured")
        if self.kill_at in replicates and not Path(self.marker).exists():
            Path(self.marker).touch()
            os.kill(os.getpid(), signal.SIGKILL)


TRACE_MEASURES = (
    Column("step", "int64", "steps taken so far"),
    Column("height", "float64", "margin at that step"),
)


@dataclass(frozen=True)
class RecordingToy(Toy):
    """The toy that can also be recorded: after `step` steps a run is at (1 + step) times its margin."""

    trajectory_measures = TRACE_MEASURES

    def trajectory_flops(
        self, columns: Mapping[str, NDArray[Any]], steps: NDArray[Any]
    ) -> NDArray[Any]:
        """Cost of each run: recording costs nothing."""
        return self.flops(columns)

    def record(
        self, columns: Mapping[str, NDArray[Any]], steps: NDArray[Any]
    ) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
        """The measures of the runs, and a record of each at every step."""
        measured = self.run(columns)
        run = np.repeat(np.arange(columns["seed"].size), steps.size)
        step = np.tile(steps, columns["seed"].size)
        height = (1 + step) * measured["margin"][run]
        return measured, {"run": run, "step": step, "height": height}


@dataclass(frozen=True)
class Predicted:
    """A prediction as the protocol wants it."""

    name: str
    measure: str
    meaning: str = "the mean of the formula"
    source: str = "tests"


@dataclass(frozen=True)
class PredictingToy(Toy):
    """The toy that knows the mean of its error, of which `halved` has the boundary at half the y."""

    predictions = (
        Predicted("exact", "error"),
        Predicted("halved", "error"),
        Predicted("m", "margin"),
    )

    def predict(self, name: str, columns: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        """The mean of the measure of each cell; nothing is said of x above 50."""
        names = list(columns)
        rows = zip(*(columns[each].tolist() for each in names), strict=True)
        cells = [dict(zip(names, row, strict=True)) for row in rows]
        factor = 2.0 if name == "halved" else 1.0
        margins = np.array([math.log(factor * cell["y"] / boundary(cell)) for cell in cells])
        error = 0.25 - 0.25 * np.tanh(margins / (2 * columns["width"]))
        return np.where(columns["x"] > 50, np.nan, margins if name == "m" else error)


def boundary(row: Mapping[str, Any]) -> float:
    """The y at which the expected error of a row's setting is LEVEL."""
    return float(
        row["constant"] * row["x"] ** row["exponent"] * (row["shift"] if row["p_flip"] > 0 else 1)
    )


def _measure(row: Mapping[str, Any]) -> tuple[str, float, float, float]:
    """Status, error, margin and ticks of one run."""
    if row["y"] > row["blow_up"]:
        return "diverged", math.nan, math.nan, math.nan
    margin = math.log(row["y"] / boundary(row))
    mean = 0.25 - 0.25 * math.tanh(margin / (2 * row["width"]))
    error = min(max(mean + row["noise"] * _normal(row), 0.0), 0.5)
    return "unconverged" if row["x"] < row["stall"] else "ok", error, margin, row["replicate"] + 1.0


def _normal(row: Mapping[str, Any]) -> float:
    """A standard normal number that (seed, x, y, replicate) decide."""
    text = repr((row["seed"], row["x"], row["y"], row["replicate"]))
    digest = blake2b(text.encode(), digest_size=4).digest()
    return NormalDist().inv_cdf((int.from_bytes(digest, "little") + 0.5) / 2**32)


TOY = Toy()
