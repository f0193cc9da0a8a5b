"""What a report is made of, as records: sections with text, figures and tables.

A section is made once and shown twice: in files (PNG, SVG, CSV) and on the page.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from matplotlib.figure import Figure

from analysis.cells.cells import Cells
from analysis.dataset.provenance import Provenance
from analysis.report.findings import Findings
from analysis.report.tables import Row
from analysis.training.trajectories import Trajectories


def file_names(texts: Iterable[str]) -> list[str]:
    """A name for each text that is a file's within its folder, and no other text's."""
    names: list[str] = []
    for text in texts:
        stem = re.sub(r"[^\w.-]+", "-", text).strip("-.") or "unnamed"
        takes = (stem, *(f"{stem}-{k}" for k in range(2, len(names) + 3)))
        names.append(next(name for name in takes if name not in names))
    return names


@dataclass(frozen=True, eq=False)
class Subject:
    """One dataset of a report: all that its sections are made of."""

    findings: Findings
    provenance: Provenance
    trajectories: Trajectories | None = None


@dataclass(frozen=True, eq=False)
class Picture:
    """A figure: `name`.png and `name`.svg, and on the page.

    `parts` are narrow pieces of it, by what each shows, that a page of any width can set side by
    side, below the `key` that they share; without any, the page shows the whole.
    """

    name: str
    caption: str
    figure: Figure
    parts: tuple[tuple[str, Figure], ...] = ()
    key: Figure | None = None
    on_page: bool = True


@dataclass(frozen=True, eq=False)
class Table:
    """A table: `rows` go to `name`.csv as they are; `header` and `cells` are what people read.

    Without a name there is no file, and without a header it is not on the page.
    """

    name: str
    caption: str
    rows: Sequence[Row] = ()
    header: Sequence[str] = ()
    cells: Sequence[Sequence[str]] = ()
    folded: bool = False


@dataclass(frozen=True, eq=False)
class HoverMap:
    """Maps on the page whose cells tell their values: for each setting the views of it, by name."""

    cells: Cells
    panels: tuple[tuple[tuple[str, Figure], ...], ...]


@dataclass(frozen=True)
class Listing:
    """A text as it stands: in the file `name`, and on the page below its caption."""

    name: str
    caption: str
    text: str


@dataclass(frozen=True, eq=False)
class Section:
    """A titled part of the report; what is empty is left out."""

    title: str
    text: str = ""
    hover: HoverMap | None = None
    pictures: Sequence[Picture] = field(default_factory=tuple)
    tables: Sequence[Table] = field(default_factory=tuple)
    listings: Sequence[Listing] = field(default_factory=tuple)
