"""The notebooks of the documentation run from top to bottom, and say what their text says of them."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "docs" / "notebooks"


def run_cells(name: str) -> dict[str, Any]:
    """The names that the cells of a notebook leave; what a cell ends with is shown as in a notebook."""
    notebook = json.loads((FOLDER / f"{name}.ipynb").read_text(encoding="utf-8"))
    names: dict[str, Any] = {"__name__": "__main__"}
    for cell in notebook["cells"]:
        if cell["cell_type"] != "code":
            continue
        lines = [line for line in cell["source"] if not line.startswith("%matplotlib")]
        tree = ast.parse("".join(lines))
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, name, "exec"), names)
        if isinstance(last, ast.Expr):
            shown = eval(compile(ast.Expression(last.value), name, "eval"), names)
            assert getattr(shown, "_repr_html_", shown.__repr__)() or isinstance(shown, Figure)
    return names


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_first_diagram() -> None:
    boundary = run_cells("first-diagram")["boundary"]
    inside = boundary.closed.sum(axis=1)
    assert (inside >= 3).all()  # of six columns in both settings


@pytest.mark.slow
def test_a_question_of_ones_own() -> None:
    """In a process of its own, as in a kernel: a word is added before a sweep is declared."""
    code = (
        "from tests.test_notebooks import run_cells\n"
        "mean = run_cells('own-question')['shift'].mean\n"
        "print(mean.low, mean.high)\n"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    low, high = map(float, said.stdout.split())
    assert low < 1 < high


def test_theory_beside_measurement() -> None:
    found = run_cells("theory-beside-measurement")
    slope = found["law"].slope
    assert slope.low < 0 < slope.high and slope.high - slope.low < 0.05
    factor = found["measured"] / found["predicted"]
    assert abs(factor - 1).max() < 0.2
    assert {path.name for path in FOLDER.glob("*.ipynb")} == {
        "first-diagram.ipynb",
        "own-question.ipynb",
        "theory-beside-measurement.ipynb",
    }


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.ipynb")), ids=lambda path: path.stem)
def test_no_output_is_kept(path: Path) -> None:
    """Outputs would change with every run, and with the machine."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    assert all(not cell.get("outputs") and cell.get("execution_count") is None for cell in cells)
