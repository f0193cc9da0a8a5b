"""Ray and other users of the machine, who listens and who can read; clusters that are not there."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from sweeps.errors import SweepError
from sweeps.train.executors import connection, secret
from sweeps.train.stop import Stopped, StopSignal
from tests.sweeps.driver.test_kill import processes_of
from tests.sweeps.small import COMMAND

ROOT = Path(__file__).parents[4]
LOOPBACK = {"0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000"}
"""127.0.0.1, the same as an address of version 6, and ::1, as the kernel writes them."""

STARTED = (
    "import sys\n"
    "from sweeps.train.executors.connection import Cluster, connected, ray\n"
    "with connected(Cluster(workers=1)):\n"
    "    ray.get(ray.remote(lambda: 1).remote())\n"
    "    print(ray._private.worker._global_node.get_temp_dir_path(), flush=True)\n"
    "    sys.stdin.readline()\n"
)
"""A program that starts Ray as `run` does, says where its files are, and waits for a line."""


def listening(session: int) -> dict[str, str]:
    """Addresses on which processes of a session accept connections, by the kernel's socket number."""
    rows = [
        line.split()
        for name in ("tcp", "tcp6")
        for line in Path("/proc/net", name).read_text().splitlines()[1:]
    ]
    sockets = {row[9]: row[1].rpartition(":")[0] for row in rows if row[3] == "0A"}
    owned = {
        os.readlink(handle).removeprefix("socket:[").removesuffix("]")
        for pid in processes_of(session)
        for handle in Path(f"/proc/{pid}/fd").iterdir()
        if handle.exists() or handle.is_symlink()
    }
    return {number: sockets[number] for number in owned & sockets.keys()}


@pytest.fixture
def started(tmp_path: Path) -> Iterator[tuple[int, str]]:
    """A Ray of its own: the session of its processes, and its folder."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-c", STARTED],
        env=environment,
        start_new_session=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as driver:
        assert driver.stdout is not None
        yield driver.pid, driver.stdout.readline().strip()
        driver.communicate("\n", timeout=60)


def test_a_ray_that_is_started_here_is_closed_to_other_users(
    started: tuple[int, str], tmp_path: Path
) -> None:
    session, folder = started
    found = listening(session)
    assert len(found) >= 5  # the driver, the GCS, the raylet's two, a worker
    assert set(found.values()) <= LOOPBACK
    assert Path(folder).parent.stat().st_mode & 0o077 == 0
    assert not (tmp_path / ".ray").exists()
    for pid in processes_of(session):
        assert Path(f"/proc/{pid}/environ").stat().st_mode & 0o077 == 0
        command = Path(f"/proc/{pid}/cmdline").read_text()
        assert "RAY_AUTH_TOKEN=" not in command
        assert not any(f"/{name}.py" in command for name in ("log_monitor", "monitor", "dashboard"))


def test_a_cluster_that_is_started_elsewhere_keeps_its_processes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever Ray starts them by is there again afterwards."""
    internal = connection.ray._private
    parts = {
        "RayParams": internal.parameter,
        "start_api_server": internal.node.Node,
        "get_dashboard_dependency_error": internal.utils,
    }

    def theirs() -> None:
        """Stands for Ray's own, which the tests' Ray may have replaced already."""

    for name, owner in parts.items():
        monkeypatch.setattr(owner, name, theirs)
    with connection.private():
        assert not any(getattr(owner, name) is theirs for name, owner in parts.items())
    assert all(getattr(owner, name) is theirs for name, owner in parts.items())


def test_a_secret_of_its_own_is_new_and_gone_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(secret.TOKEN, "theirs")
    seen = []
    for _ in range(2):
        with secret.own_secret():
            seen.append(os.environ[secret.TOKEN])
        assert os.environ[secret.TOKEN] == "theirs"
    assert len({*seen, "theirs"}) == 3
    assert all(len(token) == 64 for token in seen)


