"""What axe-core finds on the pages, in light and dark, wide and narrow: nothing serious."""

from collections.abc import Iterator
from importlib.resources import files
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from analysis.report.report import write_report
from analysis.report.results import analyse
from tests.analysis.report.page import FEW, Report
from tests.analysis.report.test_browser import SCHEMES, WIDTHS, browser
from tests.analysis.synthetic import Planted
from tests.analysis.watch.watching import Growing, served

pytestmark = pytest.mark.slow

__all__ = ["browser"]

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"], "resultTypes": ["violations"]}
SERIOUS = ("serious", "critical")


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page()
    yield page
    page.close()


def findings(page: Page) -> list[str]:
    """Serious findings of a page that is open, in every scheme and width, with where they are."""
    page.evaluate((files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8"))
    found = []
    for scheme, width in product(SCHEMES, WIDTHS):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 900})
        results: dict[str, Any] = page.evaluate("(rules) => axe.run(document, rules)", RULES)
        found += [
            f"{scheme} {width}: {one['id']} at {one['nodes'][0]['target']}: {one['help']}"
            for one in results["violations"]
            if one["impact"] in SERIOUS
        ]
    return found


def opened(page: Page, url: str) -> None:
    """Opens a report and unfolds it, with one of the long tables, which are alike."""
    page.goto(url)
    expect(page.locator("script.packed")).to_have_count(0, timeout=30_000)
    page.locator("details").evaluate_all(
        "(all) => { const long = all.filter((one) => one.matches('.long')).slice(1);"
        " all.forEach((one) => { one.open = !long.includes(one); }); }"
    )


def test_a_report_of_planes(page: Page, report: Report) -> None:
    opened(page, report.url)
    assert findings(page) == []


def test_a_report_of_one_axis(page: Page, tmp_path: Path) -> None:
    planted = Planted(y=(2.0,), replicates=3, sweep_extra={"analysis": None})
    data = analyse(str(planted.write(tmp_path / "data")), FEW)
    opened(page, write_report([data], tmp_path / "out").page.as_uri())
    assert page.locator(".facts dt").all_inner_texts() == ["x", "measure", "data", "chosen"]
    assert findings(page) == []


def test_the_page_of_a_growing_dataset(page: Page, tmp_path: Path) -> None:
    growing = Growing(tmp_path / "growing", Planted(replicates=3)).begin()
    growing.publish(0)
    with served(growing.folder) as served_page:
        page.goto(served_page.url)
        expect(page.locator("#pictures img")).to_have_count(2)
        assert findings(page) == []


def test_what_is_wrong_is_found(page: Page) -> None:
    page.set_content(
        "<html><body style='color:#bbb;background:#fff'>pale<img src='a'></body></html>"
    )
    found = findings(page)
    assert {one.split(": ")[1].split(" at")[0] for one in found} >= {"color-contrast", "image-alt"}
