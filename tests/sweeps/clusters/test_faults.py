"""Faults between hosts lose nothing; by `make cluster-test`."""

import pytest

from benchmarks.fault_kinds import FAULTS, lacking
from benchmarks.faults import observe
from benchmarks.ray_hosts import SHARD_RUNS

REFUSED = {
    "worker of another commit": "has other code than the driver",
    "worker of another Python": "Version mismatch: The cluster was started with",
    "disk of the dataset full": "No space left on device; free space",
}
"""What is said before the fault is mended."""


@pytest.mark.slow
@pytest.mark.cluster
@pytest.mark.launch
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("name", FAULTS)
def test_rows_are_those_of_an_undisturbed_sweep(name: str) -> None:
    if reason := lacking(name):
        pytest.skip(reason)
    found = observe(name)
    assert found.identical, found
    in_flight = 2 * SHARD_RUNS * (found.starts + 1)
    assert found.again <= in_flight, found
    assert found.session_s <= found.wall_s + 5, found  # whatever a worker's clock says
    assert REFUSED.get(name, "") in " ".join(found.refused), found
