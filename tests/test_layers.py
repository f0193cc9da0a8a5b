"""A room imports only rooms to its left, and nothing crosses from training to analysis but files."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("bocnn", "sweeps", "analysis")
READERS = {"io", "os", "pathlib", "gzip", "sklearn"}
"""What reads files: the numerics know arrays only."""
FORBIDDEN = {
    "bocnn": {"ray", "pyarrow", "sweeps", "analysis", "pandas", "matplotlib", "seaborn", "yaml"},
    "sweeps": {"bocnn", "analysis", "matplotlib", "seaborn", "torch", "numba", "scipy"},
    "analysis": {"bocnn", "sweeps", "ray", "torch", "numba"},
}


SHARED = {"sweeps.declare.formula", "sweeps.terminal"}
"""What the analysis shares with the sweeps: the evaluator of formulas, and how a command prints."""


def sources(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py"))


def imported(path: Path) -> set[str]:
    """The top-level packages that a file imports, anywhere in it, less what the rooms share."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            modules = {f"{node.module}.{alias.name}" for alias in node.names}
            if node.module not in SHARED and not modules <= SHARED:
                found.add((node.module or "").split(".")[0])
    return found


def loaded(statement: str, packages: set[str]) -> set[str]:
    """Which packages a fresh Python has loaded after a statement."""
    code = f"{statement}; import sys; print(*({packages!r} & sys.modules.keys()))"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return set(result.stdout.split())


@pytest.mark.parametrize("room", ROOMS)
def test_no_file_imports_what_its_room_must_not(room: str) -> None:
    wrong = {path.name: imported(path) & FORBIDDEN[room] for path in sources(room)}
    assert len(wrong) > 5
    assert not {name: packages for name, packages in wrong.items() if packages}


def test_the_models_read_no_files() -> None:
    rooms = ("kernel", "proportional", "tangent", "theory")
    paths = [path for room in rooms for path in (ROOT / "bocnn" / room).glob("*.py")]
    assert len(paths) > 10
    assert not {path.name for path in paths if imported(path) & READERS}


def test_three_files_know_ray() -> None:
    knowing = {path for room in ROOMS for path in sources(room) if "ray" in imported(path)}
    assert knowing == {
        ROOT / "sweeps" / "executors" / name for name in ("cluster.py", "connection.py", "tune.py")
    }


@pytest.mark.parametrize(
    ("statement", "packages"),
    [
        ("import sweeps.cli", {"ray", "torch", "numba", "bocnn", "analysis"}),
        ("import sweeps.train.executors.local", {"ray", "torch", "bocnn"}),
        ("import bocnn", {"ray", "torch", "pyarrow", "sweeps", "analysis"}),
        (
            "import analysis.cli",
            {"ray", "torch", "numba", "bocnn", "pydantic", "sweeps.declare.sweep_file"},
        ),
    ],
)
def test_importing_loads_no_more_than_is_needed(statement: str, packages: set[str]) -> None:
    assert loaded(statement, packages) == set()
