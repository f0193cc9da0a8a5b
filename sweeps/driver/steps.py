"""What a driver does with a sweep: open it, plan it against its folder, prepare its job and execute it."""

import json
import os
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NamedTuple

from threadpoolctl import threadpool_limits

from sweeps.declare.cells.resolve import ResolvedSweep, meanings, resolve_keys
from sweeps.declare.file.changes import changed
from sweeps.declare.file.presets import find
from sweeps.declare.file.sweep_file import SweepKeys, read_keys
from sweeps.declare.file_names import MANIFEST, ROUNDS
from sweeps.driver.predictions import publish_predictions
from sweeps.errors import SweepError
from sweeps.models.installed import load_model
from sweeps.models.protocol import Model
from sweeps.plan.cut import ShardSize, cut_shards
from sweeps.plan.declared import declared
from sweeps.plan.extend import check_extends
from sweeps.plan.plan import Plan, make_plan
from sweeps.provenance.source_code import code_of
from sweeps.store.claim import claimed
from sweeps.store.dataset import DatasetFolder, Writer
from sweeps.store.failed_shard import records
from sweeps.store.shard_file import Owner
from sweeps.train.shard import Session, TrainingJob


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
    changes: Sequence[str] = (),
) -> ResolvedSweep:
    """A sweep, by file or shipped name, checked against its model.

    Args:
        sweep: a path, or the name of a shipped sweep.
        replicates: instead of the file's.
        find_model: gives the model of a name.
        size: one of the file's sizes.
        changes: each NAME=VALUE, instead of the file's.
    Raises:
        SweepFileError: every error of the file.
        SweepError: there is no such sweep, the replicates are no valid number, or a change cannot be read.
    """
    return open_keys(keys_of(sweep, replicates, size=size, changes=changes), find_model)


def keys_of(
    sweep: str,
    replicates: int | None = None,
    *,
    size: str | None = None,
    changes: Sequence[str] = (),
) -> SweepKeys:
    """The keys of a sweep, as `open_sweep` takes it.

    Args:
        sweep: a path, or the name of a shipped sweep.
        replicates: instead of the file's.
        size: one of the file's sizes.
        changes: each NAME=VALUE, instead of the file's.
    Raises:
        SweepError: there is no such sweep, the replicates are no valid number, or a change cannot be read.
    """
    text, name = find(sweep)
    keys = changed(read_keys(text, name, size), changes)
    if replicates is None or keys.values is None:
        return keys
    if replicates < 1:
        raise SweepError(f"received --replicates {replicates}; expected at least 1")
    if replicates >= 2**31:
        raise SweepError(f"received --replicates {replicates:,}; take fewer replicates")
    values = keys.values | {"replicates": replicates}
    return keys._replace(values=values, given=keys.given._replace(replicates=replicates))


def open_keys(keys: SweepKeys, find_model: Callable[[str], Model] = load_model) -> ResolvedSweep:
    """The sweep that keys declare, checked against its model, with the images that it names.

    Args:
        keys: of a file, or made in Python.
        find_model: gives the model of a name.
    Raises:
        SweepFileError: every error of the sweep.
    """
    return resolve_keys(keys, find_model, read_images=True)


def plan_sweep(resolved: ResolvedSweep, dataset: DatasetFolder) -> Plan:
    """The plan of a sweep against what its dataset holds.

    Args:
        resolved: the sweep.
        dataset: its folder, which may not exist yet.
    Raises:
        SweepError: the folder holds another sweep, a file that is not of this one, or two files with
            other numbers of the same run.
    """
    check_dataset(resolved, dataset)
    return make_plan(resolved, dataset.inspect(owner_of(resolved)).ids)


def check_dataset(resolved: ResolvedSweep, dataset: DatasetFolder) -> None:
    """Refuse a folder that rows of a sweep cannot be added to.

    Args:
        resolved: the sweep.
        dataset: its folder, which may not exist yet.
    Raises:
        SweepError: as `plan_sweep`.
    """
    _check_folder(resolved, dataset)
    if conflicts := dataset.inspect(owner_of(resolved)).conflicts:
        raise SweepError(f"{dataset.location}: {conflicts[0]}")


def _check_folder(resolved: ResolvedSweep, dataset: DatasetFolder) -> None:
    """Refuse a folder that holds another sweep."""
    manifest = dataset.manifest()
    if manifest is None and dataset.shards():
        manifest = _lost_manifest(resolved, dataset)
    if manifest is not None:
        defaults = {column.name: column.default for column in resolved.model.parameters}
        check_extends(manifest, declared(resolved), defaults)


def _lost_manifest(resolved: ResolvedSweep, dataset: DatasetFolder) -> dict[str, Any]:
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


def prepare(plan: Plan, dataset: DatasetFolder, shard_size: ShardSize) -> TrainingJob:
    """Publish the resolved sweep, set damaged files aside, and cut the job.

    Publishing shows that the folder is writable.

    Args:
        plan: of the sweep against the folder.
        dataset: the folder.
        shard_size: how shards are cut.
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
    writer = writer_of(dataset, plan.resolved, plan.sweep())
    session = Session(uuid.uuid4().hex[:12], time.time(), code_of(plan.model))
    shards = cut_shards(plan, shard_size)
    rate = shard_size.gpu_flops_per_s
    return TrainingJob(plan.without_spans(), shards, writer, session, rate, tuple(notices))


def execute(
    job: TrainingJob, dataset: DatasetFolder, run: Callable[[TrainingJob], dict[int, str]]
) -> Outcome:
    """Train all shards and hold what is published against the plan.

    Args:
        job: from `prepare`.
        dataset: where it is published.
        run: an executor; gives the errors of failed shards by number.
    """
    dataset.store.drop(ROUNDS)  # of a target that it had before
    with predictions_beside(job, dataset):
        failures = run(job) if job.shards else {}
    dataset.store.drop_stale()
    found = dataset.inspect(owner_of(job.plan.resolved))
    after = make_plan(job.plan.resolved, found.ids)
    return Outcome(failures, after.todo)


@contextmanager
def predictions_beside(job: TrainingJob, dataset: DatasetFolder) -> Iterator[None]:
    """Publish what theory predicts, which needs no training, while the body trains.

    Args:
        job: from `prepare`.
        dataset: where it is published.
    Raises:
        SweepError: the folder is not writable.
    """
    with ThreadPoolExecutor(1) as pool:
        published = pool.submit(_publish_predictions, job, dataset)
        yield
        published.result()


def _publish_predictions(job: TrainingJob, dataset: DatasetFolder) -> None:
    """Publish what theory predicts, with products of matrices in this thread alone.

    A process that forks, as it does to start Ray, ends the threads of its BLAS, and a product that waits
    for them waits for ever. SciPy brings a BLAS of its own, which can be limited only once it is there.
    """
    import scipy.linalg  # noqa: F401

    with threadpool_limits(1):
        publish_predictions(job.plan.resolved, dataset, job.writer)


def writer_of(dataset: DatasetFolder, resolved: ResolvedSweep, sweep: dict[str, Any]) -> Writer:
    """What publishes rows of a sweep.

    Args:
        dataset: the folder.
        resolved: the sweep, whose model's columns are written.
        sweep: the resolved sweep as each file carries it.
    """
    location = dataset.location if "://" in dataset.location else os.path.abspath(dataset.location)
    text = json.dumps(sweep, ensure_ascii=False)
    return Writer(location, text, resolved.model, meanings(resolved))
