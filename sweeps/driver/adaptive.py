"""The rounds of a sweep with the key `sampling`: what is next, what it will take, and how widths fell."""

from typing import NamedTuple

import numpy as np
import pyarrow as pa

from sweeps.declare import recording as trajectory
from sweeps.declare.cells.identity import ID_DTYPE
from sweeps.declare.cells.resolve import ResolvedSweep
from sweeps.declare.file_names import ROUNDS
from sweeps.driver.proposals import MeasuredColumns, Rounds
from sweeps.models.protocol import CompilesCode
from sweeps.plan.plan import NOMINAL_FLOPS_PER_S, Plan, make_plan
from sweeps.plan.shard import CellRuns
from sweeps.sampling.sampler import AdaptiveSampler, sampler_of, usable
from sweeps.store.dataset import DatasetFolder, Writer
from sweeps.store.schema import plain_table

_PILOT_FLOPS = 5 * NOMINAL_FLOPS_PER_S
_PILOT_GROWTH = 2
"""A pilot ends with so many times the runs that have located all crossings."""


class AdaptiveProposer:
    """The sampler of a sweep, told the measure of the sweep's plane."""

    def __init__(self, resolved: ResolvedSweep) -> None:
        self.resolved, self.sampler = resolved, sampler_of(resolved)

    def ask(self) -> CellRuns:
        """The runs of the next round."""
        return self.sampler.ask()

    def tell(self, measured: MeasuredColumns) -> None:
        """Learn the rows of the round that was proposed last.

        Args:
            measured: every column, in the order of `ask`.
        """
        self.sampler.tell(usable(self.resolved, measured))


class Replay(NamedTuple):
    """The rounds of a sweep as far as its folder holds them, and the plan of what is to do next."""

    proposer: AdaptiveProposer
    rounds: Rounds
    plan: Plan


def replay(resolved: ResolvedSweep, dataset: DatasetFolder) -> Replay:
    """The rounds of a sweep, from the rows of its folder.

    Args:
        resolved: a sweep with the key `sampling`.
        dataset: its folder.
    Raises:
        SweepError: the folder holds files of something else.
    """
    whole = make_plan(resolved, np.zeros(0, dtype=ID_DTYPE))
    proposer = AdaptiveProposer(resolved)
    rounds = Rounds(whole, dataset, proposer)
    return Replay(proposer, rounds, rounds.next())


HISTORY = {
    "round": ("int64", "rounds so far"),
    "runs": ("int64", "runs of these rounds"),
    "half_width": (
        "float64",
        "widest half width of the target's intervals; null while there is none",
    ),
    "middle_half_width": ("float64", "median of these half widths; null where that has none"),
    "crossings": ("int64", "crossings that the plane has: columns of all settings × levels"),
    "beyond_grid": ("int64", "crossings that are beyond the grid for sure"),
    "level_off": ("int64", "crossings in columns that level off at the level"),
    "being_located": ("int64", "crossings that are not located yet"),
    "without_target": (
        "int64",
        "levels and settings in which too few columns cross for the target",
    ),
}
"""Columns of the file of rounds: types and meanings."""


def publish_history(sampler: AdaptiveSampler, writer: Writer) -> None:
    """Write how the intervals narrowed, a row for each round that is complete; nothing before the first.

    It follows from the rows of the rounds as they do, so that every driver writes the same.

    Args:
        sampler: told the rounds.
        writer: publishes files of the sweep.
    Raises:
        SweepError: the folder is not writable.
    """
    rows = [
        (k, runs, s.half_width, s.middle, s.columns, s.beyond, s.level_off, s.open, s.without)
        for k, (runs, s) in enumerate(sampler.history, 1)
    ]
    if not rows:
        return
    fields = [
        pa.field(name, pa.type_for_alias(kind), metadata={"meaning": meaning})
        for name, (kind, meaning) in HISTORY.items()
    ]
    columns = dict(zip(HISTORY, map(np.array, zip(*rows, strict=True)), strict=True))
    for name in ("half_width", "middle_half_width"):
        columns[name] = np.where(np.isfinite(columns[name]), columns[name], np.nan)
    writer.put_table(ROUNDS, plain_table(pa.schema(fields), columns), {})


class Expectation(NamedTuple):
    """Runs that a target is expected to take in all, with those published; None where it is not known.

    `basis` says what that is from.
    """

    runs: int | None
    basis: str


def expectation(found: Replay) -> Expectation:
    """How many runs the target of a sweep is expected to take.

    It follows from the present width, which falls with the root of the runs. Where too little is
    published, a few rounds are trained here and thrown away, if they take seconds.

    Args:
        found: the rounds so far; the proposer is told of the rounds that are thrown away.
    """
    sampler, published = found.proposer.sampler, found.rounds.complete
    if not found.plan.todo:
        return Expectation(sampler.runs, "complete")
    basis = f"{published:,} published rounds"
    if _located(sampler) is None:
        pilot = _train_pilot(found, sampler)
        if pilot is not None:
            return Expectation(None, pilot)
        basis = f"a pilot of {sampler.told:,} runs, trained here and thrown away"
    width = _located(sampler)
    if width is None:
        return Expectation(None, "a pilot did not locate every crossing")
    # The width is of the runs that were told; the round that was asked since is trained in any case.
    needed = int(sampler.told * max(width / sampler.spec.half_width, 1.0) ** 2)
    return Expectation(min(max(needed, sampler.runs), sampler.spec.at_most), basis)


def _located(sampler: AdaptiveSampler) -> float | None:
    """The present half width, where all crossings are located."""
    state = sampler.state
    known = state is not None and not state.open and np.isfinite(state.half_width)
    return state.half_width if state is not None and known else None


def _train_pilot(found: Replay, sampler: AdaptiveSampler) -> str | None:
    """Train rounds in memory until crossings are located, and as many runs again; or say why not."""
    plan, model = found.plan, found.plan.model
    steps, spent, located = plan.resolved.spec.trajectory, 0.0, 0
    runs, told = found.rounds.asked or sampler.ask(), sampler.runs
    while runs.cells.size and (not located or told < _PILOT_GROWTH * located):
        positions = plan.positions_of(runs)
        spent += float(plan.cost(positions).sum())
        columns = plan.columns(positions)
        if isinstance(model, CompilesCode) and not model.is_compiled(columns, steps is not None):
            return "unknown before its first run on this machine, which compiles the engine"
        if spent > _PILOT_FLOPS:
            return "too dear to be tried here: plan again when some rounds are published"
        measured, _ = trajectory.train(model, columns, steps)
        sampler.tell(usable(plan.resolved, measured))
        told = sampler.runs
        if not located and _located(sampler) is not None:
            located = told
        runs = sampler.ask()
    return None
