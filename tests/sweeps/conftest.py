"""Fixtures of the sweep tests."""

from pathlib import Path

import pytest

from tests.sweeps.small import BOCNN_SWEEP, TOY_SWEEP


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def toy_file(tmp_path: Path) -> Path:
    path = tmp_path / "toy.yaml"
    path.write_text(TOY_SWEEP)
    return path


@pytest.fixture
def bocnn_file(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(BOCNN_SWEEP)
    return path
