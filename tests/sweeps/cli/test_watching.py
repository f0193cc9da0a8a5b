"""`bocnn run --open`: the page of another process, which ends with the training and never stops it."""

import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from sweeps.cli.watching import watched
from tests.sweeps.small import bocnn_sweep


@pytest.fixture(autouse=True)
def no_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROWSER", "true")  # of Unix, which does nothing


def test_the_page_is_there_while_the_body_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "_sweep.json").write_text("{}")
    with watched([str(tmp_path)], 0):
        url = re.findall(r"http://127\.0\.0\.1:\d+/", capsys.readouterr().out)[0]
        with urllib.request.urlopen(url) as page:
            assert "No run is published yet" in page.read().decode()
    with pytest.raises(OSError):
        urllib.request.urlopen(url)


def test_training_goes_on_where_the_port_is_taken(bocnn_file: Path, out: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        options = ("--out", out, "--executor", "local", "--open", "--port", port)
        said = bocnn_sweep("run", bocnn_file, *options)
    assert said.returncode == 0 and "complete" in said.stdout
    assert "there is no page to see: training goes on without" in said.stderr


def test_a_port_without_a_page_is_refused(bocnn_file: Path) -> None:
    said = bocnn_sweep("run", bocnn_file, "--port", 8765)
    assert said.returncode == 2 and "received --port without --open" in said.stderr


@pytest.fixture
def interruptible() -> Iterator[None]:
    """A new process heeds an interrupt, although this one may ignore it, as jobs of a script do."""
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, former)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_ends_the_page_cleanly(tmp_path: Path) -> None:
    (tmp_path / "_sweep.json").write_text("{}")
    with subprocess.Popen(
        [sys.executable, "-m", "analysis", "watch", tmp_path],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline().startswith("http://127.0.0.1:")
        process.send_signal(signal.SIGINT)
        try:
            assert (process.wait(60), process.stderr.read()) == (0, "")
        finally:
            process.kill()
