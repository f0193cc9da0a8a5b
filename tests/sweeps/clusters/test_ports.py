"""Nobody without the secret gets anything of a cluster but counters and that it is alive."""

import pytest

from benchmarks.hosts import missing
from benchmarks.ports import observe

HARMLESS = {"loopback", "metrics", "refuses", "health, refuses"}


@pytest.mark.slow
@pytest.mark.cluster
@pytest.mark.launch
@pytest.mark.timeout(900)
def test_a_stranger_gets_counters_and_health_alone() -> None:
    if reason := missing():
        pytest.skip(reason)
    ports = observe()
    assert {port.answer for port in ports} == HARMLESS, ports
    assert {port.port for port in ports} >= {6379, 8076, 8077, 8265, 10001}
