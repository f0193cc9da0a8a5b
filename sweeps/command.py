"""What the command does, without a terminal: find, plan, run, report the state of a sweep."""

import json
import os
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from sweeps.dataset import MANIFEST, Dataset, Writer
from sweeps.extend import check_extends
from sweeps.mistakes import SweepError
from sweeps.plan import Cut, Plan, cut_shards, make_plan
from sweeps.presets import find
from sweeps.protocol import Model, load_model
from sweeps.resolve import Resolved, resolve
from sweeps.shard import Work


class Status(NamedTuple):
    """The state of a dataset: runs planned, published, and published by status."""

    name: str
    planned: int
    published: int
    by_status: Counter[str]
    shards: int


class Outcome(NamedTuple):
    """How a run of shards ended: failed shards' errors, and planned runs still not published."""

    failures: dict[int, str]
    missing: int


def open_sweep(
    sweep: str, replicates: int | None = None, find_model: Callable[[str], Model] = load_model
) -> Resolved:
    """A sweep, by file or shipped name, resolved; `replicates` overrides the file's."""
    text, name = find(sweep)
    resolved = resolve(text, name, find_model)
    if replicates is None:
        return resolved
    if replicates < 1:
        raise SweepError(f"received --replicates {replicates}; expected at least 1")
    return Resolved(resolved.spec._replace(replicates=replicates), resolved.model, resolved.cells)


def plan_sweep(resolved: Resolved, dataset: Dataset) -> Plan:
    """The plan of a sweep against what its dataset holds.

    Raises:
        SweepError: the folder holds another sweep, or a file that is not of this one.
    """
    manifest = dataset.manifest()
    if manifest is None and dataset.shards():
        raise SweepError(
            f"{dataset.location} holds Parquet files and no {MANIFEST}, so it is not the folder of "
            "this sweep; name another --out"
        )
    plan = make_plan(resolved, dataset.published(resolved.spec.name))
    if manifest is not None:
        defaults = {column.name: column.default for column in resolved.model.parameters}
        check_extends(manifest, plan.sweep(), defaults)
    return plan


def prepare(plan: Plan, dataset: Dataset, cut: Cut) -> Work:
    """Publish the resolved sweep and cut the work; the folder is shown to be writable by it."""
    dataset.store.drop_stale()
    dataset.write_manifest(plan.sweep())
    sweep = json.dumps(plan.sweep(), ensure_ascii=False)
    location = dataset.location if "://" in dataset.location else os.path.abspath(dataset.location)
    writer = Writer(location, sweep, plan.model, plan.resolved.cells.auxiliary)
    return Work(plan, cut_shards(plan, cut), writer)


def execute(work: Work, dataset: Dataset, run: Callable[[Work], dict[int, str]]) -> Outcome:
    """Train all shards and hold what is published against the plan.

    Args:
        work: from `prepare`.
        dataset: where it is published.
        run: an executor; gives the errors of failed shards by number.
    """
    failures = run(work) if work.shards else {}
    after = make_plan(work.plan.resolved, dataset.published(work.plan.resolved.spec.name))
    return Outcome(failures, after.todo_cells.size)


def read_status(dataset: Dataset, find_model: Callable[[str], Model] = load_model) -> Status:
    """The state of a dataset, from the dataset alone.

    Raises:
        SweepError: the folder holds no sweep, or a file that is not of it.
    """
    manifest = dataset.manifest()
    if manifest is None:
        raise SweepError(f"{dataset.location} holds no sweep: there is no {MANIFEST} in it")
    name = manifest["name"]
    del manifest["schema_version"]
    planned = manifest.pop("planned_runs")
    resolved = resolve(json.dumps(manifest), f"{dataset.location}/{MANIFEST}", find_model)
    plan = make_plan(resolved, dataset.published(name))
    return Status(name, planned, plan.done, dataset.statuses(name), len(dataset.shards()))
