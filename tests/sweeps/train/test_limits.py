"""Limits under which libraries wait for ever: refused before anything starts."""

import resource
import subprocess
from pathlib import Path

import pytest

from sweeps.errors import SweepError
from sweeps.train import limits
from sweeps.train.limits import check_address_space, needed_address_space
from tests.sweeps.small import COMMAND


@pytest.mark.parametrize("executor", ["local", "tune"])
def test_too_little_address_space_is_refused_before_anything_starts(
    executor: str, bocnn_file: Path, out: Path
) -> None:
    small = 700 * 2**20
    said = subprocess.run(
        [*COMMAND, "run", str(bocnn_file), "--out", str(out), "--executor", executor],
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (small, small)),
    )
    assert said.returncode == 2, said.stderr
    assert "this process may use 0.7 GB of address space (ulimit -v) and needs" in said.stderr
    assert not out.exists()


def test_as_much_address_space_as_is_needed_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    for starts_ray in (False, True):
        needed = int(needed_address_space(starts_ray)) + 1
        for limit in (needed, resource.RLIM_INFINITY):
            monkeypatch.setattr(limits.resource, "getrlimit", lambda kind, n=limit: (n, n))
            check_address_space(starts_ray)
        monkeypatch.setattr(limits.resource, "getrlimit", lambda kind, n=needed - 2: (n, n))
        with pytest.raises(SweepError, match="GB of address space"):
            check_address_space(starts_ray)
    assert needed_address_space(True) > needed_address_space(False) > 0.9e9
