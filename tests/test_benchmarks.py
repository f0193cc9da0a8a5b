"""Benchmarks are commands that nobody runs in a test; what they import must be there all the same."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
GPU = {"bmm", "gpu", "kernels"}
"""Those that need torch and Triton."""


@pytest.mark.slow
def test_every_benchmark_can_be_imported() -> None:
    names = {path.stem for path in (ROOT / "benchmarks").glob("*.py")}
    names -= GPU if find_spec("triton") is None else set()
    program = "; ".join(f"import benchmarks.{name}" for name in sorted(names))
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
