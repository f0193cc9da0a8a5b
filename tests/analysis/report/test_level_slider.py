"""The slider of the page in a real browser: boundary and exponent follow it, and the map's columns."""

import re
from collections.abc import Iterator

import numpy as np
import pytest
from playwright.sync_api import Locator, expect

from analysis.boundary.mean_crossing import Boundary, find_boundary
from analysis.scaling.power_law import fit_power_law
from analysis.statistics.bootstrap import Resampling
from tests.analysis.report.page import Report
from tests.analysis.report.test_browser import (
    WIDTHS,
    Visit,
    browser,
    first_edges,
    point_at,
    visit,
)

pytestmark = pytest.mark.slow

__all__ = ["browser", "visit"]

RESAMPLING = Resampling(draws=100)


@pytest.fixture
def levels(visit: Visit) -> Iterator[Locator]:
    yield visit.page.locator(".levels").first


def move(levels: Locator, steps: int) -> float:
    """Moves the slider by keys; the level that it then names."""
    slider = levels.locator("input[type=range]")
    slider.focus()
    for _ in range(abs(steps)):
        slider.press("ArrowRight" if steps > 0 else "ArrowLeft")
    return float(levels.locator(".shown").inner_text())


def numbers(text: str) -> list[float]:
    return [float(one) for one in re.findall(r"-?\d+\.?\d*", text)]


def boundary_at(report: Report, level: float) -> Boundary:
    return find_boundary(report.cells, level, resampling=RESAMPLING)


@pytest.mark.parametrize("width", WIDTHS)
def test_boundary_and_exponent_follow_the_level(
    visit: Visit, report: Report, levels: Locator, width: int
) -> None:
    visit.page.set_viewport_size({"width": width, "height": 900})
    seen = set()
    for steps in (0, 1, 1, -3):
        level = move(levels, steps)
        seen.add(level)
        boundary = boundary_at(report, level)
        said = levels.locator(".readout span")
        for s in (0, 1):
            law = fit_power_law(boundary, s)
            assert law.slope is not None
            value, low, high = numbers(said.nth(s).inner_text().partition("exponent")[2])
            expected = (law.slope.value, law.slope.low, law.slope.high)
            assert (value, low, high) == pytest.approx(expected, rel=1e-3)
        expect(levels.locator("input[type=range]")).to_have_attribute(
            "aria-valuetext", f"level {level:g}"
        )
    assert len(seen) == 4
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_map_shows_the_boundary_of_another_level_where_it_is(
    visit: Visit, report: Report, levels: Locator
) -> None:
    """The line over the map, in shares of its image, by the edges of its cells."""
    line = visit.page.locator(".plot").first.locator(".overlay .core")
    assert line.count() == 0  # the image itself shows the first level
    level = move(levels, 1)
    path = line.get_attribute("d") or ""
    data = first_edges(report.url)[0]
    up, u = np.array(data["y"]), report.cells.plane.y.coordinates
    centres = (up[1:] + up[:-1]) / 2
    found = boundary_at(report, level).estimate[0]
    inside = np.isfinite(found)
    shares = [float(pair.split(",")[1]) for pair in re.findall(r"[\d.]+,[\d.]+", path)]
    np.testing.assert_allclose(shares, np.interp(found[inside], u, centres), atol=2e-3)
    move(levels, -1)
    assert line.count() == 0


def test_a_column_of_the_map_is_marked_in_the_plot(
    visit: Visit, report: Report, levels: Locator
) -> None:
    boundary, y = boundary_at(report, 0.25), report.cells.plane.y
    point_at(visit.page, 3, 9)
    assert levels.locator(".marked").count() == 2
    for s in (0, 1):
        said = levels.locator(".readout span").nth(s).inner_text()
        shown = numbers(said.partition("mu_norm =")[2])[:3]
        ends = (boundary.estimate[s, 3], boundary.low[s, 3], boundary.high[s, 3])
        assert shown == pytest.approx([y.value(end) for end in ends], rel=1e-3)
    visit.page.mouse.move(0, 0)
    assert levels.locator(".marked").count() == 0


def test_arrow_keys_move_through_the_plot(visit: Visit, levels: Locator) -> None:
    plot, said = levels.locator("svg.boundary"), levels.locator(".readout span").first
    plot.press("ArrowRight")
    first = said.inner_text()
    assert " at d = " in first and levels.locator(".band").count() == 1
    plot.press("ArrowRight")
    assert said.inner_text() != first
    plot.press("Escape")
    assert " at d = " not in said.inner_text()


def test_lines_are_shown_and_hidden(levels: Locator) -> None:
    for kind, name in (("fitted", "fitted power law"), ("large", "theory's exponent")):
        box = levels.get_by_label(name)
        for wanted in (not box.is_checked(), box.is_checked()):
            box.set_checked(wanted)
            assert levels.locator(f"path.{kind}").count() == 2 * wanted


def test_the_plot_has_inks_for_dark_pages(visit: Visit, levels: Locator) -> None:
    line = levels.locator("path.fitted").first
    expect(line).to_have_attribute("stroke", "#01476e")
    visit.page.emulate_media(color_scheme="dark")
    expect(line).to_have_attribute("stroke", "#80b9d8")
