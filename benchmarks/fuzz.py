"""Ten thousand sweep files, whole and broken: each is read, or refused with a message; prints a table.

    python -m benchmarks.fuzz --files 10000 --seed 1

They are generated as in the tests, for each seed anew, and treated as by `bocnn plan`: written to a
file, opened, resolved and planned against a folder that does not exist. Any exception but a refusal ends
the command with the smallest file that raises it.

| column | |
|---|---|
| read | valid files; they were planned too, unless very large |
| refused | files refused with a message |
| started | refused files whose output folder existed afterwards |
"""

import tempfile
import time
from collections import Counter
from pathlib import Path

import typer
from hypothesis import HealthCheck, given, seed, settings
from rich.console import Console
from rich.table import Table

from sweeps import driver
from sweeps.errors import SweepError
from sweeps.models.protocol import Model
from sweeps.store.dataset import DatasetFolder
from tests.sweeps.declare.test_fuzz import FILES

LARGE = 100_000
"""Cells above which a sweep is not planned."""


def attempt(text: str, model: Model, folder: Path) -> str:
    """Open and plan a sweep file: "read" or "refused"."""
    file = folder / "sweep.yaml"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        resolved = driver.open_sweep(str(file), find_model=lambda name: model)
        if resolved.cells.number <= LARGE:
            driver.plan_sweep(resolved, DatasetFolder(str(folder / "out")))
    except SweepError as error:
        if not str(error):
            raise AssertionError("refused without a message") from error
        return "refused"
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
        outcome = attempt(text, model, folder)
        counts[outcome] += 1
        counts["started"] += outcome == "refused" and (folder / "out").exists()

    one()
    return counts


def main(files: int = 10_000, seed: int = 1) -> None:
    """Print the outcomes; exit status 1 where a refused file was started."""
    table = Table("files", "number", "read", "refused", "started", "s")
    whole: Counter[str] = Counter()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as scratch:
        for kind in FILES:
            start = time.perf_counter()
            outcomes = fuzz(kind, -(-files // len(FILES)), seed, Path(scratch))
            whole += outcomes
            _add(table, kind, outcomes, time.perf_counter() - start)
    _add(table, "all", whole, time.perf_counter() - began)
    Console(width=100).print(table)
    raise typer.Exit(1 if whole["started"] else 0)


def _add(table: Table, name: str, outcomes: Counter[str], seconds: float) -> None:
    """A row of the table."""
    number = outcomes["read"] + outcomes["refused"]
    counts = (number, outcomes["read"], outcomes["refused"], outcomes["started"])
    table.add_row(name, *(f"{count:,}" for count in counts), f"{seconds:.0f}")


if __name__ == "__main__":
    typer.run(main)
