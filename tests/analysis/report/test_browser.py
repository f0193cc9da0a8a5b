"""The report in a real browser, opened from disk: pictures, values under the pointer, no network.

Uses the Chromium that BOCNN_BROWSER names, or one on the path; skips where there is none.
"""

import io
import os
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.parse import urlsplit
from urllib.request import url2pathname

import numpy as np
import pytest
from PIL import Image, ImageColor
from playwright.sync_api import Browser, Page, expect, sync_playwright

from analysis.cells.cells import Cells
from analysis.figures.plane_map import COLOUR_ABOVE, COLOUR_BELOW
from tests.analysis.report.page import HOSTILE, Report
from tests.analysis.report.page import Page as Written
from tests.analysis.synthetic import Planted

pytestmark = pytest.mark.slow

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
WIDTHS = (1280, 400)


class Visit(NamedTuple):
    """A page as visited, what its console said, and what it requested beyond itself."""

    page: Page
    console: list[str]
    requests: list[str]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = (shutil.which(name) for name in NAMES)
    path = os.environ.get("BOCNN_BROWSER") or next(filter(None, found), None)
    if path is None:
        pytest.skip(f"no browser: install one of {', '.join(NAMES)}, or name one in BOCNN_BROWSER")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser: Browser, report: Report) -> Iterator[Visit]:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    console: list[str] = []
    requests: list[str] = []
    page.on("console", lambda message: console.append(message.text))
    page.on("pageerror", lambda error: console.append(str(error)))
    page.on("dialog", lambda dialog: console.append(dialog.message))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(report.url)
    expect(page.locator("script.packed")).to_have_count(0, timeout=30_000)
    yield Visit(page, console, requests)
    assert console == []
    assert [url for url in requests if not url.startswith("data:")] == [report.url]
    page.close()


def shown(value: float, digits: int = 4) -> str:
    """A number as the page writes it: with a power of ten below a thousandth, in fewer digits."""
    if abs(value) >= 1e-3:
        return f"{float(f'{value:.{digits}g}'):.10g}"
    number, power = f"{value:.{min(digits, 3) - 1}e}".split("e")
    return f"{number}e{int(power)}"


def expected(cells: Cells, s: int, i: int, j: int) -> str:
    """The lines that a cell's values are read in."""
    x, y = cells.plane.x, cells.plane.y
    mean, error = shown(cells.mean[s, i, j]), shown(cells.standard_error[s, i, j], digits=2)
    cell = f"{x.name} = {shown(x.values[i])}, {y.name} = {shown(y.values[j])}"
    return f"{cell}\nmean {mean} ± {error} (SE)\n6 of 6 runs used"


@cache
def first_edges(url: str) -> list[dict[str, list[float]]]:
    """Edges of the cells of the first map of a page on disk, in each of its views."""
    edges: list[dict[str, list[float]]] = page_at(url).data()[0]["settings"][0]["edges"]
    return edges


def page_at(url: str) -> Written:
    """A page on disk as it is written."""
    return Written.read(Path(url2pathname(urlsplit(url).path)))


def point_at(page: Page, i: int, j: int, view: int = 0) -> None:
    """Moves the mouse to the middle of a cell in a view of the first map."""
    plot = page.locator(".plot").first
    plot.scroll_into_view_if_needed()
    box, edges = plot.bounding_box(), first_edges(page.url)[view]
    assert box is not None
    across, down = (sum(edges[axis][k : k + 2]) / 2 for axis, k in (("x", i), ("y", j)))
    page.mouse.move(box["x"] + across * box["width"], box["y"] + down * box["height"])


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_it_opens_from_disk_and_fits_the_window(visit: Visit, width: int, scheme: Scheme) -> None:
    page = visit.page
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    for details in page.locator("details").all():
        details.evaluate("(part) => { part.open = true; }")
    page.locator(".values table").last.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") == width
    page.wait_for_function("[...document.images].every((i) => i.complete && i.naturalWidth > 0)")
    if width == max(WIDTHS):
        tables = page.locator("section .scroll")
        wide = (
            "(all) => all.filter((t) => t.scrollWidth > t.clientWidth + 1).map((t) => t.ariaLabel)"
        )
        assert "Theory" not in tables.evaluate_all(wide)
    shown = page.locator("img:visible")
    settings, datasets, shifts, values_of_d = (2, 1), 2, 1, 4
    figures = (
        sum(settings)  # maps, of each the first view
        + sum(settings)  # residuals
        + 3 * datasets  # boundary, local exponents, exponents by level
        + shifts
        + 1  # the key of the trajectories
        + settings[0] * values_of_d  # their panels
        + datasets  # the cards'
    )
    assert shown.count() == figures
    widths = shown.evaluate_all("(images) => images.map((i) => i.getBoundingClientRect().width)")
    assert min(widths) > 250
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(255, 255, 255)") == (scheme == "light")


