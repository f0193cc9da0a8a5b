"""Copies what this folder shows out of the report that `make papers FORMAT=png` writes.

python docs/results/collect.py papers/paper/report

Of a report of some sweeps, two at least, only their figures and their rows take the place of what is here;
rows of a sweep that is new come last.
"""

import sys
from itertools import groupby
from pathlib import Path

from PIL import Image

HERE = Path(__file__).parent
WIDTH = 1100
COLOURS = 128
FIGURES = (
    "shang-fig-2a/two-colour-level-0.05",
    "shang-fig-2b/two-colour-level-0.2",
    "shang-fig-2c/two-colour-level-0.2",
    "shang-fig-3/trajectories",
    "kou-published-script/map-level-0.11111",
    "kou-published-script/levels",
    "kou-heat-map/map-level-0.11111",
    "kou-heat-map/levels",
    "quarter-law-over-d/local-level-0.2",
    "small-v0-over-d/boundary-level-0.2",
    "small-v0-over-d/exponent-over-d",
    "small-v0-over-d/local-level-0.2",
    "kink-over-n/kink-over-n",
    "kink-over-m/kink-over-m",
    "kink-over-d/kink-over-d",
    "kink-over-sigma/kink-over-sigma_p",
    "flips-over-p/shift-over-p_flip",
    "training-length/boundary-level-0.2",
    "adam-over-d/boundary-level-0.2",
    "adam-initialization-plane/boundary-level-0.2",
    "depth-plane/boundary-level-0.2",
    "spectrum-over-d/boundary-level-0.2",
    "ratio-to-the-end/trajectories",
    "ba-linear-network/curve-risk",
    "ba-random-features/curve-bias",
    "ba-random-features/curve-variance",
    "ba-first-layer-width/curve-risk",
    "ba-first-layer-dimension/curve-bias",
    "ba-first-layer-dimension/curve-variance",
    "ba-near-poles/curve-risk",
    "ba-vanishing/curve-risk",
    "arora-training-curves/curve-residual",
    "arora-width/curve-residual_gap",
    "arora-random-labels/curve-bound",
    "arora-random-labels/curve-test_l1",
    "arora-random-labels/curve-test_error",
    "arora-digits/curve-bound",
    "arora-digits/curve-test_error",
)


TABLES = {"predictions.csv": (1, ","), "predictions.md": (2, " | ")}
"""The table of predictions: lines of its head, and what ends the first column, which names the sweep."""


def main() -> None:
    """Copy the figures, in fewer dots and colours, and the table of predictions."""
    report = Path(sys.argv[1])
    sweeps = {path.name for path in report.iterdir() if path.is_dir()}
    missing = [name for name in TABLES if not (report / name).is_file()]
    if missing:
        sys.exit(f"{report} has no {missing[0]}; expected a report of at least two sweeps")
    for name in FIGURES:
        if name.split("/")[0] in sweeps:
            shrink(report / f"{name}.png", HERE / f"{name.replace('/', '-')}.png")
    for table, (head, end) in TABLES.items():
        here, there = (
            path.read_text(encoding="utf-8").splitlines() for path in (HERE / table, report / table)
        )
        if here[:head] != there[:head]:
            sys.exit(f"{report / table} has other columns than {HERE / table}")
        rows = with_rows(here[head:], there[head:], sweeps, end)
        (HERE / table).write_text("\n".join([*there[:head], *rows, ""]), encoding="utf-8")


def with_rows(here: list[str], there: list[str], sweeps: set[str], end: str) -> list[str]:
    """A table's rows with those of some sweeps from elsewhere, each sweep's where its rows were.

    Args:
        here: the rows, those of a sweep one after the other.
        there: rows of these sweeps alone.
        sweeps: whose rows are replaced; one that has none elsewhere loses its own.
        end: what the name of a row's sweep, its first column, ends with.
    """

    def sweep(row: str) -> str:
        return row.removeprefix("| ").split(end)[0]

    found = {name: list(rows) for name, rows in groupby(there, sweep)}
    rows: list[str] = []
    for name, own in groupby(here, sweep):
        rows += found.pop(name, []) if name in sweeps else own
    return [*rows, *(row for own in found.values() for row in own)]


def shrink(source: Path, target: Path) -> None:
    """Write a figure in fewer dots and colours."""
    with Image.open(source) as picture:
        height = round(picture.height * WIDTH / picture.width)
        small = picture.convert("RGB").resize((WIDTH, height), Image.Resampling.LANCZOS)
    small.quantize(COLOURS).save(target, optimize=True)


if __name__ == "__main__":
    main()
