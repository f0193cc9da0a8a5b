"""A plan for a person to read: runs to train, time, and bytes to write."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from sweeps.declare.cells.identity import ID_DTYPE
from sweeps.declare.cells.resolve import ResolvedSweep
from sweeps.declare.html_table import html_table
from sweeps.declare.terminal import visible
from sweeps.plan.cut import ShardSize, cut_shards
from sweeps.plan.forecast import (
    HERE,
    Forecast,
    GpuForecast,
    TimesAsked,
    forecast,
    forecast_gpu,
    saves_ray,
)
from sweeps.plan.gpus import gpus_here, hidden_gpus
from sweeps.plan.idle import idle_everywhere
from sweeps.plan.plan import Plan, make_plan


class SamplingForecast(NamedTuple):
    """What the target of a sweep is expected to take.

    Attributes:
        words: the rounds so far and the present widths.
        published: runs of these rounds that are published.
        runs: expected in all; None where that is not known.
        basis: what this is from.
        at_most: runs that the sweep allows.
    """

    words: str
    published: int
    runs: int | None
    basis: str
    at_most: int

    @property
    def expected(self) -> str:
        """The runs that are expected, for a person."""
        known = "not known" if self.runs is None else f"about {self.runs:,}"
        return f"{known} ({self.basis}), at most {self.at_most:,}"


@dataclass(frozen=True)
class PlanSummary:
    """A plan against the folder of its dataset.

    Attributes:
        name: of the sweep.
        location: folder of the dataset.
        cells: axes × settings.
        runs: cells × replicates.
        published: runs whose rows are in the folder.
        shards: files that the other runs would make.
        forecast: seconds of one core, bytes on disk, bytes of memory.
        cores: on which the time is stated.
        idle: parameters that are given and have no effect on any run, with the reason.
        damaged: files of the folder that are not as they were written, with the reason.
        sampling: what the target is expected to take, where the sweep has one; then runs, shards and
            forecast are those of the next round, and time and bytes those that are expected in all.
        gpus: what would be used of the GPUs of this machine; nothing where it has none.
        on_gpu: the time of one GPU like this machine's, where that was asked for.
    """

    name: str
    location: str
    cells: int
    runs: int
    published: int
    shards: int
    forecast: Forecast
    cores: int
    idle: Mapping[str, str]
    damaged: Mapping[str, str]
    sampling: SamplingForecast | None = None
    gpus: str = ""
    on_gpu: GpuForecast | None = None

    @property
    def to_train(self) -> int:
        """Runs that are not published yet."""
        return self.runs - self.published

    def rows(self) -> list[tuple[str, str]]:
        """The lines of the summary: a heading and its text each."""
        ahead, core_s = self._ahead, self.forecast.core_s * self._ahead
        rows = [
            ("cells", f"{self.cells:,} (axes × settings)"),
            *self._counts(),
            (
                "time",
                f"{duration(core_s)} of one core, {duration(core_s / self.cores)} on {self.cores} cores, "
                f"from {self.forecast.basis}",
            ),
            *[("GPUs", self.gpus)] * bool(self.gpus),
            *self._gpu_hours(),
            ("dataset", f"{size(self.forecast.dataset_bytes * ahead)} more on disk"),
            ("memory", f"{size(self.forecast.memory_bytes)} for the largest run"),
        ]
        return rows + [("without effect", f"{name}: {why}") for name, why in self.idle.items()]

    def _gpu_hours(self) -> list[tuple[str, str]]:
        """The time of one GPU, where that was asked for."""
        if self.on_gpu is None:
            return []
        gpu_s, core_s = (seconds * self._ahead for seconds in self.on_gpu)
        rest = f", and {duration(core_s)} of one core for runs that no GPU trains" if core_s else ""
        return [("GPU hours", f"{gpu_s / 3600:.3g} of one GPU, at this machine's rate{rest}")]

    def _counts(self) -> list[tuple[str, str]]:
        """How many runs there are and are to train."""
        to_train = ("to train", f"{self.to_train:,}")
        if self.sampling is None:
            published = ("published", f"{self.published:,} in {self.location}")
            return [("runs", f"{self.runs:,}"), published, to_train, ("shards", f"{self.shards:,}")]
        return [
            ("target", self.sampling.words),
            ("runs", self.sampling.expected),
            ("published", f"{self.sampling.published:,} in {self.location}"),
            ("next round", f"{self.to_train:,} in {self.shards:,} shards"),
        ]

    @property
    def _ahead(self) -> float:
        """Runs that are expected, over those that the forecast is of."""
        if self.sampling is None or self.sampling.runs is None or not self.to_train:
            return 1.0
        return max(self.sampling.runs - self.sampling.published, self.to_train) / self.to_train

    def warnings(self) -> list[str]:
        """Notices before it is run: a quicker way, files of the folder that are damaged."""
        here = self.to_train and self.cores == machine_cores()
        core_s = self.forecast.core_s * self._ahead
        quicker = saves_ray(core_s, self.cores, self.forecast.basis) if here else ""
        return [quicker] * bool(quicker) + [
            f"damaged: {name} {why}; run sets it aside and trains its runs again"
            for name, why in self.damaged.items()
        ]

    def __str__(self) -> str:
        lines = [f"{key:<14} {value}" for key, value in self.rows()]
        return visible("\n".join([f"plan of {self.name}", *lines, *self.warnings()]))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """A table, as notebooks show it."""
        return html_table(
            f"plan of {self.name}", [*self.rows(), *(("", w) for w in self.warnings())]
        )


def summarise(
    plan: Plan,
    location: str,
    *,
    shard_size: ShardSize,
    damaged: Mapping[str, str],
    times: TimesAsked = HERE,
) -> PlanSummary:
    """The summary of a plan; a few of its runs are trained to predict the time.

    Args:
        plan: against the folder.
        location: the folder.
        shard_size: how shards are cut.
        damaged: files of the folder that are not as they were written, with the reason.
        times: what is stated.
    Raises:
        SweepError: the time of a GPU is asked for, and there is none or it can train no run.
    """
    with hidden_gpus():  # its seconds are a core's
        expected = forecast(plan)
    return PlanSummary(
        name=plan.resolved.spec.name,
        location=location,
        cells=plan.resolved.cells.number,
        runs=plan.total,
        published=plan.done,
        shards=len(cut_shards(plan, shard_size)),
        forecast=expected,
        cores=times.cores or machine_cores(),
        idle=idle_everywhere(plan.resolved),
        damaged=damaged,
        gpus=gpus_here(plan).words,
        on_gpu=forecast_gpu(plan, expected.core_s) if times.gpu_hours else None,
    )


def machine_cores() -> int:
    """Cores of this machine."""
    return os.cpu_count() or 1


def sweep_cost(resolved: ResolvedSweep) -> float:
    """Flops of a whole sweep; of one with a target, of as many runs as it allows.

    Args:
        resolved: the sweep.
    """
    plan = make_plan(resolved, np.empty(0, ID_DTYPE))
    sampling = resolved.spec.sampling
    return plan.flops * (sampling.at_most / plan.total if sampling is not None else 1.0)


def duration(seconds: float) -> str:
    """Seconds for a person: "12 s", "3.4 min", "5.6 h"."""
    for unit, length in (("h", 3600.0), ("min", 60.0)):
        if seconds >= length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.1f} s"


def size(count: float) -> str:
    """Bytes for a person."""
    for unit, many in (("GB", 1e9), ("MB", 1e6)):
        if count >= many:
            return f"{count / many:.1f} {unit}"
    return f"{count / 1e3:.1f} kB"