def test_pictures_turn_light_with_the_page(visit: Visit) -> None:
    """The mean brightness of a figure on its page, drawn in dark ink and then in light ink."""
    boundary = visit.page.locator(".figures img").first
    brightness = []
    for scheme in SCHEMES:
        visit.page.emulate_media(color_scheme=scheme)
        shot = Image.open(io.BytesIO(boundary.screenshot())).convert("L")
        brightness.append(np.asarray(shot))
    light, dark = brightness
    assert np.median(light) > 240 and light.min() < 60
    assert np.median(dark) < 40 and dark.max() > 200


@pytest.mark.parametrize("width", WIDTHS)
def test_the_list_of_contents_marks_what_is_read(visit: Visit, width: int) -> None:
    """Every link leads to its part, which then is the present one, the last ones too."""
    page = visit.page
    page.set_viewport_size({"width": width, "height": 900})
    marked = page.locator("nav a[aria-current]")
    expect(marked).to_have_attribute("href", "#page.findings")
    links = page.locator("nav a").evaluate_all("(all) => all.map((a) => a.getAttribute('href'))")
    assert len(links) > 20
    for link in links:
        page.evaluate("(hash) => { location.hash = hash; }", link)
        expect(marked).to_have_attribute("href", link)
        target = page.locator(f"[id='{link[1:]}']")
        top = target.evaluate("(part) => part.getBoundingClientRect().top")
        assert -1 < top < 900
        assert target.locator("> details").evaluate_all("(all) => all.every((d) => d.open)")
    page.evaluate("window.scrollTo(0, 0)")
    expect(marked).to_have_attribute("href", "#page.findings")


def test_the_list_stays_in_sight_and_shows_the_present_dataset_alone(visit: Visit) -> None:
    page = visit.page
    shown = page.locator("nav a:visible")
    assert shown.count() == 3  # the findings, and two datasets
    page.locator(".card h2 a").last.click()
    expect(page.locator("nav .present > a")).to_have_text("planted")
    assert shown.count() > 10
    assert page.locator("nav .chapter").last.locator("ul a").first.is_visible()
    box = page.locator("nav").bounding_box()
    assert box is not None and 0 <= box["y"] < 20


def test_on_a_narrow_window_a_button_opens_the_list(visit: Visit) -> None:
    page = visit.page
    page.set_viewport_size({"width": 400, "height": 800})
    button, links = page.get_by_role("button", name="Contents"), page.locator("nav a:visible")
    assert (links.count(), button.get_attribute("aria-expanded")) == (0, "false")
    button.press("Enter")
    assert (links.count(), button.get_attribute("aria-expanded")) == (3, "true")
    page.keyboard.press("Escape")
    assert links.count() == 0
    assert button.evaluate("(one) => one === document.activeElement")
    button.click()
    links.last.click()
    assert links.count() == 0
    expect(button).to_have_text("Contents: planted")


def test_without_scripts_the_list_is_whole_and_covers_nothing(
    browser: Browser, report: Report
) -> None:
    page = browser.new_page(viewport={"width": 400, "height": 800}, java_script_enabled=False)
    page.goto(report.url)
    assert page.locator("nav a:visible").count() == page.locator("nav a").count() > 20
    assert page.locator("nav button:visible").count() == 0
    page.locator(".card h2 a").last.click()
    box = page.locator("nav").bounding_box()
    assert box is not None and box["y"] + box["height"] < 0
    page.close()


def test_the_cell_under_the_pointer_tells_its_values(visit: Visit, report: Report) -> None:
    page, readouts = visit.page, visit.page.locator(".readout")
    assert "Hover over a cell" in readouts.first.inner_text()
    for i, j in ((0, 0), (3, 9), (7, 15)):
        point_at(page, i, j)
        for s in (0, 1):
            assert readouts.nth(s).inner_text() == expected(report.cells, s, i, j)
        assert page.locator(".cell:visible").count() == 2
    page.mouse.move(0, 0)
    assert "Hover over a cell" in readouts.first.inner_text()
    assert page.locator(".cell:visible").count() == 0


