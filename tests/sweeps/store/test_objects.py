"""An object store: a real S3 server on loopback, which fails for a moment or refuses on command."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pyarrow import fs

from analysis.dataset.files import open_dataset
from sweeps import driver
from sweeps.driver import datasets
from sweeps.errors import SweepError
from sweeps.plan.cut import ShardSize
from sweeps.store import retries as remote
from sweeps.store.dataset import DatasetFolder
from sweeps.store.store import Store
from sweeps.train.executors import local
from sweeps.train.shard import TrainingJob
from sweeps.train.stop import StopSignal
from tests.sweeps.small import TOY_SWEEP, bocnn_sweep, resolved, rows, train, train_here
from tests.toy import TOY

BUSY = b"<Error><Code>ServiceUnavailable</Code><Message>slow down</Message></Error>"
DENIED = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"

pytestmark = pytest.mark.filterwarnings("default")


class Server:
    """moto's S3 behind a gate that answers some requests itself."""

    def __init__(self) -> None:
        from moto.server import create_backend_app
        from werkzeug.serving import make_server

        self._app = create_backend_app("s3")
        self.gate: Callable[[dict[str, Any]], tuple[str, bytes] | None] = lambda request: None
        self.requests: list[str] = []
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def _answer(self, request: dict[str, Any], start: Callable[..., Any]) -> Any:
        self.requests.append(f"{request['REQUEST_METHOD']} {request['PATH_INFO']}")
        refused = self.gate(request)
        if refused is None:
            return self._app(request, start)
        request["wsgi.input"].read(int(request.get("CONTENT_LENGTH") or 0))
        start(refused[0], [("Content-Type", "application/xml")])
        return [refused[1]]

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture
def server(running: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr(remote, "_WAITS_S", (0.01, 0.01, 0.01))
    yield running
    running.gate = lambda request: None


@pytest.fixture
def uri(server: Server, tmp_path: Path) -> str:
    """A folder of its own in a bucket."""
    files = fs.S3FileSystem(
        endpoint_override=f"127.0.0.1:{server.port}", scheme="http", allow_bucket_creation=True
    )
    files.create_dir("bucket")
    server.requests.clear()
    endpoint = f"scheme=http&endpoint_override=127.0.0.1:{server.port}&region=us-east-1"
    return f"s3://bucket/{tmp_path.name}?{endpoint}"


def train_there(
    uri: str, run: Callable[[TrainingJob], dict[int, str]] = train_here, text: str = TOY_SWEEP
) -> driver.Outcome:
    dataset = DatasetFolder(uri)
    plan = driver.plan_sweep(resolved(text), dataset)
    return driver.execute(driver.prepare(plan, dataset, ShardSize(runs=48)), dataset, run)


def failing(every: int, method: str) -> Callable[[dict[str, Any]], tuple[str, bytes] | None]:
    """A gate that is too busy for each request of a method but every so many."""
    count = [0]

    def gate(request: dict[str, Any]) -> tuple[str, bytes] | None:
        if request["REQUEST_METHOD"] != method:
            return None
        count[0] += 1
        return None if count[0] % every == 0 else ("503 Service Unavailable", BUSY)

    return gate


def test_a_sweep_to_an_object_store_has_the_same_rows(uri: str, out: Path) -> None:
    assert train_there(uri) == ({}, 0)
    train(TOY_SWEEP, out)
    found = open_dataset(uri).table
    assert found.equals(rows(out).select(found.column_names))
    assert datasets.read_status(DatasetFolder(uri), lambda name: TOY).published == 96
    assert driver.plan_sweep(resolved(TOY_SWEEP), DatasetFolder(uri)).todo == 0


def test_publishing_twice_is_publishing_once(uri: str) -> None:
    train_there(uri)
    store = Store(uri)
    before = store.sizes()
    name = next(name for name in before if name.startswith("shard-"))
    store.put(name, store.get(name))
    assert store.sizes() == before


def test_compaction_on_an_object_store(uri: str) -> None:
    train_there(uri)
    assert datasets.compact_dataset(DatasetFolder(uri), 10**9, lambda name: TOY) == (2, 1, 0)
    assert open_dataset(uri).table.num_rows == 96
    assert sorted(name[:6] for name in Store(uri).names()) == ["_given", "_sweep", "shard-"]


@pytest.mark.parametrize("method", ["PUT", "GET"])
def test_a_store_that_fails_for_a_moment_is_tried_again(
    method: str, uri: str, server: Server
) -> None:
    server.gate = failing(3, method)
    assert train_there(uri) == ({}, 0)
    server.gate = lambda request: None
    assert open_dataset(uri).table.num_rows == 96


@pytest.mark.slow
def test_a_store_that_fails_for_good_fails_the_shard_and_leaves_nothing(
    uri: str, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "_WAITS_S", ())  # the store's own library tries for a while

    def train_without(job: TrainingJob) -> dict[int, str]:
        server.gate = failing(10**9, "PUT")
        return train_here(job)

    one = TOY_SWEEP.replace("n: [1, 2]", "n: [1]")
    outcome = train_there(uri, train_without, one)
    server.gate = lambda request: None
    assert (len(outcome.failures), outcome.missing) == (1, 48)
    assert "cannot write shard-" in outcome.failures[0]
    assert Store(uri).names() == ["_given.json", "_sweep.json"]
    assert train_there(uri, text=one) == ({}, 0)


def deny_unsigned(request: dict[str, Any]) -> tuple[str, bytes] | None:
    return None if "HTTP_AUTHORIZATION" in request else ("403 Forbidden", DENIED)


def test_missing_credentials_are_named(
    uri: str, server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    server.gate = deny_unsigned
    with pytest.raises(
        SweepError, match=r"no credentials were found: set AWS_ACCESS_KEY_ID and AWS"
    ):
        DatasetFolder(uri).shards()


def test_credentials_that_are_refused_are_named(uri: str, server: Server) -> None:
    server.gate = lambda request: ("403 Forbidden", DENIED)
    with pytest.raises(
        SweepError, match=r"credentials that were found are refused: expected the r"
    ):
        DatasetFolder(uri).shards()
    count = len(server.requests)
    with pytest.raises(SweepError, match=r"cannot write _sweep.json .* are refused: expected the"):
        Store(uri).put("_sweep.json", b"{}")
    assert len(server.requests) < count + 3


def test_a_bucket_that_is_not_there_is_named(uri: str) -> None:
    with pytest.raises(
        SweepError, match=r"cannot write x .*; make the bucket first, or correct its"
    ):
        Store(uri.replace("bucket", "nowhere")).put("x", b"1")


def test_the_command_takes_a_bucket(uri: str, bocnn_file: Path) -> None:
    said = bocnn_sweep("run", bocnn_file, "--out", uri, "--executor", "local")
    assert said.returncode == 0, said.stderr
    assert "48 of 48 runs published" in " ".join(said.stdout.split())


def test_refused_credentials_stop_a_sweep_at_once(uri: str, server: Server) -> None:
    stop_signal, requests = StopSignal(), []

    def train_refused(job: TrainingJob) -> dict[int, str]:
        server.gate = lambda request: ("403 Forbidden", DENIED)
        server.requests.clear()
        found = local.run(job, lambda progress: None, stop_signal)
        requests.extend(server.requests)
        server.gate = lambda request: None
        return found

    outcome = train_there(uri, train_refused)
    assert (len(outcome.failures), outcome.missing) == (1, 96)
    assert "the credentials that were found are refused: expected the rights" in stop_signal.cause
    assert len(requests) <= 3
    assert train_there(uri) == ({}, 0)
