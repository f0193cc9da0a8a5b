"""Faults between hosts lose nothing; by `make cluster-test`."""

import pytest

from benchmarks.faults import FAULTS, observe
from benchmarks.hosts import missing
from benchmarks.ray_hosts import SHARD_RUNS


@pytest.mark.slow
@pytest.mark.cluster
@pytest.mark.launch
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("name", FAULTS)
def test_rows_are_those_of_an_undisturbed_sweep(name: str) -> None:
    if reason := missing():
        pytest.skip(reason)
    found = observe(name)
    assert found.identical, found
    assert found.again <= 2 * SHARD_RUNS * (found.starts + 1), (
        found
    )  # those in flight on two workers
