"""Nobody without the secret gets anything of a cluster but counters and that it is alive."""

import pytest

from benchmarks.hosts import ROOT, missing
from benchmarks.ports import PORTS, observe

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
    fixed = {6379, 8265, 10001, 44217, 44227, 52365, *range(8076, 8081)}
    rest = {port.port for port in ports} - fixed
    assert {port.port for port in ports} >= fixed
    assert all(10002 <= port <= 10999 for port in rest), ports


def test_the_ports_are_those_of_the_cluster_files() -> None:
    for path in (ROOT / "cluster.yaml", *(ROOT / "clusters").glob("*.yaml")):
        text = " ".join(path.read_text().split())
        assert text.count(PORTS) == text.count("ray start --"), path
