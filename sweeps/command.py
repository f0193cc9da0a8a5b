"""What the command does, without a terminal: find, plan, run, report the state of a sweep."""

import json
import os
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

from sweeps.declare.cells.resolve import ResolvedSweep, meanings, resolve
from sweeps.declare.document import ADDED
from sweeps.declare.document_digest import states_digest
from sweeps.declare.file.presets import find
from sweeps.declare.file.yaml_file import from_json
from sweeps.errors import SweepError
from sweeps.plan.declared import declared
from sweeps.plan.extend import check_extends
from sweeps.plan.plan import Plan, ShardSize, cut_shards, make_plan
from sweeps.protocol import Model, NeedsImages, load_model
from sweeps.provenance.mixtures import mixtures
from sweeps.provenance.sessions import Share, share
from sweeps.provenance.source_code import code_of
from sweeps.store.claim import claimed
from sweeps.store.compact import Compaction, compact
from sweeps.store.dataset import Dataset, Writer
from sweeps.store.failed_shard import recorded_reason, records
from sweeps.store.files import MANIFEST
from sweeps.store.shard_file import Owner
from sweeps.store.verify import Verification, verify
from sweeps.train.shard import Session, TrainingJob


class Status(NamedTuple):
    """The state of a dataset: runs planned, published, and published by status.

    `lost` says that the resolved sweep was not there, and what is planned was read from the files.
    `damaged` files hold no published run; `conflicts` are runs that two files hold with other numbers;
    `mixed` is what the dataset's files were made by that differs; `unverified` files state no digest.
    """

    name: str
    planned: int
    published: int
    by_status: Counter[str]
    shards: int
    share: Share | None
    failed: list[str]
    lost: bool = False
    damaged: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    mixed: tuple[str, ...] = ()
    unverified: tuple[str, ...] = ()


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
) -> ResolvedSweep:
    """A sweep, by file or shipped name, in one of its sizes; `replicates` overrides the file's."""
    text, name = find(sweep)
    resolved = resolve(text, name, find_model, size=size, read_images=True)
    if replicates is None:
        return resolved
    if replicates < 1:
        raise SweepError(f"received --replicates {replicates}; expected at least 1")
    given = resolved.given._replace(replicates=replicates)
    return replace(resolved, spec=resolved.spec._replace(replicates=replicates), given=given)


def plan_sweep(resolved: ResolvedSweep, dataset: Dataset) -> Plan:
    """The plan of a sweep against what its dataset holds.

    Raises:
        SweepError: the folder holds another sweep, a file that is not of this one, or two files with
            other numbers of the same run.
    """
    _check_folder(resolved, dataset)
    found = dataset.inspect(owner_of(resolved))
    if found.conflicts:
        raise SweepError(f"{dataset.location}: {found.conflicts[0]}")
    return make_plan(resolved, found.ids)


def _check_folder(resolved: ResolvedSweep, dataset: Dataset) -> None:
    """Refuse a folder that holds another sweep."""
    manifest = dataset.manifest()
    if manifest is None and dataset.shards():
        manifest = _lost_manifest(resolved, dataset)
    if manifest is not None:
        defaults = {column.name: column.default for column in resolved.model.parameters}
        check_extends(manifest, declared(resolved), defaults)


def _lost_manifest(resolved: ResolvedSweep, dataset: Dataset) -> dict[str, Any]:
    """The resolved sweep from the files of a folder where it is missing."""
    try:
        return dataset.carried(owner_of(resolved))
    except SweepError as error:
        raise SweepError(
            f"{dataset.location} holds Parquet files and no {MANIFEST}, and is not the folder of "
            f"this sweep: {error}; or name another --out"
        ) from None


def owner_of(resolved: ResolvedSweep) -> Owner:
    """Whose rows a sweep's files hold."""
    return Owner(resolved.spec.name, resolved.model.numerics_version)


