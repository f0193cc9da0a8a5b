"""The pages of results say what the table of predictions says."""

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "docs/results"
sys.path.insert(0, str(RESULTS))

import collect  # noqa: E402
from rows import Row, interval, predictions  # noqa: E402
from tables import MARKED, PAGES, TABLES, with_tables  # noqa: E402

INTERVAL = re.compile(r"−?\d\.\d+ \[−?\d\.\d+, −?\d\.\d+\]")
FROM_THE_TABLE = (
    "## What theory at finite size explains",
    "## What it does not explain",
    "## What stays open",
)
"""Sections of which each interval in a sentence is one of the table's, but where it is said otherwise."""
OTHERWISE = ("<!-- measured here -->", "dense grid")


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return predictions()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_tables_of_a_page_are_those_of_the_predictions(page: Path, rows: list[Row]) -> None:
    text = page.read_text(encoding="utf-8")
    assert with_tables(text, rows) == text


def test_every_table_is_on_a_page() -> None:
    marks = [found["name"] for page in PAGES for found in MARKED.finditer(page.read_text("utf-8"))]
    assert sorted(marks) == sorted(TABLES)


def test_a_mark_that_names_no_table_is_refused(rows: list[Row]) -> None:
    with pytest.raises(KeyError, match="no-such-table"):
        with_tables("<!-- no-such-table -->\n<!-- end of no-such-table -->", rows)


def test_a_changed_number_changes_the_page(rows: list[Row]) -> None:
    """With that, the first test can fail."""
    text = PAGES[0].read_text(encoding="utf-8")
    moved = [row | {"measured": "0.999"} if row["sweep"] == "kou-heat-map" else row for row in rows]
    assert with_tables(text, moved) != text


def sentences() -> list[str]:
    """Lines of those sections that are no rows of tables that the script writes."""
    text = MARKED.sub("", (RESULTS / "README.md").read_text(encoding="utf-8"))
    sections = [
        part for part in re.split(r"^(?=## )", text, flags=re.M) if part.startswith(FROM_THE_TABLE)
    ]
    assert len(sections) == len(FROM_THE_TABLE)
    lines = [line for part in sections for line in part.splitlines()]
    return [line for line in lines if not any(word in line for word in OTHERWISE)]


def test_intervals_in_the_text_are_those_of_the_table(rows: list[Row]) -> None:
    known = {interval(row) for row in rows}
    stated = [found for line in sentences() for found in INTERVAL.findall(line)]
    assert len(stated) > 30
    assert [one for one in stated if one not in known] == []


@pytest.mark.parametrize(("mark", "end"), [("", ","), ("| ", " | ")])
def test_rows_of_a_report_of_some_sweeps_replace_theirs_alone(mark: str, end: str) -> None:
    def rows(*names: str) -> list[str]:
        return [f"{mark}{name[0]}{end}{name}" for name in names]

    here = rows("a1", "a2", "b1", "c1", "c2", "d1")
    there = rows("e5", "c6", "a7", "a8", "a9")
    # b is not in the report; d is, with no rows.
    expected = rows("a7", "a8", "a9", "b1", "c6", "e5")
    assert collect.with_rows(here, there, {"a", "c", "d", "e"}, end) == expected
    assert collect.with_rows(here, here, {"a", "b", "c", "d"}, end) == here


def test_a_report_of_all_sweeps_gives_its_own_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: list[Row]
) -> None:
    before = {name: (collect.HERE / name).read_bytes() for name in collect.TABLES}
    for sweep in {row["sweep"] for row in rows}:
        (tmp_path / "report" / sweep).mkdir(parents=True)
    for name, text in before.items():
        (tmp_path / "report" / name).write_bytes(text)
        (tmp_path / name).write_bytes(text)
    monkeypatch.setattr("collect.HERE", tmp_path)
    monkeypatch.setattr("collect.FIGURES", ())
    monkeypatch.setattr(sys, "argv", ["collect.py", str(tmp_path / "report")])
    collect.main()
    assert {name: (tmp_path / name).read_bytes() for name in collect.TABLES} == before
    (tmp_path / "report" / "predictions.md").unlink()
    with pytest.raises(SystemExit, match=r"no predictions\.md; expected a report of at least two"):
        collect.main()
