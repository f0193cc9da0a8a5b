"""What tests of the report share: a page as it is read, and results of datasets."""

import base64
import json
import zlib
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, NamedTuple

from analysis.cells.aggregate import aggregate
from analysis.cells.cells import Cells
from analysis.dataset.files import Dataset
from analysis.dataset.provenance import Provenance
from analysis.report.report import write_report
from analysis.report.results import ReportOptions, Results, analyse
from analysis.statistics.bootstrap import Resampling
from sweeps.declare.analysis_spec import AnalysisSpec

FEW = ReportOptions(resampling=Resampling(draws=100))
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>"
NOWHERE = Provenance("nowhere", "0", 0, 0, 0, None, (), "", "")


class Report(NamedTuple):
    """A page on disk, and the cells of its first dataset."""

    url: str
    cells: Cells


class Page(HTMLParser):
    """What the tests read from a page: its elements with attributes, and its words."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.scripts: list[str] = []
        self._open = ""
        self.feed(text)

    @classmethod
    def read(cls, path: Path) -> "Page":
        """A page on disk."""
        return cls(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._open = tag

    def handle_data(self, data: str) -> None:
        (self.scripts if self._open == "script" else self.words).append(data)

    def handle_endtag(self, tag: str) -> None:
        self._open = ""

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """Attributes of every element of a kind."""
        return [attributes for name, attributes in self.elements if name == tag]

    def packs(self) -> list[dict[str, Any]]:
        """What the parts of the page keep packed, in order."""
        packed = (
            text
            for text, script in zip(self.scripts, self.all("script"), strict=True)
            if script.get("class") == "packed"
        )
        return [json.loads(zlib.decompress(base64.b64decode(text))) for text in packed]

    def data(self) -> list[dict[str, Any]]:
        """What its maps know of their cells."""
        return [pack["cells"] for pack in self.packs() if pack.get("cells")]

    def tables(self) -> list["Page"]:
        """The tables that it keeps packed, as pages of their own."""
        return [Page(text) for pack in self.packs() for text in pack.get("tables", ())]


def reported(out: Path, *folders: Path) -> Page:
    """The page of datasets."""
    return Page.read(write_report([analyse(str(folder), FEW) for folder in folders], out).page)


def results_of(dataset: Dataset, spec: AnalysisSpec, resampling: Resampling) -> Results:
    """The results of a dataset that has no folder."""
    return Results(dataset, spec, aggregate(dataset, spec), resampling, NOWHERE, None)
