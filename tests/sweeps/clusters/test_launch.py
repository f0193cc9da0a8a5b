"""The commands of docs/how-to/cluster.md, on hosts that are there; by `make cluster-test`."""

from collections.abc import Iterator

import pyarrow.parquet as pq
import pytest

from benchmarks.hosts import Network, missing
from benchmarks.launch import ADDRESSES, Step, commands, launch

pytestmark = [pytest.mark.slow, pytest.mark.cluster, pytest.mark.launch, pytest.mark.timeout(900)]


@pytest.fixture
def network() -> Iterator[Network]:
    if reason := missing():
        pytest.skip(reason)
    with Network(ADDRESSES) as found:
        yield found


def test_the_commands_of_the_page_lead_to_figures(network: Network) -> None:
    steps: list[Step] = []
    for step in launch(network):
        steps.append(step)
        assert step.status == 0, f"{step.command}\n{step.said}"
        print(f"{step.wall_s:.1f} s  {step.command}")
    assert [step.command for step in steps if step.command in commands()] == commands()
    report = network.hosts[-1].folder / "home" / "bocnn" / "report"
    assert {"report.html", "map-level-0.2.svg", "boundary.csv"} <= {
        p.name for p in report.iterdir()
    }
    difference = next(step.said for step in steps if "bocnn diff" in step.command)
    assert "64 cells compared, 64 of them the same bit for bit" in difference
    shards = (network.shared / "label-flip-plane").glob("shard-*.parquet")
    nodes = {pq.read_metadata(shard).metadata[b"node"].decode() for shard in shards}
    assert nodes == {host.name for host in network.hosts[1:3]}
