"""What a section is made of, as records: figures, tables, maps and texts.

A block is made once and shown twice: in files and on the page. Figures are drawn when they
are shown, each in a process of its own where there are several.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure

from analysis.cells.cells import Cells
from analysis.dataset.plane import Floats
from analysis.report.rows import TableRow
from analysis.scaling.power_law import PowerLaw
from sweeps.declare.analysis_spec import PredictionSpec

MAX_OPEN_ROWS = 12
"""Rows up to which a table of details is open on the page."""
MAX_PLAIN_ROWS = 6
"""Rows up to which the page keeps a folded table as it is, and not packed."""


Draw = Callable[[], Figure]
"""Draws a figure, anew whenever it is called."""


@dataclass(frozen=True, eq=False)
class FigureBlock:
    """A figure: in files by its name, and on the page.

    `parts` are narrow pieces of it, by what each shows, that a page of any width can set side by
    side, below the `key` that they share; without any, the page shows the whole. The card of the
    dataset has the whole of the one that is `on_card`.
    """

    name: str
    caption: str
    draw: Draw
    parts: tuple[tuple[str, Draw], ...] = ()
    key: Draw | None = None
    on_page: bool = True
    on_card: bool = False


@dataclass(frozen=True, eq=False)
class TableBlock:
    """A table: `rows` go to `name`.csv as they are; `header` and `cells` are what people read.

    Without a name there is no file, and without a header it is not on the page.
    """

    name: str
    caption: str
    rows: Sequence[TableRow] = ()
    header: Sequence[str] = ()
    cells: Sequence[Sequence[str]] = ()
    folded: bool = False

    @property
    def is_packed(self) -> bool:
        """Whether the page keeps it packed until it is opened."""
        return self.folded and len(self.cells) > MAX_PLAIN_ROWS


@dataclass(frozen=True, eq=False)
class MapBlock:
    """Maps on the page that show the values of a cell: for each setting its views, by name."""

    cells: Cells
    panels: tuple[tuple[tuple[str, Draw], ...], ...]


@dataclass(frozen=True, eq=False)
class LevelCut:
    """The boundary of one level, and what the page draws beside it; y in the axis's own coordinate.

    Attributes:
        level: where the plane is cut.
        estimate: crossings, shape (settings, x), infinite beyond the grid.
        low: ends of their intervals, of the same shape.
        high: the other ends.
        laws: the power law of each setting.
        predicted: y* of predictions by their names, in the values of y, shape (settings, x).
    """

    level: float
    estimate: Floats
    low: Floats
    high: Floats
    laws: Sequence[PowerLaw]
    predicted: Mapping[str, Floats]


@dataclass(frozen=True, eq=False)
class LevelsBlock:
    """The boundary at several levels, through which the page moves: on its map, and beside it.

    `theories` state exponents, for large sizes; `first` is the position of the level that the map itself
    shows.
    """

    cells: Cells
    cuts: Sequence[LevelCut]
    theories: Sequence[PredictionSpec]
    first: int


@dataclass(frozen=True)
class TextBlock:
    """A text as it is: in the file `name`, and on the page below its caption."""

    name: str
    caption: str
    text: str


def table_of_rows(
    name: str, caption: str, rows: Sequence[TableRow], *, folded: bool = False
) -> TableBlock:
    """A table that shows people every column of its rows as it is.

    Args:
        name: of its CSV file.
        caption: above it on the page.
        rows: of one kind: all have the keys of the first.
        folded: whether the page shows it on request alone.
    """
    header = list(rows[0]) if rows else []
    cells = [[_word(row[column]) for column in header] for row in rows]
    return TableBlock(name, caption, rows, header, cells, folded)


def file_names(texts: Iterable[str]) -> list[str]:
    """A file name for each text, unlike those of the others in the same folder."""
    names: list[str] = []
    for text in texts:
        stem = re.sub(r"[^\w.-]+", "-", text).strip("-.") or "unnamed"
        candidates = (stem, *(f"{stem}-{k}" for k in range(2, len(names) + 3)))
        names.append(next(name for name in candidates if name not in names))
    return names


def _word(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
