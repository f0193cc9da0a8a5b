"""Fixtures of the analysis tests."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from analysis.dataset.files import Dataset, open_dataset
from analysis.figures import figure_files
from analysis.report.html import view
from tests.analysis.synthetic import Planted


@pytest.fixture
def two_settings() -> Planted:
    return Planted(factors=(1.0, 1.3), replicates=12)


SKETCH = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 4 3"></svg>'


@pytest.fixture
def folder(two_settings: Planted, tmp_path: Path) -> Path:
    return two_settings.write(tmp_path / "data")


@pytest.fixture
def dataset(folder: Path) -> Dataset:
    return open_dataset(str(folder))


@pytest.fixture
def sketched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports whose figures are made and not drawn, for tests of all else: their files hold a word."""

    def save(figure: Figure, stem: Path, formats: Sequence[str]) -> tuple[list[Path], str]:
        files = figure_files(stem, formats)
        for file in files:
            file.write_text(stem.name)
        return files, SKETCH

    monkeypatch.setattr(view, "save_and_show", save)
    monkeypatch.setattr(view, "page_svg", lambda figure: SKETCH)
