"""The page in a real browser while a dataset grows: as it fills, and as it ends."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.analysis.report.test_browser import SCHEMES, WIDTHS, Scheme, browser
from tests.analysis.synthetic import Planted
from tests.analysis.watch.watching import Growing, served

pytestmark = pytest.mark.slow

__all__ = ["browser"]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_page_fills_as_runs_come_and_keeps_the_last_state(
    browser: Browser,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    width: int,
    scheme: Scheme,
) -> None:
    monkeypatch.setattr("analysis.watch.datasets.SHARE", 1.0)
    planted = Planted(factors=(1.0, 1.3), replicates=4, name="<b>planted</b>")
    growing = Growing(tmp_path / "growing", planted).begin()
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    with served(growing.folder) as served_page:
        port = served_page.url.rstrip("/").rpartition(":")[2]
        page.goto(f"http://localhost:{port}/")
        progress, pictures = page.locator("#progress"), page.locator("#pictures img")
        expect(progress).to_contain_text("No run is published yet")
        growing.publish(0)
        expect(progress).to_contain_text("256 of 1,024")
        expect(pictures).to_have_count(2)
        expect(page.locator("progress")).to_have_attribute("value", "25")
        first = pictures.first.get_attribute("src")
        for k in (1, 2, 3):
            growing.publish(k)
        expect(progress).to_contain_text("All runs are published")
        expect(pictures.first).not_to_have_attribute("src", first or "")
        assert page.evaluate("[...document.images].every((i) => i.naturalWidth > 0)")
        expect(page.locator("#laws tbody tr").first).to_contain_text("0.25")
        expect(page.locator("h1")).to_have_text("<b>planted</b>")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        served_page.ended.set()
        expect(page.locator("#ended")).to_have_text("The run has ended; this is its last state.")
    expect(progress).to_contain_text("1,024 of 1,024")
    page.wait_for_timeout(2500)  # it asks no more
    assert said == []
    assert {url.split("/")[2] for url in asked if not url.startswith("data:")} == {
        f"localhost:{port}"
    }
    page.close()


def test_the_page_says_when_nothing_answers(browser: Browser, tmp_path: Path) -> None:
    """A tunnel that is closed: the state stays, and the page says of when it is."""
    growing = Growing(tmp_path / "growing", Planted(replicates=4)).begin()
    page = browser.new_page()
    with served(growing.folder) as served_page:
        page.goto(served_page.url)
        expect(page.locator("#progress")).to_contain_text("0 of 512")
        page.route("**/state.json*", lambda route: route.abort())
        expect(page.locator("#ended")).to_contain_text("No answer since", timeout=10_000)
        page.unroute("**/state.json*")
        expect(page.locator("#ended")).to_be_hidden(timeout=15_000)
        page.close()
