"""Writes an exported dataset: its files, croissant.json, CITATION.cff, README.md and sweep.yaml."""

import json
import re
import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from sweeps.declare.document.document import read_document
from sweeps.declare.file_names import (
    GIVEN,
    MANIFEST,
    PREDICTIONS,
    ROUNDS,
    TRAJECTORY,
    is_own,
    is_shard,
)
from sweeps.driver.datasets import read_status
from sweeps.driver.export.cards import card, citation
from sweeps.driver.export.croissant import croissant
from sweeps.driver.export.exported import PROVENANCE, Authorship, Exported, ExportedFile, file_of
from sweeps.errors import SweepError, shown
from sweeps.store.dataset import DatasetFolder

_LICENSE = re.compile(r"[A-Za-z0-9.+-]+")


def export_dataset(
    dataset: DatasetFolder, folder: Path, authorship: Authorship, picture: Path | None = None
) -> Exported:
    """Write a dataset as a folder that others can cite; all of it or none.

    Args:
        dataset: the runs, whether complete or not.
        folder: where to write; it must not exist.
        authorship: who publishes it.
        picture: shown in its card.
    Raises:
        SweepError: the dataset cannot be read or is damaged, an author, license, date or picture is not
            valid, or the folder exists or cannot be written.
    """
    _check(authorship, picture)
    if folder.exists():
        raise SweepError(f"{folder} exists already, and is left as it is; name another --out")
    scratch = folder.with_name(f".{folder.name}.part")
    try:
        shutil.rmtree(scratch, ignore_errors=True)
        (scratch / "data").mkdir(parents=True)
        exported = _exported(dataset, scratch)
        shown_picture = f"picture{picture.suffix}" if picture else ""
        if picture:
            shutil.copyfile(picture, scratch / shown_picture)
        texts = {
            "croissant.json": json.dumps(
                croissant(exported, authorship), indent=2, ensure_ascii=False
            ),
            "CITATION.cff": citation(exported, authorship),
            "README.md": card(exported, authorship, shown_picture),
            "sweep.yaml": exported.text,
        }
        for name, text in texts.items():
            (scratch / name).write_text(text, encoding="utf-8")
        scratch.rename(folder)
    except OSError as error:
        raise SweepError(f"cannot write {folder}: {error.strerror or error}") from None
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return exported


def _check(authorship: Authorship, picture: Path | None) -> None:
    """Refuse what describes nothing.

    Raises:
        SweepError: says what.
    """
    if not authorship.authors or not all(author.strip() for author in authorship.authors):
        raise SweepError("received no author; expected --author 'Family, Given', once for each")
    if not _LICENSE.fullmatch(authorship.license):
        text = "expected an identifier of the SPDX list, such as CC-BY-4.0"
        raise SweepError(f"received --license {shown(authorship.license)}; {text}")
    try:
        date.fromisoformat(authorship.date)
    except ValueError:
        raise SweepError(f"received --date {shown(authorship.date)}; expected YYYY-MM-DD") from None
    if picture and (not picture.is_file() or picture.suffix not in (".svg", ".png")):
        raise SweepError(f"received --picture {picture}; expected an SVG or PNG file")


def _exported(dataset: DatasetFolder, folder: Path) -> Exported:
    """Copy the files into the folder's `data`, and read what describes them.

    Raises:
        SweepError: the dataset is damaged, empty, or lacks its sweep.
    """
    status = read_status(dataset)
    manifest = dataset.manifest()
    if manifest is None or status.damaged or not status.shards:
        found = next(
            iter(status.damaged), "it has no file of rows" if manifest else "it has no sweep"
        )
        raise SweepError(
            f"{dataset.location} cannot be exported: {found}; `bocnn run` of its sweep mends it"
        )
    names = [name for name in dataset.store.names() if _belongs(name)]
    shards = [name for name in names if is_shard(name)]
    records = [name for name in names if name.startswith(f"{TRAJECTORY}-")]
    if others := [name for name in shards if not is_own(name)]:
        raise SweepError(
            f"{dataset.location} cannot be exported: {others[0]} holds rows under a name that is not "
            "`bocnn run`'s; `bocnn compact` gives it one"
        )
    given = json.loads(dataset.store.get(GIVEN)) if GIVEN in names else {}
    return Exported(
        sweep=read_document(manifest, where=dataset.location),
        description=str(manifest.get("description") or ""),
        text=str(given.get("text") or json.dumps(manifest, indent=1, ensure_ascii=False)),
        options="".join(
            f" --{name} {given[name]}" for name in ("size", "replicates") if given.get(name)
        ),
        files=list(_copied(dataset, names, folder)),
        runs=dataset.schema(shards[0]),
        records=dataset.schema(records[0]) if records else None,
        published=status.published,
        planned=status.planned,
        made_by=_made_by(dataset, shards),
    )


def _belongs(name: str) -> bool:
    """Whether a file of the folder is one of the dataset."""
    records = name.startswith(f"{TRAJECTORY}-") and name.endswith(".parquet")
    return is_shard(name) or records or name in (MANIFEST, GIVEN, PREDICTIONS, ROUNDS)


def _copied(dataset: DatasetFolder, names: list[str], folder: Path) -> Iterator[ExportedFile]:
    """Copy files one after the other, with their digests."""
    for name in names:
        data = dataset.store.get(name)
        (folder / "data" / name).write_bytes(data)
        yield file_of(f"data/{name}", data)


def _made_by(dataset: DatasetFolder, shards: list[str]) -> dict[str, list[str]]:
    """Each value that the files of rows state of what made them."""
    notes = [dataset.metadata(name) for name in shards]
    found = {name: sorted({note[name] for note in notes if name in note}) for name in PROVENANCE}
    return {name: values for name, values in found.items() if values}
