"""Sections register themselves, say what they need, and compute nothing twice."""

from collections import Counter
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import numpy as np
import pytest

from analysis.boundary.mean_crossing import Boundary
from analysis.report import registry, results
from analysis.report.predictions import Prediction
from analysis.report.report import write_report
from analysis.report.results import analyse
from analysis.report.section import Section
from analysis.report.sections.scaling import levels
from analysis.scaling import exponent_by_level
from analysis.scaling.power_law import Estimate
from tests.analysis.report.page import FEW, Page, reported
from tests.analysis.synthetic import Planted

TOY = "tests.analysis.report.toy_section:Answers"
FOLDER = Path(registry.__file__).parent / "sections"


@pytest.mark.usefixtures("sketched")
def test_a_new_section_is_a_file_and_a_line(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "SECTIONS", (*registry.SECTIONS, TOY))
    other = Planted(name="other").write(tmp_path / "other")
    out = tmp_path / "out"
    written = write_report([analyse(str(path), FEW) for path in (folder, other)], out)
    page = Page.read(written.page)
    assert page.words.count("What a section can hold.") == 2
    assert {"42.5", "yes", "Added"} <= {word.strip() for word in page.words}
    for name in ("added.svg", "answers.csv", "answer.txt"):
        assert out / "planted" / name in written.files
    assert (out / "planted" / "answers.csv").read_text() == "answer,known,why\n42.5,True,\n"
    assert "| 42.5 | yes |  |" in (out / "planted" / "table.md").read_text(encoding="utf-8")
    assert "the answer is 42.5" in written.summaries[1]
    assert (out / "predictions.csv").read_text(encoding="utf-8").count("the answer,value,42.0") == 2


def test_a_section_is_left_out_where_its_needs_are_not_met(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "SECTIONS", (*registry.SECTIONS, TOY))
    analysis = Planted().sweep()["analysis"] | {"levels": []}
    data = Planted(replicates=3, sweep_extra={"analysis": analysis}).write(tmp_path / "data")
    page = reported(tmp_path / "out", data)
    assert "What a section can hold." not in page.words
    assert "Runs" in page.words


def test_every_section_is_registered_once() -> None:
    files = {
        ".".join(("analysis.report.sections", *path.relative_to(FOLDER).with_suffix("").parts))
        for path in FOLDER.rglob("*.py")
        if path.name != "__init__.py"
    }
    assert {name.split(":")[0] for name in registry.SECTIONS} == files
    assert len(registry.SECTIONS) == len(files)
    classes = [resolve_name(name) for name in registry.SECTIONS]
    assert all(issubclass(one, Section) and one.title for one in classes)
    assert len({one.title for one in classes}) == len(classes)


@pytest.mark.usefixtures("sketched")
def test_boundaries_are_found_and_laws_are_fitted_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No boundary of the same cells, level and definition is found twice in one report."""
    found: Counter[tuple[Any, ...]] = Counter()
    kept: list[Boundary] = []

    def counted(find: Any) -> Any:
        def count(cells: Any, level: float, **options: Any) -> Boundary:
            kept.append(find(cells, level, **options))
            found[kept[-1].definition, id(cells), level] += 1
            return kept[-1]

        return count

    for module in (results, exponent_by_level, levels):
        for name in ("find_boundary", "find_median_boundary"):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, counted(getattr(module, name)))
    analysis = Planted().sweep()["analysis"] | {"levels": [0.25, 0.076]}
    data = Planted(replicates=3, sweep_extra={"analysis": analysis}).write(tmp_path / "data")
    dataset = analyse(str(data), FEW)
    by_level = exponent_by_level.default_levels(dataset.cells)
    write_report([dataset], tmp_path / "out")
    definitions = 2
    assert len(found) == definitions * len({0.25, 0.076, *by_level})
    assert set(found.values()) == {1}


def test_a_prediction_is_read_in_one_form() -> None:
    measured = Estimate(0.25, 0.2, np.inf)
    found = Prediction(
        "law", "exponent", 0.25, measured, "agrees", "poor fit", 0.2, setting="p = 0"
    )
    assert found.cells == [
        *("law", "exponent 0.25", "0.25 [0.2, open]", "agrees: poor fit", "level 0.2, p = 0", "")
    ]
    assert found.columns("mine", ["measured", "sweep"]) == {
        "measured": 0.25, "measured_low": 0.2, "measured_high": None, "sweep": "mine"
    }  # fmt: skip
