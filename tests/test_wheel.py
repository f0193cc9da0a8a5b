"""The wheel in an environment of its own, outside the checkout: plan, train, report."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SWEEP = "ba-linear-network"
"""A shipped sweep that nothing has to be compiled for."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def done(*command: str | Path, cwd: Path) -> str:
    """What a command printed; it must succeed."""
    result = subprocess.run(
        [*map(str, command)], cwd=cwd, capture_output=True, text=True, timeout=600
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of commands of an environment that holds the wheel and what it requires, no extras."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    for name in ("bocnn", "sweeps", "analysis"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    done(*pip, "wheel", "--no-deps", "--wheel-dir", folder, source, cwd=folder)
    (wheel,) = folder.glob("*.whl")
    done(sys.executable, "-m", "venv", "own", cwd=folder)
    pip = [folder / "own/bin/python", *pip[1:]]
    # What the commands import is compiled by the first of them: a tenth of all files.
    done(*pip, "install", "--no-compile", "-c", ROOT / "constraints.txt", wheel, cwd=folder)
    return folder / "own" / "bin"


def test_the_wheel_plans_trains_and_reports(installed: Path, tmp_path: Path) -> None:
    assert "to train" in done(installed / "bocnn-sweep", "plan", SWEEP, cwd=tmp_path)
    train = ("run", SWEEP, "--size", "smoke", "--executor", "local", "--out", "ba")
    assert "complete" in done(installed / "bocnn-sweep", *train, cwd=tmp_path)
    done(installed / "bocnn-analysis", "report", "ba", "--draws", "100", "--out", "r", cwd=tmp_path)
    assert (tmp_path / "r" / "report.html").stat().st_size > 10_000


def test_the_wheel_holds_every_shipped_sweep(installed: Path, tmp_path: Path) -> None:
    program = "from sweeps.declare.file.presets import preset_names; print(*preset_names())"
    named = done(installed / "python", "-c", program, cwd=tmp_path).split()
    assert named == sorted(path.stem for path in (ROOT / "sweeps/presets").rglob("*.yaml"))


def test_without_ray_the_default_executor_names_the_extra(installed: Path, tmp_path: Path) -> None:
    result = subprocess.run(
        [installed / "bocnn-sweep", "run", SWEEP], cwd=tmp_path, capture_output=True, text=True
    )
    assert result.returncode == 2
    assert "pip install 'bocnn[ray]'" in result.stderr
