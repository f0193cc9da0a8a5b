"""The wheel in an environment of its own, outside the checkout: plan, train, report.

What the wheel requires is linked from the environment of the tests: to unpack and compile it anew takes a
minute, and says no more.
"""

import shutil
import subprocess
import sys
from importlib.metadata import Distribution, distribution, distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

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


def required(wheel: Distribution) -> dict[str, Distribution]:
    """All that a distribution requires without its extras, and what that requires, by name."""
    found: dict[str, Distribution] = {}
    waiting = [Requirement(line) for line in wheel.requires or []]
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if name in found or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        found[name] = distribution(name)
        waiting += [Requirement(line) for line in found[name].requires or []]
    return found


def link(package: Distribution, site: Path) -> None:
    """Make a distribution importable from another environment too."""
    tops = {file.parts[0] for file in package.files or []} - {"..", "__pycache__"}
    for top in tops:
        (site / top).symlink_to(Path(str(package.locate_file(top))))


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
    build = ("wheel", "--no-deps", "--no-index", "--no-build-isolation")
    done(*pip, *build, "--wheel-dir", folder, source, cwd=folder)
    (wheel,) = folder.glob("*.whl")
    done(sys.executable, "-m", "venv", "--without-pip", "own", cwd=folder)
    pip += ["--python", str(folder / "own/bin/python")]
    done(*pip, "install", "--no-compile", "--no-deps", "--no-index", wheel, cwd=folder)
    (site,) = folder.glob("own/lib/*/site-packages")
    (own,) = distributions(name="bocnn", path=[str(site)])
    for package in required(own).values():
        link(package, site)
    done(*pip, "check", cwd=folder)
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