def test_the_framed_cell_is_the_one_that_is_drawn(visit: Visit, report: Report) -> None:
    """In two colours: what is drawn in the middle of a frame is the side of that cell's mean."""
    page = visit.page
    page.get_by_label("two colours, level 0.25").first.check()
    mean, boundary = report.cells.mean[0], Planted().boundary()[0]
    for i, j in ((1, 1), (1, 14), (4, 3), (6, 15), (7, 2)):
        y = report.cells.plane.y.values[j]
        assert abs(np.log(y / boundary[i])) > 0.3  # no point of the boundary is there
        point_at(page, i, j, view=1)
        assert page.locator(".readout").first.inner_text() == expected(report.cells, 0, i, j)
        shot = Image.open(io.BytesIO(page.locator(".cell").first.screenshot())).convert("RGB")
        middle = shot.getpixel((shot.width // 2, shot.height // 2))
        side = COLOUR_ABOVE if mean[i, j] > 0.25 else COLOUR_BELOW
        assert middle == ImageColor.getrgb(side)


def test_arrow_keys_move_from_cell_to_cell(visit: Visit, report: Report) -> None:
    page, readout = visit.page, visit.page.locator(".readout").first
    page.locator(".plot").first.focus()
    page.keyboard.press("ArrowRight")
    assert readout.inner_text() == expected(report.cells, 0, 4, 8)
    for key in ("ArrowUp", "ArrowUp", "ArrowLeft"):
        page.keyboard.press(key)
    assert readout.inner_text() == expected(report.cells, 0, 3, 10)
    for _ in range(20):
        page.keyboard.press("ArrowDown")
    assert readout.inner_text() == expected(report.cells, 0, 3, 0)
    page.keyboard.press("Escape")
    assert "Hover over a cell" in readout.inner_text()


def test_the_values_stand_in_tables_too(visit: Visit, report: Report) -> None:
    page, mean = visit.page, report.cells.mean
    page.locator(".values summary").first.click()
    tables = page.locator(".values").first.locator("table")
    tables.last.wait_for()
    assert tables.count() == 2
    top = tables.nth(1).locator("tbody tr").first
    assert top.locator("th").inner_text() == "8"
    first = top.locator("td").first.inner_text().split(" ± ")[0]
    assert float(first) == pytest.approx(mean[1, 0, -1], rel=1e-2)
    assert tables.first.locator("tbody tr").count() == mean.shape[2]


def test_a_long_table_is_there_once_it_is_opened(visit: Visit, report: Report) -> None:
    folded = visit.page.locator("details.long").first
    assert folded.locator("table").count() == 0
    folded.evaluate("(one) => { one.closest('details.part')?.setAttribute('open', ''); }")
    link = folded.locator("a").get_attribute("href") or ""
    folded.locator("summary").click()
    folded.locator("table").wait_for()
    rows = (Path(url2pathname(urlsplit(report.url).path)).parent / link).read_text().splitlines()
    assert folded.locator("tr").count() == len(rows)
    assert folded.locator("a").get_attribute("href") == link
    for _ in range(2):
        folded.locator("summary").click()
    assert folded.locator("tr").count() == len(rows)


def test_a_print_has_every_picture_or_says_that_it_has_not(
    browser: Browser, report: Report
) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.add_init_script("window.requestIdleCallback = () => {};")
    page.goto(report.url)
    packed, said = page.locator("script.packed"), page.locator(".unfinished")
    assert packed.count() > 5
    page.emulate_media(media="print")
    expect(said).to_be_hidden()
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    expect(said).to_be_visible()
    expect(packed).to_have_count(0)
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    expect(said).to_be_hidden()
    assert page.evaluate("[...document.images].every((i) => i.src.startsWith('data:'))")
    page.close()


def test_a_name_with_a_script_is_shown_and_does_not_run(visit: Visit) -> None:
    page = visit.page
    page.wait_for_timeout(100)
    assert HOSTILE in page.locator("h2").first.inner_text()
    assert page.locator("img[src='x']").count() == 0
    # The fixture asserts that no alert, no error and no request came of it.
