"""The report's files, and its page as text: whole, of one piece, escaped."""

import csv
import re
from pathlib import Path

import numpy as np
import pytest

from analysis.cells.cells import Cells
from analysis.report.html.document import title_of
from analysis.report.report import folder_names, write_report
from analysis.report.results import analyse
from tests.analysis.recording import record
from tests.analysis.report.page import FEW, Page, reported
from tests.analysis.synthetic import Planted, write_table

HOSTILE = "<script>alert(1)</script>&\"'"


FOLLOWED = [{"setting": "p_flip", "of": "exponent", "limit": 0.25}]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    planted = Planted(factors=(1.0, 1.3), replicates=12)
    return record(planted.write(tmp_path_factory.mktemp("recorded") / "data"))


@pytest.fixture(scope="module")
def page(recorded: Path) -> Page:
    return reported(recorded.parent / "report", recorded)


def test_the_page_asks_nothing_of_a_network(page: Page) -> None:
    for _, attributes in page.elements:
        for name in ("src", "href", "srcset", "data", "action"):
            value = attributes.get(name) or ""
            assert not re.match(r"(?!data:)[a-z]+:|//", value), value
    policy = next(a["content"] for a in page.all("meta") if a.get("http-equiv"))
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    assert not [a for a in page.all("link") if not str(a["href"]).startswith("data:")]


def test_links_lead_to_files_and_sections_that_exist(page: Page, recorded: Path) -> None:
    names = {attributes.get("id") for _, attributes in page.elements}
    links = [str(attributes["href"]) for attributes in page.all("a")]
    assert {"map-level-0.25.svg", "two-colour-level-0.25.svg", "trajectories.svg"} <= set(links)
    assert {"cells.csv", "boundary.csv", "laws.csv", "shift.csv", "trajectories.csv"} <= set(links)
    assert {"sweep.yaml"} <= set(links)
    for link in links:
        there = (
            link[1:] in names if link[0] == "#" else (recorded.parent / "report" / link).is_file()
        )
        assert there, link


def test_pictures_have_words_and_tables_their_captions(page: Page) -> None:
    pictures = page.all("img")
    settings, map_views, levels, values_of_d = 2, 2, 1, 4
    figures = (
        settings * map_views
        + 3 * levels  # boundary, shift, local exponents
        + 1  # exponents by level
        + settings * levels  # residuals
        + 1  # the key of the trajectories
        + settings * values_of_d  # their panels
        + 1  # the card's
    )
    assert len(pictures) == figures
    assert all(picture["alt"] for picture in pictures)
    images = [svg for pack in page.packs() for svg in pack["images"]]
    for picture, svg in zip(pictures, images, strict=True):
        assert svg.rstrip().endswith("</svg>")
        assert f'viewBox="0 0 {picture["width"]} {picture["height"]}"' in svg
    for shown in (page, *page.tables()):
        assert len(shown.all("caption")) == len(shown.all("table")) > 0
        assert all(cell.get("scope") for cell in shown.all("th"))


def test_long_tables_are_packed_and_their_files_linked(page: Page, recorded: Path) -> None:
    """What is folded has as many rows as its file, which is linked without a script."""
    folded = [a for tag, a in page.elements if tag == "details" and a.get("class") == "long"]
    tables = page.tables()
    assert len(tables) == len(folded) > 1
    for table in tables:
        (link,) = (str(a["href"]) for a in table.all("a"))
        assert link in [a["href"] for a in page.all("a")]
        with (recorded.parent / "report" / link).open() as stream:
            assert len(table.all("tr")) == len(list(csv.reader(stream))) > 7


def test_the_card_has_findings_with_intervals_and_verdicts(page: Page) -> None:
    """What was planted: the exponent, and the shift of the second setting."""
    text = " ".join(" ".join(page.words).split())
    card = text[text.index("Brackets are 95% intervals") : text.index("Colour is the mean")]
    number, interval = r"([\d.]+)", r"\[[\d.]+, [\d.]+\]"
    exponent = re.search(
        rf"Exponent of the boundary in d \(p_flip = 0\): {number} {interval}, predicted 0.25 by "
        r"n‖μ‖⁴ = C σ_p⁴ d\. +agrees \(2 of 2\)",
        card,
    )
    assert exponent is not None
    assert float(exponent[1]) == pytest.approx(0.25, abs=0.05)
    shift = re.search(
        rf"Shift of the boundary from p_flip = 0 to p_flip = 0.1: factor {number} {interval}", card
    )
    assert shift is not None
    assert float(shift[1]) == pytest.approx(1.3, rel=0.1)
    assert "runs: 3,072 used of 3,072 planned failed: none wall time: not stated" in card