@pytest.mark.parametrize("mode", ["disabled", "Token", "k8s", ""])
def test_a_ray_without_a_secret_is_not_started_here(
    mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(secret.MODE, mode)
    monkeypatch.setattr(connection.ray, "is_initialized", lambda: False)
    monkeypatch.setattr(connection.ray, "init", lambda **options: pytest.fail("Ray was started"))
    with (
        pytest.raises(SweepError, match=rf"received RAY_AUTH_MODE={mode}; a Ray .*unset RAY_AUTH"),
        connection.connected(connection.Cluster()),
    ):
        pass


def test_a_folder_for_ray_that_cannot_be_made_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(secret.MODE, raising=False)
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path / "nowhere"))
    monkeypatch.setattr(connection.ray, "is_initialized", lambda: False)
    with (
        pytest.raises(SweepError, match="nowhere: No such file or directory; free space there, or"),
        connection.connected(connection.Cluster()),
    ):
        pass


@pytest.mark.parametrize("mode", [None, "Token", "k8s", ""])
def test_an_address_needs_a_known_mode(mode: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(secret.MODE, raising=False)
    if mode is not None:
        monkeypatch.setenv(secret.MODE, mode)
    with pytest.raises(SweepError, match=r"RAY_AUTH_MODE.*; expected RAY_AUTH_MODE=token, with"):
        secret.check_mode("192.0.2.9:6379")


def test_a_cluster_without_a_secret_is_named(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(secret.MODE, "disabled")
    assert secret.check_mode("192.0.2.9:6379") == "disabled"
    assert "whoever reaches the ports of the Ray at 192.0.2.9:6379 can run code" in caplog.text


@pytest.fixture
def token_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file with a secret, where Ray looks for it."""
    path = tmp_path / "auth_token"
    path.write_text("a" * 64)
    monkeypatch.setenv(secret.MODE, "token")
    monkeypatch.delenv(secret.TOKEN, raising=False)
    monkeypatch.setenv(secret.TOKEN_FILE, str(path))
    return path


@pytest.mark.parametrize(("mode", "said"), [(0o644, True), (0o640, True), (0o600, False)])
def test_a_secret_that_others_can_read_is_made_private(
    mode: int, said: bool, token_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    token_file.chmod(mode)
    assert secret.check_mode("192.0.2.9:6379") == "token"
    assert token_file.stat().st_mode & 0o777 == 0o600
    assert (f"its mode was {mode:04o}" in caplog.text) is said


def test_a_secret_that_cannot_be_made_private_or_is_not_there_is_refused(
    token_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, mode: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    token_file.chmod(0o644)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "chmod", refuse)
        with pytest.raises(
            SweepError, match=r"other users may read .*: chmod 600 .*auth_token, or"
        ):
            secret.check_mode("192.0.2.9:6379")
    token_file.unlink()
    with pytest.raises(SweepError, match=r"token and no secret: neither RAY_AUTH_TOKEN nor .* is"):
        secret.check_mode("192.0.2.9:6379")


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of something on loopback that takes connections and never answers."""
    monkeypatch.setenv(secret.MODE, "disabled")
    monkeypatch.setattr(connection.ray, "is_initialized", lambda: False)
    monkeypatch.setattr(connection.ray._private.ray_constants, "ENABLE_RAY_CLUSTER", False)
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def test_an_address_where_nothing_listens_is_refused(silent: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        closed = f"127.0.0.1:{server.getsockname()[1]}"
    with (
        pytest.raises(SweepError, match=rf"nothing answers at {closed}: .*refused; expected local"),
        connection.connected(connection.Cluster(closed)),
    ):
        pass


@pytest.mark.parametrize(
    "address", ["ray://127.0.0.1:10001", "nonsense", ":", "host:port", "127.0.0.1:99999"]
)
def test_an_address_of_another_form_is_refused(address: str, silent: str) -> None:
    with (
        pytest.raises(SweepError, match=r"expected local, auto or host:port of a running cluster"),
        connection.connected(connection.Cluster(address)),
    ):
        pass


def test_what_listens_and_does_not_answer_is_refused(
    silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "ANSWER_S", 1.0)
    with (
        pytest.raises(SweepError, match=r"cannot reach Ray at .*: no answer within 1 s; expected"),
        connection.connected(connection.Cluster(silent)),
    ):
        pass


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_wait_for_a_cluster(
    number: signal.Signals, silent: str, bocnn_file: Path, out: Path
) -> None:
    """What it waits for takes half a minute to be given up."""
    environment = os.environ | {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
    with subprocess.Popen(
        [*COMMAND, "run", str(bocnn_file), "--out", str(out), "--address", silent],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as driver:
        assert driver.stderr is not None
        said = driver.stderr.readline()  # the warning that comes just before the wait
        sent = time.monotonic()
        driver.send_signal(number)
        _, errors = driver.communicate(timeout=60)
    assert "can run code there" in said
    assert driver.returncode == 128 + number, errors
    assert time.monotonic() - sent < connection.ANSWER_S / 2
    assert "stopped; what is published stays" in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize("lost", [True, False])
def test_a_signal_while_ray_starts_is_a_stop(lost: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray takes SIGTERM for itself while it starts, and loses some exceptions."""

    def init(**options: object) -> None:
        connection.ray._private.utils.set_sigterm_handler(lambda *_: sys.exit(15))
        with suppress(Stopped if lost else ()):
            signal.raise_signal(signal.SIGTERM)
        assert lost

    ended = []
    monkeypatch.delenv(secret.MODE, raising=False)
    monkeypatch.setattr(connection.ray, "is_initialized", lambda: False)
    monkeypatch.setattr(connection.ray, "init", init)
    monkeypatch.setattr(connection.ray, "shutdown", lambda: ended.append(True))
    before = signal.getsignal(signal.SIGTERM)
    with (
        StopSignal() as stop_signal,
        pytest.raises(Stopped),
        connection.connected(connection.Cluster(), stop_signal),
    ):
        pytest.fail("it went on")
    assert stop_signal.signal == signal.SIGTERM
    assert ended == [True]
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.fixture(params=["token", "disabled"])
def head(request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    """A head on loopback, with the secret "right" or none: the mode that it was started in, its address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = os.environ | {
        "RAY_AUTH_MODE": request.param,
        "RAY_AUTH_TOKEN": "right",
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        "RAY_USAGE_STATS_ENABLED": "0",
    }
    options = ["--head", "--block", "--num-cpus=1", "--include-dashboard=false", f"--port={port}"]
    with (
        tempfile.TemporaryDirectory(prefix="head-", dir="/tmp") as folder,
        subprocess.Popen(
            [sys.executable, "-c", connection._PROBE, "start", *options, f"--temp-dir={folder}/r"],
            env=environment,
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as started,
    ):
        end = time.monotonic() + 60
        while time.monotonic() < end:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.2)
        yield request.param, f"127.0.0.1:{port}"
        for pid in processes_of(started.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.cluster
def test_only_a_cluster_that_keeps_its_secret_is_taken(
    head: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    started, address = head
    monkeypatch.setattr(connection.ray._private.ray_constants, "ENABLE_RAY_CLUSTER", False)
    monkeypatch.setenv(connection._LOOPBACK, "0")
    words = {
        ("token", "token", "right"): None,
        ("token", "token", "wrong"): r"refuses the secret \(token\) in RAY_AUTH_TOKEN; expected",
        ("token", "disabled", ""): r"requires a secret \(token\); set RAY_AUTH_MODE=token, with",
        ("disabled", "token", "right"): r"takes anybody, whatever the secret: start it with RAY_A",
        ("disabled", "disabled", ""): None,
    }
    for (head_mode, mode, token), expected in words.items():
        if head_mode != started:
            continue
        monkeypatch.setenv(secret.MODE, mode)
        monkeypatch.setenv(secret.TOKEN, token)
        if expected is None:
            connection._check_running(address)
            continue
        with pytest.raises(SweepError, match=expected):
            connection._check_running(address)
