"""Commands on sweep files and datasets as a whole: list and show shipped sweeps, begin one, export."""

import shutil
from datetime import date
from importlib.resources import files
from math import prod
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from sweeps.cli.messages import out
from sweeps.declare.file import presets
from sweeps.declare.file.sweep_file import SweepSpec, read_keys, read_spec
from sweeps.driver import open_sweep
from sweeps.driver.export import Authorship, export_dataset
from sweeps.errors import SweepError
from sweeps.plan.plan import NOMINAL_FLOPS_PER_S
from sweeps.plan.summary import duration, size, sweep_cost
from sweeps.store.dataset import DatasetFolder

_TEMPLATE = files("sweeps") / "cli" / "template.yaml"


def list_presets(
    times: Annotated[
        bool, typer.Option("--times", help="Also say how long training takes, of one core.")
    ] = False,
) -> None:
    """List the shipped sweeps, with their runs; `show` prints one, `run` trains it."""
    table = Table("sweep", "runs", *["time"] * times, "what it maps")
    for name in presets.preset_names():
        spec, _ = read_spec(read_keys(presets.find(name)[0], name))
        if spec is not None:
            needs = [_time(name)] if times else []
            table.add_row(name, _runs(spec), *needs, spec.description)
    out.print(table)


def show(sweep: Annotated[str, typer.Argument(help="The name of a shipped sweep.")]) -> None:
    """Print the file of a shipped sweep, to be read, or changed in a file of one's own."""
    if sweep not in presets.preset_names():
        presets.find(sweep)  # says which there are, where it is no file either
        raise SweepError(f"{sweep} is a file and not a shipped sweep")
    typer.echo(presets.find(sweep)[0], nl=False)


def init(
    name: Annotated[str, typer.Argument(help="Of the sweep: letters, digits, - and _.")],
) -> None:
    """Write a sweep file with comments, NAME.yaml, to begin with; an existing file stays as it is."""
    path = Path(f"{name}.yaml")
    text = _TEMPLATE.read_text(encoding="utf-8").replace("NAME", name)
    _, errors = read_spec(keys := read_keys(text, str(path)))
    if errors:
        raise keys.source.error(errors)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise SweepError(f"{path} exists already, and is left as it is") from None
    except OSError as error:
        raise SweepError(f"cannot write {path}: {error.strerror}") from None
    out.print(f"{path}; next: bocnn plan {path}, bocnn run {path}", soft_wrap=True)


def export(
    dataset: Annotated[str, typer.Argument(help="The dataset's folder or URI.")],
    author: Annotated[
        list[str], typer.Option(help="'Family, Given', or an organization; may repeat.")
    ],
    out_folder: Annotated[
        Path | None, typer.Option("--out", help="A new folder; NAME-export if not given.")
    ] = None,
    license: Annotated[str, typer.Option(help="Of the SPDX list.")] = "CC-BY-4.0",
    published: Annotated[
        str | None, typer.Option("--date", help="YYYY-MM-DD; today if not given.")
    ] = None,
    picture: Annotated[Path | None, typer.Option(help="SVG or PNG for the card.")] = None,
    archive: Annotated[
        bool, typer.Option("--zip", help="Also pack the folder into FOLDER.zip.")
    ] = False,
) -> None:
    """Write a dataset as a folder that others can cite: croissant.json, CITATION.cff, a card, its files."""
    found = DatasetFolder(dataset)
    name = Path(found.location.rstrip("/")).name
    folder = out_folder or Path(f"{name}-export")
    authorship = Authorship(tuple(author), license, published or date.today().isoformat())
    exported = export_dataset(found, folder, authorship, picture)
    bytes_of_all = sum(file.size for file in exported.files)
    out.print(
        f"{folder}: {exported.published:,} of {exported.planned:,} runs in {len(exported.files):,} files, "
        f"{size(bytes_of_all)}",
        soft_wrap=True,
    )
    if archive:
        out.print(
            shutil.make_archive(str(folder), "zip", folder.parent, folder.name), soft_wrap=True
        )


def _runs(spec: SweepSpec) -> str:
    """How many runs a sweep has, or may have where it stops by itself."""
    if spec.sampling is not None:
        return f"≤ {spec.sampling.at_most:,}"
    together = {name: group[0] for group in spec.zip for name in group[1:]}
    lengths = [len(axis.values) for name, axis in spec.axes.items() if name not in together]
    lengths += [len(axis.values) for name, axis in spec.settings.items() if name not in together]
    return f"{prod(lengths) * spec.replicates:,}"


def _time(name: str) -> str:
    """How long training of a sweep takes at most, at a nominal rate."""
    return duration(sweep_cost(open_sweep(name)) / NOMINAL_FLOPS_PER_S)