def test_details_are_folded_after_the_main_sections(page: Page) -> None:
    opened = [
        tag
        for tag, attributes in page.elements
        if tag == "section" or (tag == "details" and attributes.get("class") == "part")
    ]
    first = opened.index("details") - 1
    assert first > 3
    assert opened[first:] == ["section", "details"] * (len(opened[first:]) // 2)


def test_a_map_knows_the_values_and_coordinates_of_its_cells(page: Page, recorded: Path) -> None:
    cells: Cells = analyse(str(recorded), FEW).cells
    (data,) = page.data()
    assert data["runs"] == 12
    for s, setting in enumerate(data["settings"]):
        np.testing.assert_allclose(setting["mean"], cells.mean[s], rtol=5.1e-4)
        np.testing.assert_allclose(setting["error"], cells.standard_error[s], rtol=0.051)
        np.testing.assert_array_equal(setting["used"], cells.used[s])
        for edges in setting["edges"]:
            x, y = edges["x"], edges["y"]
            assert (len(x), len(y)) == (
                len(cells.plane.x.values) + 1,
                len(cells.plane.y.values) + 1,
            )
            assert np.all(np.diff(x) > 0) and np.all(np.diff(y) < 0)
            assert x[0] > 0 and y[0] < 1 and y[-1] > 0


def test_failures_are_reported_and_are_no_number(tmp_path: Path) -> None:
    planted = Planted(replicates=3)
    table = planted.table()
    lost = np.array(table["mu_norm"]) == planted.y[0]
    columns = {
        "status": ["diverged" if gone else "ok" for gone in lost],
        "test_error_clean": [None if gone else 0.3 for gone in lost],
    }
    for name, values in columns.items():
        at = table.column_names.index(name)
        table = table.set_column(at, table.schema.field(name), [values])
    page = reported(tmp_path / "out", write_table(tmp_path / "data", table, planted.sweep()))
    (setting,) = page.data()[0]["settings"]
    assert setting["mean"][0][0] is None
    assert setting["error"][0][0] is None
    assert setting["failed"]["diverged"][0][:2] == [3, 0]
    assert "24 diverged" in " ".join(page.words)
    assert (tmp_path / "out" / "failures.svg").is_file()
    assert "runs not used" in "".join(page.words)


@pytest.mark.usefixtures("sketched")
def test_names_from_a_dataset_are_words_and_no_markup(tmp_path: Path) -> None:
    planted = Planted(name=HOSTILE, sweep_extra={"description": HOSTILE})
    out = tmp_path / "report"
    page = reported(out, planted.write(tmp_path / "data"))
    assert all(a.get("class") == "packed" for a in page.all("script")[:-1])
    assert page.words.count(HOSTILE) >= 2
    assert folder_names([analyse(str(tmp_path / "data"), FEW)]) == ["script-alert-1-script"]


@pytest.mark.usefixtures("sketched")
def test_several_datasets_share_a_page(folder: Path, tmp_path: Path) -> None:
    other = Planted(name="other plane").write(tmp_path / "other")
    page = reported(tmp_path / "out", folder, other, folder)
    assert [a["id"] for a in page.all("article")] == ["planted", "other-plane", "planted-2"]
    assert len(page.data()) == 3
    for name in ("planted", "other-plane", "planted-2"):
        assert (tmp_path / "out" / name / "map-level-0.25.svg").is_file()
        assert any(a["href"] == f"{name}/laws.csv" for a in page.all("a"))
    names = [a["id"] for _, a in page.elements if a.get("id")]
    assert len(names) == len(set(names))


def test_a_title_names_few_sweeps_and_counts_many() -> None:
    assert title_of(["one", "two"]) == "one, two"
    assert title_of(["a", "b", "c", "d", "e"]) == "5 sweeps"


@pytest.mark.usefixtures("sketched")
def test_several_datasets_share_a_table_of_predictions(tmp_path: Path) -> None:
    followed = {"analysis": Planted().sweep()["analysis"] | {"across": FOLLOWED}}
    planted = Planted(name="followed", factors=(1.0, 1.2, 1.4), sweep_extra=followed)
    other = Planted().write(tmp_path / "other")
    reported(tmp_path / "out", other, planted.write(tmp_path / "data"))
    with (tmp_path / "out" / "predictions.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert {row["sweep"] for row in rows} == {"planted", "followed"}
    (limit,) = [row for row in rows if row["prediction"] == "exponent at p_flip = 0.2"]
    assert (limit["predicted"], limit["quantity"]) == ("0.25", "exponent")
    assert float(limit["measured_low"]) < float(limit["measured"]) < float(limit["measured_high"])
    lines = (tmp_path / "out" / "predictions.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) == len(rows) + 2
    assert (tmp_path / "out" / "followed" / "exponent-over-p_flip.svg").is_file()


def test_the_same_dataset_gives_the_same_page(page: Page, recorded: Path, tmp_path: Path) -> None:
    again = write_report([analyse(str(recorded), FEW)], tmp_path / "report").page
    assert again.read_bytes() == (recorded.parent / "report" / again.name).read_bytes()