def prepare(plan: Plan, dataset: Dataset, shard_size: ShardSize) -> TrainingJob:
    """Publish the resolved sweep, set damaged files aside, and cut the work.

    Publishing shows that the folder is writable.

    Raises:
        SweepError: the folder is not writable, or another driver has begun another sweep there since.
    """
    dataset.store.drop_stale()
    with claimed(dataset.store, MANIFEST):
        _check_folder(plan.resolved, dataset)
        dataset.write_manifest(plan.sweep())
        dataset.write_given(plan.resolved.given._asdict())
    for record in records(dataset.store):
        dataset.store.drop(record)
    notices = dataset.set_aside(owner_of(plan.resolved))
    writer = _writer(dataset, plan.resolved, plan.sweep())
    session = Session(uuid.uuid4().hex[:12], time.time(), code_of(plan.model))
    shards = cut_shards(plan, shard_size)
    rate = shard_size.gpu_flops_per_s
    return TrainingJob(plan.without_spans(), shards, writer, session, rate, tuple(notices))


def execute(
    work: TrainingJob, dataset: Dataset, run: Callable[[TrainingJob], dict[int, str]]
) -> Outcome:
    """Train all shards and hold what is published against the plan.

    Args:
        work: from `prepare`.
        dataset: where it is published.
        run: an executor; gives the errors of failed shards by number.
    """
    failures = run(work) if work.shards else {}
    dataset.store.drop_stale()
    found = dataset.inspect(owner_of(work.plan.resolved))
    after = make_plan(work.plan.resolved, found.ids)
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
    resolved = sweep_of(dataset, find_model)
    found = dataset.inspect(owner_of(resolved))
    plan = Plan(resolved, (), 0, 0.0, 0.0)
    return Status(
        name=resolved.spec.name,
        planned=plan.total,
        published=make_plan(resolved, found.ids).done if done is None else done,
        by_status=found.statuses,
        shards=len(found.shards),
        share=share(found.notes),
        failed=[
            f"{name}: {recorded_reason(dataset.store, name)}" for name in records(dataset.store)
        ],
        lost=MANIFEST not in dataset.store.names(),
        damaged=tuple(f"{name} {why}" for name, why in found.damaged.items()),
        conflicts=tuple(found.conflicts),
        mixed=tuple(mixtures(found.notes)),
        unverified=(*_unverified(dataset.manifest()), *found.unverified),
    )


def _unverified(manifest: dict[str, Any] | None) -> list[str]:
    """The resolved sweep's file, where it states no digest."""
    return [MANIFEST] if manifest is not None and not states_digest(manifest) else []


def verify_dataset(
    dataset: Dataset, find_model: Callable[[str], Model] = load_model
) -> Verification:
    """Check every row of a dataset, from the dataset alone.

    Raises:
        SweepError: as `read_status`.
    """
    resolved = sweep_of(dataset, find_model)
    return verify(dataset, resolved.model, owner_of(resolved))


def compact_dataset(
    dataset: Dataset, target_bytes: int, find_model: Callable[[str], Model] = load_model
) -> Compaction:
    """Bring the small files of a dataset together, from the dataset alone.

    Raises:
        SweepError: as `read_status`, and as `sweeps.store.compact.compact`.
    """
    resolved = sweep_of(dataset, find_model)
    plan = Plan(resolved, (), 0, 0.0, 0.0)
    writer = _writer(dataset, resolved, plan.sweep())
    return compact(dataset, owner_of(resolved), writer, target_bytes)


def _writer(dataset: Dataset, resolved: ResolvedSweep, sweep: dict[str, Any]) -> Writer:
    """What publishes rows of a sweep."""
    location = dataset.location if "://" in dataset.location else os.path.abspath(dataset.location)
    text = json.dumps(sweep, ensure_ascii=False)
    return Writer(location, text, resolved.model, meanings(resolved))


def sweep_of(dataset: Dataset, find_model: Callable[[str], Model] = load_model) -> ResolvedSweep:
    """The sweep of a dataset, as its manifest has it, or else its files.

    Raises:
        SweepError: the folder holds no sweep, or one that cannot be read.
    """
    manifest = dataset.manifest()
    if manifest is None:
        manifest = dataset.carried(dataset.owner())
    contents = manifest.get("images", {})
    text = from_json(
        json.dumps({k: v for k, v in manifest.items() if k not in ADDED}, ensure_ascii=False)
    )

    def with_contents(name: str) -> Model:
        """The model of that name, which needs no images where the dataset states their digests."""
        model = find_model(name)
        return model.with_contents(contents) if isinstance(model, NeedsImages) else model

    return resolve(text, f"{dataset.location}/{MANIFEST}", with_contents)
