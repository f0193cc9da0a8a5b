"""The package imports neither what trains nor what schedules."""

import subprocess
import sys

FORBIDDEN = ("bocnn", "sweeps.models.protocol", "ray", "torch", "numba")


def test_the_command_imports_nothing_that_trains_or_schedules() -> None:
    code = f"import sys, analysis.cli; print([m for m in {FORBIDDEN} if m in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"
