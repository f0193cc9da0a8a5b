"""A report's files: all or none, each of its own name, and words in them that no program runs."""

import csv
import gc
import os
import signal
import subprocess
import sys
import time
import weakref
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from analysis.boundary.mean_crossing import Boundary
from analysis.dataset.plane import exact, setting_labels
from analysis.errors import AnalysisError
from analysis.report import report as report_module
from analysis.report.blocks import file_names
from analysis.report.publish import published
from analysis.report.report import PAGE, write_report
from analysis.report.results import Results, analyse
from analysis.report.rows import write_csv
from analysis.report.words import markdown, plain
from tests.analysis.report.page import FEW, Page
from tests.analysis.synthetic import Planted

HOSTILE = ("\x1b[31mred\x00", "\ud800", "漢字 ✓", "x" * 2000, "a\nb", "<script>&\"'")
SMALL = Planted(factors=(1.0, 1.3), replicates=4)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def cut_short(folder: Path, data: Path) -> None:
    """Write a report and stop at its page."""

    def stop(*arguments: object) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(report_module, "write_page", stop)
        write_report([analyse(str(data), FEW)], folder)


@pytest.mark.usefixtures("sketched")
def test_a_report_cut_short_leaves_no_folder(tmp_path: Path) -> None:
    data = SMALL.write(tmp_path / "data")
    cut_short(tmp_path / "new" / "report", data)
    assert list((tmp_path / "new").iterdir()) == []


@pytest.mark.usefixtures("sketched")
def test_a_report_cut_short_leaves_the_former_one(tmp_path: Path) -> None:
    out = tmp_path / "report"
    write_report([analyse(str(SMALL.write(tmp_path / "data")), FEW)], out)
    (out / "notes.txt").write_text("mine")
    before = contents(out)
    cut_short(out, SMALL.but(seed=1).write(tmp_path / "other"))
    assert contents(out) == before
    files = write_report([analyse(str(tmp_path / "other"), FEW)], out).files
    assert all(file.is_file() and out in file.parents for file in files)
    assert contents(out)["notes.txt"] == b"mine"
    assert contents(out)[PAGE] != before[PAGE]
    assert not [name for name in contents(out) if name.startswith(".")]


@pytest.mark.usefixtures("sketched")
def test_what_was_computed_of_a_dataset_is_let_go_once_it_is_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets = [analyse(str(SMALL.write(tmp_path / name)), FEW) for name in "abc"]
    held: list[int] = []
    boundaries: list[weakref.ref[Boundary]] = []
    whole = report_module._write_dataset

    def write(results: Results, *args: Any, **options: Any) -> None:
        gc.collect()
        held.append(sum(one() is not None for one in boundaries))
        whole(results, *args, **options)
        boundaries.extend(weakref.ref(level.boundary) for level in results.levels)

    monkeypatch.setattr(report_module, "_write_dataset", write)
    write_report(datasets, tmp_path / "report")
    # While one dataset is written, that before it is still being drawn.
    assert held == [0, len(datasets[0].spec.levels), len(datasets[0].spec.levels)]
    gc.collect()
    assert [one() for one in boundaries] == [None] * len(boundaries)


