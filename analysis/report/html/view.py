"""A section as the page's template reads it: words, tables, and figures as data in the page."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from analysis.cells.cells import Cells
from analysis.figures import page_svg, save_and_show
from analysis.report.blocks import Draw, FigureBlock, MapBlock, TableBlock, TextBlock
from analysis.report.html.hover import cell_data, cell_edges
from analysis.report.html.levels import level_data
from analysis.report.html.packed import Svg, sized
from analysis.report.section import Blocks, Section


class FigureView(NamedTuple):
    """A figure on the page: images with their alternative texts, the key that they share, and its files."""

    name: str
    kinds: list[str]
    caption: str
    images: list[tuple[str, Svg]]
    key: Svg | None


class MapView(NamedTuple):
    """A map on the page: names of its views, images of each setting, and the values of its cells."""

    label: str
    views: list[str]
    panels: list[tuple[str, list[tuple[str, Svg]]]]
    data: dict[str, Any]


class Picture(NamedTuple):
    """The image of a card, with its alternative text."""

    image: Svg
    text: str


class SectionView(NamedTuple):
    """A section on the page; `downloads` are names of what is in files alone, with their kinds.

    `levels` are boundaries through which the map of the dataset moves.
    """

    id: str
    title: str
    words: str
    map: MapView | None
    figures: list[FigureView]
    tables: list[TableBlock]
    texts: Sequence[TextBlock]
    downloads: list[tuple[str, list[str]]]
    is_detail: bool = False
    picture: Picture | None = None
    levels: dict[str, Any] | None = None

    @property
    def images(self) -> list[Svg]:
        """All images, in the order of the page."""
        panels = self.map.panels if self.map else []
        shown = [image for _, views in panels for _, image in views]
        for figure in self.figures:
            shown += [figure.key] if figure.key else []
            shown += [image for _, image in figure.images]
        return shown


class DrawnFigure(NamedTuple):
    """A figure's files, and what the page shows of it: images, the key that they share, the card's."""

    files: list[Path]
    images: list[Svg]
    key: Svg | None
    card: Svg | None = None


class DrawnPanel(NamedTuple):
    """One view of a map's panel, and where the cells are in it."""

    image: Svg
    edges: dict[str, list[float]]


class DrawnFigures(NamedTuple):
    """The figures of a section, and the panels of its map, setting by setting."""

    figures: list[DrawnFigure]
    panels: list[list[DrawnPanel]]


def draw_figure(block: FigureBlock, folder: Path, formats: Sequence[str]) -> DrawnFigure:
    """Draws a figure once, for its files in a folder and for the page."""
    files, whole = save_and_show(block.draw(), folder / block.name, formats)
    card = sized(whole) if block.on_card else None
    if not block.on_page:
        return DrawnFigure(files, [], None, card)
    shown = [sized(page_svg(draw())) for _, draw in block.parts] or [sized(whole)]
    key = sized(page_svg(block.key())) if block.key else None
    return DrawnFigure(files, shown, key, card)


def draw_panels(views: Sequence[Draw], cells: Cells) -> list[DrawnPanel]:
    """Draws the views of one setting's map for the page."""
    figures = (draw() for draw in views)
    return [DrawnPanel(sized(page_svg(figure)), cell_edges(figure, cells)) for figure in figures]


def view_of(section: Section, blocks: Blocks, drawn: DrawnFigures, *, view_id: str) -> SectionView:
    """What the page shows of a section.

    Args:
        section: its title and words.
        blocks: its figures, tables and texts; a table without a header is a download.
        drawn: the figures and panels of these blocks.
        view_id: unlike those of the page's other sections.
    """
    pairs = list(zip(blocks.figures, drawn.figures, strict=True))
    downloads = [(block.name, _kinds(figure)) for block, figure in pairs if not block.on_page]
    downloads += [(t.name, ["CSV"]) for t in blocks.tables if t.name and t.rows and not t.header]
    pictures = (Picture(figure.card, block.caption) for block, figure in pairs if figure.card)
    return SectionView(
        view_id,
        section.title,
        section.words(),
        map=_map(blocks.map, drawn.panels) if blocks.map else None,
        figures=[_figure(block, figure) for block, figure in pairs if block.on_page],
        # Rows are in files; on the page are the cells that people read.
        tables=[replace(table, rows=()) for table in blocks.tables if table.header],
        texts=blocks.texts,
        downloads=downloads,
        is_detail=section.is_detail,
        picture=next(pictures, None),
        levels=level_data(blocks.cuts) if blocks.cuts else None,
    )


def _figure(block: FigureBlock, drawn: DrawnFigure) -> FigureView:
    labels = [label for label, _ in block.parts] or [""]
    texts = (f"{block.caption}, {label}" if label else block.caption for label in labels)
    images = list(zip(texts, drawn.images, strict=True))
    return FigureView(block.name, _kinds(drawn), block.caption, images, drawn.key)


def _kinds(drawn: DrawnFigure) -> list[str]:
    """The formats of a figure's files, as links name them."""
    return [path.suffix.removeprefix(".").upper() for path in drawn.files]


def _map(block: MapBlock, drawn: list[list[DrawnPanel]]) -> MapView:
    data = cell_data(block.cells)
    names = [name for name, _ in block.panels[0]]
    panels = []
    for setting, views in zip(data["settings"], drawn, strict=True):
        images = [(name, view.image) for name, view in zip(names, views, strict=True)]
        panels.append((setting["name"], images))
        setting["edges"] = [view.edges for view in views]
    return MapView(block.cells.label, names, panels, data)
