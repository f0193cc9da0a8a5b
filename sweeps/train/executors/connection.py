"""The connection to Ray: one that is started here, on loopback alone, or a running cluster by its address.

Ray itself waits long for a cluster that is not there or refuses its secret, and obeys no signal meanwhile:
so a cluster is checked from outside before Ray connects to it.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import NamedTuple

from sweeps.errors import SweepError
from sweeps.train.executors import import_folders, secret
from sweeps.train.stop import StopSignal

_LOOPBACK = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
"""With "0", Ray's processes listen on 127.0.0.1 alone, as they do where firewalls ask about open ports."""

# Read by Ray when it is imported: no usage reports, none of Tune's three per-trial log writers (half
# of its cost per trial), no snapshot of a state that nobody restores, no change of working
# directory, no workers before there are trials, which would not use them; at most 16 trials wait for a
# slot, which is also what makes a cluster grow.
for _name, _value in {
    "RAY_USAGE_STATS_ENABLED": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "3600",
    "TUNE_MAX_PENDING_TRIALS_PG": "16",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_prestart_worker_first_driver": "0",
}.items():
    os.environ.setdefault(_name, _value)

import ray  # noqa: E402

CONNECT_S = 10.0
"""How long a cluster's port is waited for."""

ANSWER_S = 30.0
"""How long a first answer of a cluster is waited for."""

_STARTS = 2
"""How often a start of Ray is tried: it gives up after half a minute, which a busy machine may take."""

_WINDING_DOWN_S = 3.0
"""How long Ray's processes may still write into their folder when Ray was ended."""

_PROBE = "from ray.scripts.scripts import main; main()"
_EXPECTED = "expected local, auto or host:port of a running cluster"


class Cluster(NamedTuple):
    """Which Ray to use: "local" starts one here, anything else is the address of a running one.

    `gpus` is a trial's share of a GPU, at most 1; with 0 trials see none.
    """

    address: str = "local"
    workers: int | None = None
    gpus: float = 0.0


@contextmanager
def connected(cluster: Cluster, stop_signal: StopSignal | None = None) -> Iterator[None]:
    """A connection to Ray; a cluster that was started here is ended here.

    Args:
        cluster: which Ray.
        stop_signal: takes the signals, back from Ray too, which takes them when it starts.
    Raises:
        SweepError: there is no such cluster, or its secret is not the one that we have.
        Stopped: a signal came meanwhile.
    """
    stop_signal = stop_signal or StopSignal()
    if ray.is_initialized():
        stop_signal.install()
        yield
        return
    with ExitStack() as stack:
        if cluster.address == "local":
            stack.enter_context(private())
            options = {
                "_node_ip_address": "127.0.0.1",
                "_temp_dir": f"{stack.enter_context(scratch('bocnn-ray-'))}/ray",
                "include_dashboard": False,
                "num_cpus": cluster.workers,
            }
        else:
            with stop_signal.interruptible():
                _check_running(cluster.address)
            options = {}
        stack.callback(ray.shutdown)
        _start(cluster.address, stop_signal, options)
        yield


def _start(address: str, stop_signal: StopSignal, options: dict[str, object]) -> None:
    """Start Ray, or connect to one; where Ray gives up its start, once more.

    Raises:
        SweepError: it did not start, or cannot be reached.
        Stopped: a signal came meanwhile.
    """
    options["job_config"] = import_folders.as_here(ray.job_config.JobConfig())
    for _ in range(_STARTS):
        try:
            with _signals_left(stop_signal), stop_signal.interruptible():
                ray.init(address=address, logging_level="ERROR", log_to_driver=False, **options)
                stop_signal.install()
        except (ValueError, ConnectionError, RuntimeError, ray.exceptions.RayError) as error:
            raise SweepError(f"cannot reach Ray at {address!r}: {error}; {_EXPECTED}") from None
        except Exception as error:  # Ray's own word for a start that took over half a minute
            if "timed out during startup" not in str(error):
                raise
            ray.shutdown()
        else:
            stop_signal.raise_if_signalled()  # a signal whose exception Ray has lost
            return
    raise SweepError(
        f"Ray did not start, {_STARTS} times within its half minute: this machine is too busy; run the "
        "same command again, or take --executor local"
    )


@contextmanager
def _signals_left(stop_signal: StopSignal) -> Iterator[None]:
    """Leave SIGTERM to the stop signal while Ray starts: Ray's handlers exit with status 15 or 134.

    Where Ray would set that of Python, it has already set another beneath it: ours is set again.
    """
    taking = ray._private.utils.set_sigterm_handler

    def take(handler: object) -> None:
        if not stop_signal.install():
            taking(handler)

    with _replaced(ray._private.utils, "set_sigterm_handler", take):
        yield


