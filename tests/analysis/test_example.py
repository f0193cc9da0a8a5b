"""The worked example in docs/ runs unchanged, and finds what was planted."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.analysis.recording import record

ROOT = Path(__file__).parents[2]


def test_the_worked_example_runs(folder: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "docs/example.py", record(folder), tmp_path / "out"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, env=environment
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "planted: 3,072 runs over d and mu_norm" in done.stdout
    exponents = [float(value) for value in re.findall(r"exponent ([\d.]+)", done.stdout)]
    assert len(exponents) == 2
    assert all(abs(exponent - 0.25) < 0.05 for exponent in exponents)
    assert abs(float(re.findall(r"shift ([\d.]+)", done.stdout)[0]) - 1.3) < 0.1
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        f"{name}.{kind}"
        for name in ("map", "two-colours", "boundary", "trajectories")
        for kind in ("png", "svg")
    }
