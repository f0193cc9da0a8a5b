"""Fixtures of the analysis tests."""

from pathlib import Path

import pytest

from analysis.dataset.files import Dataset, open_dataset
from tests.analysis.synthetic import Planted


@pytest.fixture
def two_settings() -> Planted:
    return Planted(factors=(1.0, 1.3), replicates=12)


@pytest.fixture
def folder(two_settings: Planted, tmp_path: Path) -> Path:
    return two_settings.write(tmp_path / "data")


@pytest.fixture
def dataset(folder: Path) -> Dataset:
    return open_dataset(str(folder))
