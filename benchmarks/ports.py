"""What listens on hosts of a cluster, and what answers a host without the secret: prints a table.

    python -m benchmarks.ports

A head, a worker and a stranger of `benchmarks.hosts`; Ray is started as the cluster files start it, with
the secret, and a sweep trains. The stranger, by HTTP and by gRPC, calls every port that is not on loopback.

| answer | |
|---|---|
| metrics | counters, to anybody |
| health | that it is alive, to anybody, and nothing else without the secret |
| refuses | every call that it knows |
| silent | it speaks another protocol, or calls that are not known here |
"""

import json
import re
import signal
import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import NamedTuple

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.hosts import Host, Network, missing, wait_for
from benchmarks.ray_hosts import Cluster, has_joined

ADDRESSES = ("10.83.0.1", "10.83.0.2", "10.83.0.3")
PORTS = (
    "--object-manager-port=8076 --node-manager-port=8077 --runtime-env-agent-port=8078 "
    "--dashboard-agent-grpc-port=8079 --metrics-export-port=8080 --min-worker-port=10002 "
    "--max-worker-port=10999"
)
"""As in the cluster files."""

CALLS = (
    "/ray.rpc.NodeInfoGcsService/GetAllNodeInfo",
    "/ray.rpc.InternalKVGcsService/InternalKVKeys",
    "/ray.rpc.NodeManagerService/RequestWorkerLease",
    "/ray.rpc.ObjectManagerService/Pull",
    "/ray.rpc.CoreWorkerService/PushTask",
    "/ray.rpc.RayletDriver/ClusterInfo",
    "/ray.rpc.ReporterService/GetTraceback",
    "/ray.rpc.LogService/ListLogs",
)
"""Calls of each of Ray's services."""

HEALTH = "/grpc.health.v1.Health/Check"
_PATHS = ("/", "/metrics", "/api/jobs/", "/api/job_agent/jobs/")
_PATIENCE_S = 10.0


class Port(NamedTuple):
    """A port, where it listens, the process, and what it answers a stranger."""

    host: str
    address: str
    port: int
    process: str
    answer: str


def listening(host: Host, name: str) -> list[Port]:
    """Ports of a host's processes, sshd left out."""
    found = []
    for line in host.run("ss -ltnpH", user="root").stdout.splitlines():
        address, _, port = line.split()[3].rpartition(":")
        process = re.findall(r'\(\("([^"]+)"', line)[0]
        if process != "sshd":
            found.append(Port(name, address, int(port), process, "loopback"))
    return found


def observe() -> list[Port]:
    """Start a cluster that trains, and have the stranger call."""
    with Network(ADDRESSES) as network:
        cluster = Cluster(network, "/mnt/out")
        head, worker, stranger = network.hosts
        stranger.set_environment({})
        own = f"--head --node-ip-address={head.address} --port=6379 --num-cpus=0 {PORTS}"
        cluster.ray(head, f"{own} --dashboard-host=127.0.0.1 --dashboard-port=8265")
        assert wait_for(lambda: has_joined(head), 300), "no head"
        cluster.ray(worker, f"--address={head.address}:6379 --num-cpus=1 {PORTS}")
        assert wait_for(lambda: has_joined(worker), 300), "no worker"
        sweep = "label-flip-plane --replicates 2000 --shard-seconds 5"
        head.start(f"bocnn run {sweep} --address auto --out /mnt/out", cluster.said)
        assert wait_for(lambda: bool(cluster.published()), 300), cluster.said.read_text()
        ports = []
        for host, name in ((head, "head"), (worker, "worker")):
            ports += _answered(stranger, host, listening(host, name))
        return ports


def _answered(stranger: Host, host: Host, ports: list[Port]) -> list[Port]:
    """The ports of a host, with what they answer."""
    open_ports = [port for port in ports if "127.0.0.1" not in port.address]
    words = " ".join(f"{port.port}" for port in open_ports)
    done = stranger.run(f"python -m benchmarks.ports call {host.address} {words}")
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout.splitlines()[-1])
    found = {port.port: port._replace(answer=answers[f"{port.port}"]) for port in open_ports}
    return [found[port.port] if port in open_ports else port for port in ports]


app = typer.Typer(add_completion=False, invoke_without_command=True)


@app.callback()
def main(context: typer.Context) -> None:
    """Print the table."""
    if context.invoked_subcommand is not None:
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the hosts are removed
    if reason := missing():
        sys.exit(reason)
    table = Table(*Port._fields)
    for port in observe():
        table.add_row(*map(str, port))
    Console(width=140).print(table)


@app.command("call", hidden=True)
def call_command(host: str, ports: list[int]) -> None:
    """The stranger: print what ports of a host answer, as JSON."""
    print(json.dumps({port: _answer(host, port) for port in ports}))


def _answer(host: str, port: int) -> str:
    """What a port answers."""
    try:
        socket.create_connection((host, port), _PATIENCE_S).close()
    except OSError as error:
        return f"closed: {error}"
    answers = set(_by_http(host, port)) or set(_by_grpc(host, port))
    return ", ".join(sorted(answers)) or "silent"


def _by_http(host: str, port: int) -> Iterator[str]:
    """What it answers by HTTP; nothing where it does not speak it."""
    for path in _PATHS:
        try:
            with urllib.request.urlopen(f"http://{host}:{port}{path}", timeout=_PATIENCE_S) as said:
                text = said.read(200).decode(errors="replace")
                yield "metrics" if text.startswith("# HELP") else f"{path}: {text[:40]}"
        except urllib.error.HTTPError as error:
            yield "refuses" if error.code in (401, 403) else f"{path}: {error.code}"
        except (OSError, ValueError, urllib.error.URLError):
            return
        except Exception as error:  # http.client's own errors about lines that are no HTTP
            if type(error).__module__ != "http.client":
                raise
            return


def _by_grpc(host: str, port: int) -> Iterator[str]:
    """What it answers by gRPC: calls that it knows."""
    import grpc

    with grpc.insecure_channel(f"{host}:{port}") as channel:
        for name in (*CALLS, HEALTH):
            call = channel.unary_unary(name, request_serializer=bytes, response_deserializer=bytes)
            try:
                call(b"", timeout=_PATIENCE_S)
                yield "health" if name == HEALTH else name
            except grpc.RpcError as error:
                if error.code() == grpc.StatusCode.UNAUTHENTICATED:
                    yield "refuses"
                elif error.code() != grpc.StatusCode.UNIMPLEMENTED:
                    return


if __name__ == "__main__":
    app()
