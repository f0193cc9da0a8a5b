"""What the command does, without a terminal: find, plan, run, report the state of a sweep."""

import json
import os
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from typing import Any, NamedTuple

from sweeps.compact import Compaction, compact
from sweeps.dataset import MANIFEST, Dataset, Owner, Writer
from sweeps.extend import check_extends
from sweeps.failure import reason, records
from sweeps.mistakes import SweepError
from sweeps.plan import Cut, Plan, cut_shards, make_plan
from sweeps.presets import find
from sweeps.protocol import Model, load_model
from sweeps.resolve import Resolved, meanings, resolve
from sweeps.sessions import Share, share
from sweeps.shard import Session, Work
from sweeps.spec import to_json
from sweeps.yaml_file import from_json


class Status(NamedTuple):
    """The state of a dataset: runs planned, published, and published by status.

    `lost` says that the resolved sweep was not there, and what is planned was read from the files.
    """

    name: str
    planned: int
    published: int
    by_status: Counter[str]
    shards: int
    share: Share | None
    failed: list[str]
    lost: bool = False


class Outcome(NamedTuple):
    """How a run of shards ended: failed shards' errors, and planned runs still not published."""

    failures: dict[int, str]
    missing: int


def open_sweep(
    sweep: str,
    replicates: int | None = None,
    find_model: Callable[[str], Model] = load_model,
    *,
    size: str | None = None,
) -> Resolved:
    """A sweep, by file or shipped name, in one of its sizes; `replicates` overrides the file's."""
    text, name = find(sweep)
    resolved = resolve(text, name, find_model, size=size, read_images=True)
    if replicates is None:
        return resolved
    if replicates < 1:
        raise SweepError(f"received --replicates {replicates}; expected at least 1")
    given = resolved.given._replace(replicates=replicates)
    return replace(resolved, spec=resolved.spec._replace(replicates=replicates), given=given)


def plan_sweep(resolved: Resolved, dataset: Dataset) -> Plan:
    """The plan of a sweep against what its dataset holds.

    Raises:
        SweepError: the folder holds another sweep, or a file that is not of this one.
    """
    manifest = dataset.manifest()
    if manifest is None and dataset.shards():
        manifest = _lost_manifest(resolved, dataset)
    if manifest is not None:
        defaults = {column.name: column.default for column in resolved.model.parameters}
        check_extends(manifest, json.loads(to_json(resolved.spec)), defaults)
    return make_plan(resolved, dataset.published(_owner(resolved)))


def _lost_manifest(resolved: Resolved, dataset: Dataset) -> dict[str, Any]:
    """The resolved sweep from the files of a folder where it is missing."""
    try:
        return dataset.carried(_owner(resolved))
    except SweepError as error:
        raise SweepError(
            f"{dataset.location} holds Parquet files and no {MANIFEST}, and is not the folder of "
            f"this sweep: {error}; or name another --out"
        ) from None


def _owner(resolved: Resolved) -> Owner:
    return Owner(resolved.spec.name, resolved.model.numerics_version)


def prepare(plan: Plan, dataset: Dataset, cut: Cut) -> Work:
    """Publish the resolved sweep and cut the work; the folder is shown to be writable by it."""
    dataset.store.drop_stale()
    dataset.write_manifest(plan.sweep())
    dataset.write_given(plan.resolved.given._asdict())
    for record in records(dataset.store):
        dataset.store.drop(record)
    writer = _writer(dataset, plan.resolved, plan.sweep())
    session = Session(uuid.uuid4().hex[:12], time.time(), code=version("bocnn"))
    shards = cut_shards(plan, cut)
    return Work(plan.without_spans(), shards, writer, session, cut.card_flops_per_s)


def execute(work: Work, dataset: Dataset, run: Callable[[Work], dict[int, str]]) -> Outcome:
    """Train all shards and hold what is published against the plan.

    Args:
        work: from `prepare`.
        dataset: where it is published.
        run: an executor; gives the errors of failed shards by number.
    """
    failures = run(work) if work.shards else {}
    dataset.store.drop_stale()
    after = make_plan(work.plan.resolved, dataset.published(_owner(work.plan.resolved)))
    return Outcome(failures, after.todo)


def read_status(
    dataset: Dataset, find_model: Callable[[str], Model] = load_model, done: int | None = None
) -> Status:
    """The state of a dataset, from the dataset alone.

    Args:
        dataset: where the sweep is.
        find_model: gives the model of a name.
        done: planned runs that are published, where that was counted a moment ago.
    Raises:
        SweepError: the folder holds no sweep, or a file that is not of it.
    """
    resolved, planned = _declared(dataset, find_model)
    if done is None:
        done = make_plan(resolved, dataset.published(_owner(resolved))).done
    by_status = dataset.statuses(_owner(resolved))
    shards = dataset.shards()
    whole = share(dataset.notes(shards))
    failed = [
        f"{record}: {reason(dataset.store.get(record).decode())}"
        for record in records(dataset.store)
    ]
    name = resolved.spec.name
    lost = MANIFEST not in dataset.store.names()
    return Status(name, planned, done, by_status, len(shards), whole, failed, lost)


def compact_dataset(
    dataset: Dataset, target_bytes: int, find_model: Callable[[str], Model] = load_model
) -> Compaction:
    """Bring the small files of a dataset together, from the dataset alone.

    Raises:
        SweepError: as `read_status`, and as `sweeps.compact.compact`.
    """
    resolved, planned = _declared(dataset, find_model)
    plan = Plan(resolved, (), 0, 0.0, 0.0)
    sweep = plan.sweep() | {"planned_runs": planned}
    return compact(dataset, _owner(resolved), _writer(dataset, resolved, sweep), target_bytes)


def _writer(dataset: Dataset, resolved: Resolved, sweep: dict[str, Any]) -> Writer:
    """What publishes rows of a sweep."""
    location = dataset.location if "://" in dataset.location else os.path.abspath(dataset.location)
    text = json.dumps(sweep, ensure_ascii=False)
    return Writer(location, text, resolved.model, meanings(resolved))


def _declared(dataset: Dataset, find_model: Callable[[str], Model]) -> tuple[Resolved, int]:
    """The sweep of a dataset and how many runs it plans, as its manifest has it, or else its files."""
    manifest = dataset.manifest()
    if manifest is None:
        manifest = dataset.carried(dataset.owner())
    del manifest["schema_version"]
    planned = manifest.pop("planned_runs")
    text = from_json(json.dumps(manifest, ensure_ascii=False))
    return resolve(text, f"{dataset.location}/{MANIFEST}", find_model), planned
