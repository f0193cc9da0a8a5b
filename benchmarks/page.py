"""What a report's page takes in Chromium: until it is there and drawn, and for what people do in it.

python -m benchmarks.page report/report.html …

Seconds are of the page's main thread, so that other work on the machine does not count. Chromium is that of
BOCNN_BROWSER, or one on the path.
"""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import CDPSession, Page, sync_playwright

FLAGS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
FRAME = "new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn, 0)))"
PATIENCE_MS = 120_000


def main() -> None:
    """Print a line for each page and thing that is done."""
    path = os.environ.get("BOCNN_BROWSER") or shutil.which("chromium")
    with sync_playwright() as playwright:
        for name in sys.argv[1:]:
            print(f"{name}: {Path(name).stat().st_size / 1e6:.1f} MB")
            browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            session = page.context.new_cdp_session(page)
            session.send("Performance.enable", {"timeDomain": "threadTicks"})
            visit(page, session, Path(name).resolve().as_uri())
            browser.close()


def visit(page: Page, session: CDPSession, url: str) -> None:
    """Open a page, go to the map of its last dataset, and use it."""

    def timed(what: str, action: Callable[[], object]) -> None:
        before = seconds(session)
        action()
        page.evaluate(FRAME)
        print(f"  {what:<40} {seconds(session) - before:.3f} s")

    page.goto(url, wait_until="domcontentloaded", timeout=PATIENCE_MS)
    print(f"  {'until all elements are there':<40} {seconds(session):.3f} s")
    timed("until it is drawn", lambda: None)
    part = page.locator("section:has(.levels)").last
    plot = part.locator(".plot").first
    timed("a jump to a map", lambda: part.evaluate("(one) => one.scrollIntoView()"))
    hint = part.locator(".readout .hint").first
    timed("until that map answers", lambda: hint.wait_for(timeout=PATIENCE_MS))
    box = plot.bounding_box()
    assert box is not None
    for share in (0.4, 0.5):
        x, y = box["x"] + share * box["width"], box["y"] + share * box["height"]
        timed("a cell under the pointer", lambda x=x, y=y: page.mouse.move(x, y))  # type: ignore[misc]
    part.locator("input[type=range]").focus()
    for _ in range(2):
        timed("a step of the slider", lambda: page.keyboard.press("ArrowRight"))


def seconds(session: CDPSession) -> float:
    """What the main thread has taken so far."""
    metrics = session.send("Performance.getMetrics")["metrics"]
    return float(next(one["value"] for one in metrics if one["name"] == "TaskDuration"))


if __name__ == "__main__":
    main()
