"""The documentation is true: keys, links, and sweeps that can be planned."""

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest

from sweeps.declare import analysis_spec
from sweeps.declare.file.form import File
from sweeps.declare.file.presets import preset_names
from sweeps.driver import open_sweep

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
NAMED = re.compile(
    r"`((?:bocnn|sweeps|analysis|benchmarks|tests|docs|clusters)/[\w./-]*[\w/]|cluster\.yaml)`"
)
ADDED = {"sweeps/presets/PAPER/NAME.yaml", "analysis/report/sections/dataset/extremes.py"}
"""What recipes add."""
LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)")


def keys() -> list[str]:
    """Every key that a sweep file may have, the analysis's included."""
    records = [r for name, r in vars(analysis_spec).items() if name.endswith("Spec")]
    fields = [field.name for record in records for field in dataclasses.fields(record)]
    return [*File.model_fields, *fields]


def test_the_reference_names_every_key_of_a_sweep_file() -> None:
    text = (DOCS / "reference/sweep-file.md").read_text()
    assert [key for key in keys() if f"`{key}`" not in text] == []


@pytest.mark.parametrize("page", [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *PAGES], ids=str)
def test_links_of_a_page_lead_somewhere(page: Path) -> None:
    targets = LINK.findall(page.read_text())
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *PAGES], ids=str)
def test_files_that_a_page_names_exist(page: Path) -> None:
    named = set(NAMED.findall(page.read_text())) - ADDED
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("page", ["README.md", "docs/how-to/own-sweep.md"])
def test_sweeps_of_a_page_can_be_planned(page: str, tmp_path: Path) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / page).read_text(), flags=re.DOTALL)
    assert blocks
    for block in blocks:
        (tmp_path / "sweep.yaml").write_text(block)
        assert open_sweep(str(tmp_path / "sweep.yaml")).spec.name == "my-plane"


def test_the_gallery_shows_shipped_sweeps_in_small_pictures() -> None:
    pictures = {path.stem: path.stat().st_size for path in (DOCS / "gallery").glob("*.png")}
    assert len(pictures) > 40
    assert pictures.keys() <= set(preset_names())
    assert max(pictures.values()) < 50_000


def test_the_readme_has_at_most_900_words() -> None:
    assert len((ROOT / "README.md").read_text().split()) <= 900


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("page", ["README.md", "docs/how-to/notebook.md"])
def test_notebook_cells_of_a_page_run(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    cells = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), flags=re.DOTALL)
    names: dict[str, Any] = {}
    for cell in cells:
        exec(compile(cell, page, "exec"), names)
    assert names["boundary"].level == 0.05
    assert (tmp_path / "data" / "first" / "_sweep.json").exists()
