"""What tests of the report share: a page as it is read, and results of datasets."""

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from analysis.cells.aggregate import aggregate
from analysis.dataset.files import Dataset
from analysis.dataset.provenance import Provenance
from analysis.report.report import write_report
from analysis.report.results import ReportOptions, Results, analyse
from analysis.statistics.bootstrap import Resampling
from sweeps.declare.analysis_spec import AnalysisSpec

FEW = ReportOptions(resampling=Resampling(draws=100))
NOWHERE = Provenance("nowhere", "0", 0, 0, 0, None, (), "", "")


class Page(HTMLParser):
    """What the tests read from a page: its elements with attributes, and its words."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.scripts: list[str] = []
        self._open = ""
        self.feed(path.read_text(encoding="utf-8"))

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

    def data(self) -> list[dict[str, Any]]:
        """What its maps know of their cells."""
        names = [str(attributes.get("id")) for attributes in self.all("script")]
        return [
            json.loads(text)
            for text, name in zip(self.scripts, names, strict=True)
            if name.endswith("-data")
        ]


def reported(out: Path, *folders: Path) -> Page:
    """The page of datasets."""
    return Page(write_report([analyse(str(folder), FEW) for folder in folders], out).page)


def results_of(dataset: Dataset, spec: AnalysisSpec, resampling: Resampling) -> Results:
    """The results of a dataset that has no folder."""
    return Results(dataset, spec, aggregate(dataset, spec), resampling, NOWHERE, None)
