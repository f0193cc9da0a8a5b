"""Names and texts that would be more than words in a page, a table, a spreadsheet or a terminal."""

import csv
import random
import re
import tempfile
import warnings
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from analysis.errors import AnalysisError
from analysis.report.report import write_report
from analysis.report.results import ReportOptions, analyse
from analysis.statistics.bootstrap import Resampling
from tests.analysis.synthetic import Planted

WORDS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</script><svg onload=alert(1)>",
    "]]><!--",
    "{{ 7*7 }}",
    "javascript:alert(1)",
    '=HYPERLINK("http://x","y")',
    "@SUM(1)",
    "-2+3",
    "\x1b[31mred\x1b]0;t\x07",
    "\u202egnirts",
    "\x00nul",
    "\ud800",
    "漢字 ✓ 🎉",
    "$\\frac{1}{2$",
    "$5 to $10",
    "a|b\\|c",
    "line\nline\r\nline",
    "[x](javascript:alert(1))",
    "../../x",
    "x" * 2000,
    "",
    " ",
    "%s %d {0}",
    "nul/con",
)


class _Page(HTMLParser):
    """What is wrong with a page: elements and attributes that are not the template's."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.scripts, self.wrong = 0, ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.scripts += tag == "script"
        for name, value in attrs:
            if name.startswith("on"):
                self.wrong = f"the attribute {name}"
            if name in ("src", "href") and re.match(r"(?!data:)[a-z]+:|//", value or ""):
                self.wrong = f"a link to {value}"
        if tag in ("svg", "iframe", "object", "embed", "form"):
            self.wrong = f"the element {tag}"


def try_names(cases: int, chance: random.Random) -> Iterator[tuple[str, str, str]]:
    """Whole reports of datasets with hostile names: what was given, the outcome, and what is wrong."""
    for _ in range(cases):
        planted, given = _named(chance)
        with tempfile.TemporaryDirectory(prefix="hostile-") as scratch:
            yield given, *_attempt(planted, Path(scratch))


def _named(chance: random.Random) -> tuple[Planted, str]:
    """A small dataset with hostile names, and what they are."""
    name, theory, source, description, meaning = (chance.choice(WORDS) for _ in range(5))
    levels = chance.choice([[0.25], [0.2, 0.20000001], []])
    exponent = chance.choice([0.25, 1e308, -1e308, 0, 100])
    planted = Planted(
        x=(100.0, 300.0, 900.0, 2700.0), y=(0.5, 1.0, 2.0, 4.0), factors=(1.0, 1.3), replicates=3
    )
    analysis: dict[str, Any] = planted.sweep()["analysis"] | {
        "levels": levels,
        "theory": [{"name": theory, "exponent": exponent, "x_range": None, "source": source}],
        "collapse": {"order": chance.choice(["d * mu_norm", meaning])},
        "curves": [{"measure": "test_error_clean", "source": source}] * 2,
    }
    extra = {"analysis": analysis, "description": description, "name": name}
    said = {
        "name": name,
        "theory": theory,
        "source": source,
        "levels": levels,
        "exponent": exponent,
    }
    return planted.but(sweep_extra=extra), repr(said)[:300]


def _attempt(planted: Planted, scratch: Path) -> tuple[str, str]:
    """The outcome of a whole report, and what is wrong with its files."""
    planted.write(scratch / "data")
    few = ReportOptions(resampling=Resampling(draws=100))
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        try:
            results = analyse(str(scratch / "data"), few)
            files = list(write_report([results], scratch / "report").files)
        except AnalysisError:
            return "errors", ""
        except Exception as error:
            return "tracebacks", f"{type(error).__name__}: {str(error)[:80]}"
    wrong = _wrong(files, scratch)
    if wrong:
        return "changed", wrong
    return ("warnings", str(shown[0].message)[:80]) if shown else ("fine", "")


def _wrong(files: list[Path], scratch: Path) -> str:
    """What is wrong with a report's files; "" where nothing is."""
    if len(files) != len(set(files)):
        return "two files of one name"
    if {path.name for path in scratch.iterdir()} != {"data", "report"}:
        return "files outside the folder"
    page = _Page(files[0].read_text(encoding="utf-8"))
    if page.wrong:
        return f"on the page {page.wrong}"
    for path in files:
        text = path.read_text(encoding="utf-8") if path.suffix in (".md", ".csv") else ""
        if "\x1b" in text or "\x00" in text:
            return f"a control character in a {path.suffix}"
        if path.suffix == ".md" and re.search(r"<[a-z/!]", text):
            return "HTML in a .md"
        if path.suffix == ".csv" and (field := _formula(path)):
            return f"the formula {field[:20]} in a .csv"
    return ""


def _formula(path: Path) -> str:
    """A field that a spreadsheet would take for a formula; "" without one."""
    with path.open(newline="", encoding="utf-8") as stream:
        fields = [field for row in csv.reader(stream) for field in row]
    return next((f for f in fields if f[:1] in ("=", "@", "+") or re.match(r"-\D", f)), "")
