"""A section as the page's template reads it: words, tables, and figures as data in the page."""

import base64
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from matplotlib.figure import Figure

from analysis.figures import page_svg
from analysis.report.blocks import FigureBlock, MapBlock, TableBlock, TextBlock
from analysis.report.html.hover import cell_data, cell_edges
from analysis.report.section import Blocks, Section


class FigureView(NamedTuple):
    """A figure on the page: images with their alternative texts, and the key that they share."""

    name: str
    caption: str
    images: list[tuple[str, str]]
    key: str


class MapView(NamedTuple):
    """A map on the page: names of its views, images of each setting, and the values of its cells."""

    label: str
    views: list[str]
    panels: list[tuple[str, list[tuple[str, str]]]]
    data: dict[str, Any]


class SectionView(NamedTuple):
    """A section on the page; `downloads` are names of what is in files alone, with their kinds."""

    id: str
    title: str
    words: str
    map: MapView | None
    figures: list[FigureView]
    tables: list[TableBlock]
    texts: Sequence[TextBlock]
    downloads: list[tuple[str, list[str]]]


def view_of(section: Section, blocks: Blocks, *, view_id: str) -> SectionView:
    """What the page shows of a section.

    Args:
        section: its title and words.
        blocks: its figures, tables and texts; a table without a header is a download.
        view_id: unlike those of the page's other sections.
    """
    downloads = [(f.name, ["PNG", "SVG"]) for f in blocks.figures if not f.on_page]
    downloads += [(t.name, ["CSV"]) for t in blocks.tables if t.name and t.rows and not t.header]
    return SectionView(
        view_id,
        section.title,
        section.words(),
        map=_map(blocks.map) if blocks.map else None,
        figures=[_figure(figure) for figure in blocks.figures if figure.on_page],
        # Rows are in files; on the page are the cells that people read.
        tables=[replace(table, rows=()) for table in blocks.tables if table.header],
        texts=blocks.texts,
        downloads=downloads,
    )


def _figure(block: FigureBlock) -> FigureView:
    images = [
        (f"{block.caption}, {label}" if label else block.caption, _image(figure))
        for label, figure in block.parts or (("", block.figure),)
    ]
    return FigureView(block.name, block.caption, images, _image(block.key) if block.key else "")


def _map(block: MapBlock) -> MapView:
    data = cell_data(block.cells)
    panels = []
    for setting, views in zip(data["settings"], block.panels, strict=True):
        panels.append((setting["name"], [(name, _image(figure)) for name, figure in views]))
        setting["edges"] = [cell_edges(figure, block.cells) for _, figure in views]
    return MapView(block.cells.label, [name for name, _ in block.panels[0]], panels, data)


def _image(figure: Figure) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(page_svg(figure).encode()).decode()}"
