"""Figures as files and on the page: the same bytes twice, names as they are written, light and dark."""

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import matplotlib.pyplot as plt
import pytest
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.colors import to_hex

from analysis.boundary.mean_crossing import Boundary
from analysis.cells.cells import Cells
from analysis.figures import (
    FORMATS,
    draw_boundary,
    draw_map,
    page_svg,
    save,
    save_and_show,
)
from analysis.figures.canvas.style import INK, colours, dark, marks, theme
from analysis.scaling.power_law import fit_power_law
from analysis.scaling.prediction import compare
from tests.analysis.figures.drawn import QUARTER, legend


def test_saving_twice_gives_the_same_bytes(
    cells: Cells, boundary: Boundary, tmp_path: Path
) -> None:
    files = [
        save(draw_map(cells, boundary), tmp_path / name, FORMATS) for name in ("level-0.25", "b")
    ]
    assert [path.name for path in files[0]] == [f"level-0.25.{kind}" for kind in FORMATS]
    for one, other in zip(*files, strict=True):
        assert one.read_bytes() == other.read_bytes()
    assert plt.get_fignums() == []


@pytest.mark.parametrize("count", [1, 5, 11, 35, 100, 130])
def test_no_two_marks_of_a_figure_are_alike(count: int) -> None:
    assert len(set(marks(count))) == len(marks(count)) == count


@pytest.mark.parametrize("name", ["costs $5 to $10", r"$\frac{1}{2$", r"$\undefined$", "$"])
def test_names_are_drawn_as_they_are_written(boundary: Boundary, name: str, tmp_path: Path) -> None:
    theory = replace(QUARTER, name=name)
    figure = draw_boundary(boundary, [], comparisons=[compare(boundary, 0, theory=theory)])
    save(figure, tmp_path / "named")  # nothing of it is laid out as a formula
    assert name in re.sub(r"\s+", " ", "".join(legend(figure)))
    words = ElementTree.fromstring(page_svg(figure)).itertext()
    assert name in re.sub(r"\s+", " ", "".join(words))


def test_a_picture_for_the_page_keeps_the_digits_of_its_words(boundary: Boundary) -> None:
    figure = draw_boundary(boundary, [])
    figure.axes[0].set_title("0.123456 of 1e-05, 10⁻³")
    text = page_svg(figure)
    root = ElementTree.fromstring(text)
    words = ["".join(one.itertext()) for one in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "0.123456 of 1e-05, 10⁻³" in words
    assert not re.search(r'="[\d.]*\.\d{3}', text)


def test_a_picture_for_the_page_turns_light_where_the_page_is_dark(boundary: Boundary) -> None:
    text = page_svg(draw_boundary(boundary, [fit_power_law(boundary, 0)]))
    root = ElementTree.fromstring(text)
    rules = "".join(style.text or "" for style in root.iter("{http://www.w3.org/2000/svg}style"))
    assert "prefers-color-scheme: dark" in rules
    darkened = to_hex(dark(colours(1)[0]))
    for ink in (INK, darkened):
        assert f"{ink}" in rules
        assert f"stroke: {ink}" in text.split("<style>@media")[0]


def test_one_drawing_gives_the_file_and_the_page(
    cells: Cells, boundary: Boundary, tmp_path: Path
) -> None:
    """Letters, lines and marks are where matplotlib draws them; the page's picture is that of itself."""
    for name, draw in (("map", draw_map), ("boundary", draw_boundary)):
        figure, other = (
            draw(cells, boundary) if draw is draw_map else draw(boundary, []) for _ in "ab"
        )
        (svg,), page = save_and_show(figure, tmp_path / name, ("svg",))
        assert page.count("<text") > 5
        assert "<text" not in svg.read_text()
        other.set_layout_engine("none")
        for axes, placed in zip(other.axes, figure.axes, strict=True):
            axes.set_position(placed.get_position())
        with theme():
            FigureCanvasSVG(other).print_svg(tmp_path / "plain.svg", metadata={"Date": None})
        own, plain = (drawn_at(path) for path in (svg, tmp_path / "plain.svg"))
        assert own == plain
        other = draw(cells, boundary) if draw is draw_map else draw(boundary, [])
        assert page == page_svg(other)


def to_thousandths(number: re.Match[str]) -> str:
    return f"{float(number[0]):.3f}"


def drawn_at(path: Path) -> Counter[tuple[str, ...]]:
    """Marks and letters of an SVG by their places, and lines by their points, whatever their order."""
    names = ("x", "y", "transform", "d")
    return Counter(
        tuple(re.sub(r"\d+\.\d+", to_thousandths, one.get(name, "")) for name in names)
        for one in ElementTree.parse(path).iter()
        if one.tag.endswith(("}use", "}path")) and "style" in one.attrib
    )


def test_ticks_are_as_they_were_when_a_figure_is_saved(boundary: Boundary, tmp_path: Path) -> None:
    figure = draw_boundary(boundary, [])
    axis = figure.axes[0].xaxis
    save(figure, tmp_path / "one")
    assert not {"_update_ticks", "_get_tick", "_copy_tick_props"} & set(vars(axis))
    figure.axes[0].set_xlim(10.0, 1e6)
    save(figure, tmp_path / "two")
    labels = [label.get_text() for label in axis.get_ticklabels()]
    assert "1e+06" in labels