@pytest.mark.slow
def test_a_report_that_is_ended_by_a_signal_leaves_nothing(tmp_path: Path) -> None:
    data = SMALL.write(tmp_path / "data")
    out = tmp_path / "out" / "report"
    command = [sys.executable, "-m", "analysis", "report", str(data), "--out", str(out)]
    started = subprocess.Popen(command, env=os.environ, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 100
    while not list(tmp_path.glob("out/.report-*/whole/*.csv")):
        assert started.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    started.send_signal(signal.SIGTERM)
    assert started.wait(60) == 143
    assert list((tmp_path / "out").iterdir()) == []


def test_a_file_in_the_way_is_kept(tmp_path: Path) -> None:
    (tmp_path / "report").write_text("mine")
    with pytest.raises(NotADirectoryError), published(tmp_path / "report", PAGE):
        pass
    assert (tmp_path / "report").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["report"]


@pytest.mark.usefixtures("sketched")
def test_levels_that_read_alike_have_files_of_their_own(tmp_path: Path) -> None:
    levels = [0.25, 0.25000001]
    view = SMALL.sweep()["analysis"] | {"levels": levels}
    data = SMALL.but(sweep_extra={"analysis": view}).write(tmp_path / "data")
    files = write_report([analyse(str(data), FEW)], tmp_path / "report").files
    assert len(files) == len(set(files))
    names = {file.name for file in files}
    for kind in ("map", "two-colour", "boundary", "shift"):
        assert {f"{kind}-level-{level}.svg" for level in ("0.25", "0.25000001")} <= names
    text = " ".join(Page.read(files[0]).words)
    assert "level 0.25000001" in text


def test_a_number_that_names_something_has_all_its_digits() -> None:
    assert [exact(v) for v in (0.2, 0.20000001, 1 / 9, 1e300, 1234567.0)] == [
        "0.2",
        "0.20000001",
        "0.1111111111111111",
        "1e+300",
        "1234567.0",
    ]


def test_settings_that_read_alike_are_distinguished() -> None:
    assert setting_labels([{"p": 0.1, "n": 3}, {"p": 0.2, "n": 3}]) == (
        "p = 0.1, n = 3",
        "p = 0.2, n = 3",
    )
    assert setting_labels([{"p": 0.2}, {"p": 0.20000001}]) == ("p = 0.2", "p = 0.20000001")
    assert setting_labels([{"p": 0.123456789}] * 2) == ("p = 0.123457",) * 2


def test_files_have_names_of_their_own_within_their_folder() -> None:
    assert file_names(["curve-risk", "curve-risk", "curve-risk-2", "a/../../b", "..", "√ø"]) == [
        "curve-risk",
        "curve-risk-2",
        "curve-risk-2-2",
        "a-..-..-b",
        "unnamed",
        "ø",
    ]


def test_no_field_of_a_table_is_a_formula_to_a_spreadsheet(tmp_path: Path) -> None:
    words = ['=HYPERLINK("http://x")', "+1", "-1", "@a", "\t=1", "p = 1", "a\x1b[31m\rb"]
    rows = [{"=name": word, "number": -1.5, "none": None} for word in words]
    path = write_csv(tmp_path / "t.csv", rows)
    with path.open(newline="", encoding="utf-8") as stream:
        header, *found = csv.reader(stream)
    assert header == ["'=name", "number", "none"]
    assert [row[0] for row in found[:5]] == [f"'{word}" for word in words[:5]]
    assert [row[0] for row in found[5:]] == ["p = 1", r"a\x1b[31m\rb"]
    assert {(row[1], row[2]) for row in found} == {("-1.5", "")}


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("<img src=x onerror=alert(1)>", "&lt;img src=x onerror=alert(1)&gt;"),
        ("a | b", "a \\| b"),
        ("a \\| b", "a \\\\\\| b"),
        ("![x](http://y)", "![x]\\(http://y)"),
        ("one\n\n# two", "one # two"),
        ("0.2 [0.1, 0.3]", "0.2 [0.1, 0.3]"),
    ],
)
def test_words_are_words_in_markdown(text: str, escaped: str) -> None:
    assert plain(text) == escaped
    assert markdown(["name"], [[text]]).splitlines()[2] == f"| {escaped} |"


@pytest.mark.usefixtures("sketched")
def test_a_name_of_a_sweep_is_no_heading_or_markup_of_the_table(tmp_path: Path) -> None:
    data = SMALL.but(name="x\n\n<script>alert(1)</script>").write(tmp_path / "data")
    write_report([analyse(str(data), FEW)], tmp_path / "report")
    first, *_ = (tmp_path / "report" / "table.md").read_text(encoding="utf-8").splitlines()
    assert first == "# x &lt;script&gt;alert(1)&lt;/script&gt;"


def test_any_name_of_a_theory_is_drawn_and_written_without_a_warning(tmp_path: Path) -> None:
    theories = [
        {"name": name, "exponent": 0.5, "x_range": None, "source": name} for name in HOSTILE
    ]
    view = SMALL.sweep()["analysis"] | {"theory": theories}
    extra = {"analysis": view, "name": " ".join(HOSTILE), "description": "".join(HOSTILE)}
    data = SMALL.but(sweep_extra=extra).write(tmp_path / "data")
    files = write_report(
        [analyse(str(data), FEW)], tmp_path / "report"
    ).files  # warnings are errors
    for file in files:
        if file.suffix in (".svg", ".csv", ".md", ".html"):
            text = file.read_text(encoding="utf-8")
            assert "\x1b" not in text and "\x00" not in text
            if file.suffix == ".svg":
                ElementTree.fromstring(text)


def test_an_exponent_that_no_line_can_be_drawn_of_is_refused(tmp_path: Path) -> None:
    theory = {"name": "steep", "exponent": 1e308, "x_range": None, "source": ""}
    view = SMALL.sweep()["analysis"] | {"theory": [theory]}
    data = SMALL.but(sweep_extra={"analysis": view}).write(tmp_path / "data")
    with pytest.raises(AnalysisError, match=r"theory\.0\.exponent is 1e\+308"):
        analyse(str(data), FEW)
