"""Ten thousand sweep files, whole and broken: each is read, or told as a mistake; prints a table.

    python -m benchmarks.fuzz --files 10000 --seed 1

They are those of the tests, drawn anew for each seed, and go the way of `bocnn-sweep plan`: written to a
file, opened, resolved and planned against a folder that is not there. Anything that is raised but a told
mistake ends the command with the smallest file that raises it.

| column | |
|---|---|
| read | files that are sweeps, and were planned unless they are too large to be worth it |
| told | files that were refused with a message |
| started | refused files whose output folder was there afterwards |
"""

import tempfile
import time
from collections import Counter
from pathlib import Path

import typer
from hypothesis import HealthCheck, given, seed, settings
from rich.console import Console
from rich.table import Table

from sweeps import command
from sweeps.errors import SweepError
from sweeps.protocol import Model
from sweeps.store.dataset import Dataset
from tests.sweeps.test_fuzz import FILES

LARGE = 100_000
"""Cells above which a sweep is not planned."""


def attempt(text: str, model: Model, folder: Path) -> str:
    """Open and plan a sweep file: "read" or "told"."""
    file = folder / "sweep.yaml"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        resolved = command.open_sweep(str(file), find_model=lambda name: model)
        if resolved.cells.number <= LARGE:
            command.plan_sweep(resolved, Dataset(str(folder / "out")))
    except SweepError as error:
        if not str(error):
            raise AssertionError("a mistake without a message") from error
        return "told"
    return "read"


def fuzz(kind: str, number: int, drawn: int, folder: Path) -> Counter[str]:
    """Try about so many files of a kind."""
    files, model = FILES[kind]
    counts: Counter[str] = Counter()

    @seed(drawn)
    @settings(
        max_examples=number,
        derandomize=False,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(files)
    def one(text: str) -> None:
        found = attempt(text, model, folder)
        counts[found] += 1
        counts["started"] += found == "told" and (folder / "out").exists()

    one()
    return counts


def main(files: int = 10_000, seed: int = 1) -> None:
    """Print what became of the files; exit status 1 where a refused one was started."""
    table = Table("files", "number", "read", "told", "started", "s")
    whole: Counter[str] = Counter()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as scratch:
        for kind in FILES:
            start = time.perf_counter()
            found = fuzz(kind, -(-files // len(FILES)), seed, Path(scratch))
            whole += found
            _add(table, kind, found, time.perf_counter() - start)
    _add(table, "all", whole, time.perf_counter() - began)
    Console(width=100).print(table)
    raise typer.Exit(1 if whole["started"] else 0)


def _add(table: Table, name: str, found: Counter[str], seconds: float) -> None:
    """A row of the table."""
    number = found["read"] + found["told"]
    counts = (number, found["read"], found["told"], found["started"])
    table.add_row(name, *(f"{count:,}" for count in counts), f"{seconds:.0f}")


if __name__ == "__main__":
    typer.run(main)
