"""What is served of a dataset that grows: its state, its figures, to this machine alone."""

import re
import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from analysis.errors import AnalysisError
from analysis.report.results import glance
from analysis.statistics.bootstrap import Resampling
from analysis.watch import datasets, snapshot, watch
from tests.analysis.synthetic import Planted
from tests.analysis.watch.watching import Growing, served

SMALL = Planted(replicates=4)


@pytest.fixture
def growing(tmp_path: Path) -> Growing:
    return Growing(tmp_path / "growing", SMALL).begin()


@pytest.fixture(autouse=True)
def sketched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures are made and not drawn, and the end waits for no page."""
    monkeypatch.setattr(snapshot, "page_svg", lambda figure: f"<svg>{len(figure.axes)}</svg>")
    monkeypatch.setattr(watch, "LAST_S", 0.0)
    monkeypatch.setattr(watch, "PAGES_S", 0.0)
    monkeypatch.setattr(watch, "LOOK_S", 0.1)
    monkeypatch.setattr(datasets, "SHARE", 1.0)


def test_the_state_follows_the_files_that_come(growing: Growing) -> None:
    with served(growing.folder) as page:
        waiting = page.state()
        assert "No run is published yet" in waiting["regions"]["progress"]
        growing.publish(0)
        first = page.state_with("128 of 512")
        assert first["percent"] == "25 % "
        assert first["regions"]["spoken"] == "Training, at least 20 % of the runs are published"
        assert "32 runs/s" in first["regions"]["progress"]  # 128 in the 4 s of the one shard
        assert "about 12 s" in first["regions"]["progress"]
        growing.publish(1)
        growing.publish(2)
        growing.publish(3)
        last = page.state_with("512 of 512")
        assert "All runs are published" in last["regions"]["progress"]
        assert "runs/s" not in last["regions"]["progress"]
        law = last["regions"]["laws"].rpartition("power law")[2]
        value, low, high = map(float, re.findall(r"0\.\d+", law)[:3])
        assert low < value < high and abs(value - SMALL.exponent) < 0.05


def test_a_state_is_sent_once(growing: Growing, monkeypatch: pytest.MonkeyPatch) -> None:
    growing.publish(0)
    monkeypatch.setattr("analysis.watch.folder.GrowingFolder.last_s", 7.0)
    with served(growing.folder) as page:
        state = page.state_with("128 of 512")
        assert page.state(have=state["version"]) == {}
        assert page.state(have="another") == state


def test_figures_are_served_by_the_addresses_of_the_state(growing: Growing) -> None:
    growing.publish(0)
    with served(growing.folder) as page:
        regions = page.state_with("128 of 512")["regions"]
        addresses = re.findall(r'src="([^"]*)"', regions["pictures"])
        assert len(addresses) == 2  # the map, and the boundary
        for address in addresses:
            status, body, headers = page.get("/" + address.replace("&amp;", "&"))
            assert (status, headers["Content-Type"]) == (200, "image/svg+xml; charset=utf-8")
            assert body.startswith("<svg>")


def test_all_addresses_are_relative_and_nothing_else_is_let_in(growing: Growing) -> None:
    with served(growing.folder, growing.folder) as page:
        status, body, headers = page.get("/")
        assert status == 200
        addresses = re.findall(r'(?:href|src)="([^"]*)"', body)
        assert {"watch.css", "watch.js", "."} < set(addresses)
        assert not [one for one in addresses if one.startswith(("/", "http"))]
        assert "'unsafe" not in headers["Content-Security-Policy"]
        assert headers["Content-Security-Policy"].startswith("default-src 'none'")


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "localhost.evil.example", ""])
def test_other_hosts_are_refused(growing: Growing, host: str) -> None:
    with served(growing.folder) as page:
        for path in ("/", "/state.json", "/0.svg", "/watch.js"):
            status, body, _ = page.get(path, Host=host)
            assert status == 421 and "growing" not in body


@pytest.mark.parametrize("host", ["localhost:9", "LOCALHOST", "127.0.0.1:8765", "[::1]:1"])
def test_the_end_of_a_tunnel_is_this_machine(growing: Growing, host: str) -> None:
    with served(growing.folder) as page:
        assert page.get("/", Host=host)[0] == 200


def test_what_is_not_there_is_an_error(growing: Growing) -> None:
    with served(growing.folder) as page:
        for path in (
            "/_sweep.json",
            "/../etc/passwd",
            "/9.svg",
            "/?dataset=1",
            "/?dataset=x",
            "/a.svg",
        ):
            assert page.get(path)[0] == 404, path
        assert page.get("/", method="POST")[0] == 501


def test_several_datasets_each_and_the_newest(growing: Growing, tmp_path: Path) -> None:
    other = Growing(tmp_path / "other", SMALL.but(name="other", replicates=2)).begin()
    growing.publish(0)
    with served(growing.folder, other.folder) as page:
        assert page.state_with("128 of 512")["regions"]["title"] == "planted"
        assert "No run" in page.state(dataset="1")["regions"]["progress"]
        other.publish(0)
        assert page.state_with("64 of 256")["regions"]["title"] == "other"
        assert "128 of 512" in page.state(dataset="0")["regions"]["progress"]


def test_failures_and_what_cannot_be_read_are_told(growing: Growing) -> None:
    growing.publish(0)
    (growing.folder / f"_failed-{'0' * 32}.txt").write_text("shard: x\n\nValueError: <b>why</b>\n")
    with served(growing.folder) as page:
        state = page.state_with("ValueError: &lt;b&gt;why")
        assert "<b>" not in state["regions"]["failures"]
        (growing.folder / "shard-9.parquet").write_bytes(b"PAR1 torn")
        broken = page.state_with("expected a complete Parquet file")
        assert "cannot be shown now" in broken["regions"]["progress"]


def test_the_end_is_told_and_the_port_is_free_then(
    growing: Growing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "LAST_S", 30.0)
    growing.publish(0)
    with served(growing.folder) as page:
        state = page.state_with("128 of 512")
        assert not state["ended"]
        growing.publish(1)
        page.ended.set()
        while not state.get("ended", True):
            state = page.state(have=state["version"]) or state
        assert "256 of 512" in state["regions"]["progress"]
        page.thread.join(10)
        assert not page.thread.is_alive()
        with socket.create_server(("127.0.0.1", urlsplit(page.url).port or 0)):
            pass


def test_nobody_looks_where_no_page_is_open(
    growing: Growing, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[object] = []
    monkeypatch.setattr("analysis.watch.datasets.take_snapshot", looks.append)
    with served(growing.folder) as page:
        growing.publish(0)
        page.thread.join(0.5)
    assert looks == []


def test_what_is_no_dataset_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(AnalysisError, match="Nothing to watch at"):
            watch.check_folders([str(folder)])


def test_a_port_that_is_taken_is_refused(growing: Growing) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(AnalysisError, match=f"Cannot serve on port {port}.*--port"):
            watch.watch([str(growing.folder)], port, show=print, ended=None)  # type: ignore[arg-type]


def test_sections_find_the_files_of_a_dataset_that_is_glanced_at(growing: Growing) -> None:
    """Curves along the training are read from files beside the rows."""
    growing.publish(0)
    assert glance(str(growing.folder), Resampling(draws=100)).provenance.location == str(
        growing.folder
    )