@contextmanager
def private() -> Iterator[None]:
    """Keep a Ray that is started here from others, and small: on loopback, with a secret of its own."""
    constants, before = ray._private.ray_constants, os.environ.get(_LOOPBACK)
    known = ray._raylet.AuthenticationTokenLoader.instance()
    alone = _replaced(constants, "ENABLE_RAY_CLUSTER", False)
    with secret.own_secret(), alone, _few_processes():
        os.environ[_LOOPBACK] = "0"
        known.reset_cache()
        try:
            yield
        finally:
            known.reset_cache()
            del os.environ[_LOOPBACK]
            if before is not None:
                os.environ[_LOOPBACK] = before


@contextmanager
def _few_processes() -> Iterator[None]:
    """Leave out what Ray starts beside its workers and nobody here needs, a third of its start.

    They are its monitors, of load, with which a cluster grows, and of logs, and the dashboard's server;
    Ray's agent imports what it does without `ray[default]`.
    """
    internal = ray._private
    lean = partial(internal.parameter.RayParams, no_monitor=True, include_log_monitor=False)
    with (
        _replaced(internal.parameter, "RayParams", lean),
        _replaced(internal.node.Node, "start_api_server", lambda node, **options: None),
        _replaced(internal.utils, "get_dashboard_dependency_error", ImportError),
    ):
        yield


@contextmanager
def _replaced(owner: object, name: str, value: object) -> Iterator[None]:
    """Another value of an attribute, for a while."""
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


@contextmanager
def scratch(prefix: str) -> Iterator[str]:
    """A folder that no other user can enter; for that of Ray's sockets and logs, which Ray opens to all.

    Its name is short, since that of a socket must be.

    Raises:
        SweepError: none can be made.
    """
    root = os.environ.get("RAY_TMPDIR", "/tmp" if os.path.isdir("/tmp") else tempfile.gettempdir())
    try:
        folder = tempfile.mkdtemp(prefix=prefix, dir=root)
    except OSError as error:
        raise SweepError(
            f"cannot make a folder for Ray's files in {root}: {error.strerror}; free space there, or "
            "name another folder in RAY_TMPDIR"
        ) from None
    try:
        yield folder
    finally:
        end = time.monotonic() + _WINDING_DOWN_S
        while os.path.exists(folder) and time.monotonic() < end:
            shutil.rmtree(folder, ignore_errors=True)
            time.sleep(0.05)


def _check_running(address: str) -> None:
    """Refuse a cluster that does not answer, or not to our secret, or to anybody.

    Raises:
        SweepError: says which.
    """
    mode = secret.check_mode(address)
    there = _located(address)
    host, _, port = there.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_S).close()
    except (OSError, OverflowError) as error:
        raise SweepError(
            f"received --address {address}; nothing answers at {there}: {error}; {_EXPECTED}"
        ) from None
    _check_answer(_ask(there, mode), there, mode)
    if mode == "token" and not _ask(there, "disabled"):
        raise SweepError(
            f"received {secret.MODE}=token; the Ray at {there} takes anybody, whatever the secret: start "
            f"it with {secret.MODE}=token, or give {secret.MODE}=disabled, where nobody else reaches it"
        )


def _located(address: str) -> str:
    """An address as host:port, also of the cluster that "auto" finds."""
    try:
        there = ray._private.services.canonicalize_bootstrap_address(address)
        if not there or "://" in there or not there.rpartition(":")[2].isdecimal():
            raise ValueError(f"there is no cluster at {address!r}")
        return str(there)
    except (ValueError, ConnectionError, RuntimeError, OSError) as error:
        raise SweepError(f"received --address {address}; {error}; {_EXPECTED}") from None


def _ask(there: str, mode: str) -> str:
    """The answer of a cluster to a process with the secret, or without: its error, or nothing."""
    environment = os.environ | {secret.MODE: mode}
    if mode == "disabled":
        environment.pop(secret.TOKEN, None)
    command = [sys.executable, "-c", _PROBE, "health-check", "--skip-version-check"]
    try:
        done = subprocess.run(
            [*command, "--address", there],
            env=environment,
            capture_output=True,
            text=True,
            timeout=ANSWER_S,
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {ANSWER_S:.0f} s"
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    return "" if done.returncode == 0 else (lines or ["no reason is known"])[-1]


def _check_answer(error: str, there: str, mode: str) -> None:
    """Raise the error of a cluster's answer.

    Raises:
        SweepError: it answered with an error.
    """
    if not error:
        return
    if "AuthenticationError" not in error:
        raise SweepError(f"cannot reach Ray at {there}: {error}; {_EXPECTED}")
    if mode == "token":
        raise SweepError(
            f"the Ray at {there} refuses the secret (token) in {secret.source()}; expected the one that "
            "its head was started with"
        )
    raise SweepError(
        f"received {secret.MODE}=disabled; the Ray at {there} requires a secret (token); set "
        f"{secret.MODE}=token, with the cluster's secret in {secret.TOKEN} or ~/.ray/auth_token"
    )
