"""The state of a dataset, from the dataset alone: what is published, whether it is sound, its sweep."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from numpy.typing import NDArray

from sweeps.declare.cells.resolve import ResolvedSweep, resolve
from sweeps.declare.document.digest import states_digest
from sweeps.declare.document.document import ADDED
from sweeps.declare.file.yaml_file import from_json
from sweeps.declare.file_names import MANIFEST
from sweeps.declare.html_table import html_table
from sweeps.declare.terminal import visible
from sweeps.driver.adaptive import replay
from sweeps.driver.steps import owner_of, writer_of
from sweeps.models.installed import load_model
from sweeps.models.protocol import Model, NeedsImages
from sweeps.plan.plan import Plan, make_plan
from sweeps.plan.summary import duration
from sweeps.provenance.mixtures import mixtures
from sweeps.provenance.sessions import Share, share
from sweeps.store.compact import Compaction, compact
from sweeps.store.dataset import DatasetFolder
from sweeps.store.failed_shard import recorded_reason, records
from sweeps.store.verify import Verification, verify
from sweeps.train.progress import counts


@dataclass(frozen=True, repr=False)
class DatasetStatus:
    """The state of a dataset in its `location`: runs planned, published, and published by status.

    `lost` says that the resolved sweep was not there, and what is planned was read from the files.
    `damaged` files hold no published run; `conflicts` are runs that two files hold with other numbers;
    `mixed` is what the dataset's files were made by that differs; `unverified` files state no digest.
    `sampling` says how far the target of a sweep is that has one; what is planned are its rounds so far.
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
    location: str = ""
    sampling: str = ""

    def lines(self) -> list[str]:
        """The state in words, a line for each thing to know."""
        complete = "complete" if self.published >= self.planned else "incomplete"
        lines = [
            f"{self.name}: {self.published:,} of {self.planned:,} runs published in "
            f"{self.shards:,} files, {complete}; {counts(dict(self.by_status))}"
        ]
        lines += [f"sampling: {self.sampling}"] if self.sampling else []
        if self.lost:
            lines.append(
                f"there is no {MANIFEST}: what is planned was read from the files of rows, and may have "
                "grown since; `bocnn run` of this sweep into this folder writes it again"
            )
        if self.share:
            lines.append(f"orchestration: {self.share}")
            if self.share.compile_s:
                seconds = duration(self.share.compile_s)
                lines.append(
                    f"compiling: {seconds} of the slots' time, neither training nor orchestration"
                )
        lines += [f"failed: {failed}" for failed in self.failed]
        lines += [
            f"damaged: {damaged}; `bocnn run` of this sweep sets it aside and trains its runs again"
            for damaged in self.damaged
        ]
        lines += [f"conflict: {conflict}" for conflict in self.conflicts]
        if self.unverified:
            lines.append(
                f"not verified: {len(self.unverified):,} files state no digest of what they hold, first "
                f"{self.unverified[0]}"
            )
        return lines + [
            f"mixed {mixed}; equal runs may differ in their last digits" for mixed in self.mixed
        ]

    def __str__(self) -> str:
        return visible("\n".join(self.lines()))

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        """The lines in a table, as notebooks show it."""
        head, *rest = self.lines()
        return html_table(head, [("dataset", self.location), *(("", line) for line in rest)])


def read_status(
    dataset: DatasetFolder, find_model: Callable[[str], Model] = load_model, done: int | None = None
) -> DatasetStatus:
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
    counted = _counted(resolved, dataset, found.ids, done)
    return DatasetStatus(
        name=resolved.spec.name,
        planned=counted.planned,
        published=counted.published,
        sampling=counted.sampling,
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
        location=dataset.location,
        unverified=(*_unverified(dataset.manifest()), *found.unverified),
    )


class _Counted(NamedTuple):
    """Runs planned and published, and how far a target is."""

    planned: int
    published: int
    sampling: str = ""


def _counted(
    resolved: ResolvedSweep, dataset: DatasetFolder, ids: NDArray[Any], done: int | None
) -> _Counted:
    """The runs of a sweep; of one with a target, those of its rounds so far."""
    if resolved.spec.sampling is not None:
        rounds = replay(resolved, dataset)
        planned = rounds.proposer.sampler.runs
        return _Counted(planned, planned - rounds.plan.todo, rounds.proposer.sampler.words())
    plan = Plan(resolved, (), 0, 0.0, 0.0)
    return _Counted(plan.total, make_plan(resolved, ids).done if done is None else done)


def _unverified(manifest: dict[str, Any] | None) -> list[str]:
    """The resolved sweep's file, where it states no digest."""
    return [MANIFEST] if manifest is not None and not states_digest(manifest) else []


def verify_dataset(
    dataset: DatasetFolder, find_model: Callable[[str], Model] = load_model
) -> Verification:
    """Check every row of a dataset, from the dataset alone.

    Args:
        dataset: the folder.
        find_model: gives the model of a name.
    Raises:
        SweepError: as `read_status`.
    """
    resolved = sweep_of(dataset, find_model)
    return verify(dataset, resolved.model, owner_of(resolved))


def compact_dataset(
    dataset: DatasetFolder, target_bytes: int, find_model: Callable[[str], Model] = load_model
) -> Compaction:
    """Bring the small files of a dataset together, from the dataset alone.

    Args:
        dataset: the folder.
        target_bytes: size of a large file, > 0.
        find_model: gives the model of a name.
    Raises:
        SweepError: as `read_status`, and as `sweeps.store.compact.compact`.
    """
    resolved = sweep_of(dataset, find_model)
    plan = Plan(resolved, (), 0, 0.0, 0.0)
    writer = writer_of(dataset, resolved, plan.sweep())
    return compact(dataset, owner_of(resolved), writer, target_bytes)


def sweep_of(
    dataset: DatasetFolder, find_model: Callable[[str], Model] = load_model
) -> ResolvedSweep:
    """The sweep of a dataset, as its manifest has it, or else its files.

    Args:
        dataset: the folder.
        find_model: gives the model of a name.
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
