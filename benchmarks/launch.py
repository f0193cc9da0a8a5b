"""From a cluster file to figures on hosts that are there, by the commands of docs/how-to/cluster.md.

python -m benchmarks.launch prints what each took. Four hosts of `benchmarks.hosts`: a head and two workers,
and the operator's machine, which has a clone and reaches the others by ssh alone. What differs from the
page: the cluster file is the one that clusters/on_premises.py prints, hosts have no GPUs and so no
`--gpus`, `--yes` answers what `ray` asks, and the sweep is of size smoke. An S3 server runs on the second
worker.
"""

import re
import signal
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.hosts import ROOT, Host, Network, copy_sources, give_to_user, missing, wait_for

PAGE = ROOT / "docs" / "how-to" / "cluster.md"
ADDRESSES = ("10.78.0.1", "10.78.0.2", "10.78.0.3", "10.78.0.9")
S3_PORT = 9000
SWEEP = "label-flip-plane"

_TUNNEL_S = 30.0
_END_S = 120.0
"""Workers' own patience with a head that is gone is a minute."""


class Step(NamedTuple):
    """A command, its exit status, what it took and what it said."""

    command: str
    status: int
    wall_s: float
    said: str


def commands(sweep: str = SWEEP) -> list[str]:
    """The page's commands, from the secret to the end of the cluster."""
    block = re.search(r"From there to figures:\n\n((?: {4}.*\n)+)", PAGE.read_text())
    assert block, f"{PAGE} has no block of commands"
    text = (
        re.sub(r" +#.*", "", block[1])
        .replace("cluster.yaml", "hosts.yaml")
        .replace(" --gpus 1", "")
    )
    text = re.sub(r"\bray (up|down) ", r"ray \1 --yes ", text)
    text = text.replace(f"bocnn run {SWEEP} ", f"bocnn run {sweep} --size smoke ")
    return [line.strip() for line in text.splitlines()]


def furnish(network: Network) -> Host:
    """Make the last host the operator's machine, and start the object store; returns the operator's."""
    *_, last, operator = network.hosts
    environment = {
        "AWS_ENDPOINT_URL": f"http://{last.address}:{S3_PORT}",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    for host in network.hosts:
        host.set_environment(environment)
    furnish_operator(network)
    start_store(last)
    return operator


def furnish_operator(network: Network) -> Host:
    """Give the last host a clone and the key to the others; returns it."""
    operator = network.hosts[-1]
    copy_sources(operator)
    keys = operator.folder / "home" / ".ssh"
    keys.mkdir(mode=0o700)
    (keys / "bocnn").write_bytes(network.key.read_bytes())
    (keys / "bocnn").chmod(0o600)
    give_to_user(keys)
    return operator


def start_store(host: Host) -> None:
    """Start moto's S3 server on a host, with a bucket."""
    serve = f"from moto.server import main; main(['-H', '{host.address}', '-p', '{S3_PORT}'])"
    host.start(f'python -c "{serve}"', host.folder / "store.txt")
    make = (
        "from pyarrow import fs; uri = 's3://my-bucket?allow_bucket_creation=true'; "
        "fs.FileSystem.from_uri(uri)[0].create_dir('my-bucket')"
    )
    assert wait_for(lambda: host.run(f'python -c "{make}"').returncode == 0, 60), "no object store"


def fill_in(operator: Host, addresses: tuple[str, ...], options: str = "") -> Step:
    """Write the cluster file on the operator's machine."""
    words = " ".join(["--user sweeps --key ~/.ssh/bocnn", *options.split(), *addresses])
    return take(operator, f"python3 clusters/on_premises.py {words} > hosts.yaml")


def take(host: Host, command: str) -> Step:
    """Run a command as the operator."""
    start = time.perf_counter()
    done = host.run(f"export RAY_AUTH_MODE=token; {command}")
    return Step(command, done.returncode, time.perf_counter() - start, done.stdout + done.stderr)


def open_tunnel(operator: Host, command: str) -> Step:
    """Leave the tunnel open, and wait until something answers at its end."""
    start, said = time.perf_counter(), operator.folder / "tunnel.txt"
    operator.start(f"export RAY_AUTH_MODE=token; {command}", said)
    probe = "exec 3<>/dev/tcp/localhost/8265"
    answers = wait_for(lambda: operator.run(probe, user="root").returncode == 0, _TUNNEL_S)
    return Step(command, 0 if answers else 1, time.perf_counter() - start, said.read_text())


def await_end(network: Network) -> Step:
    """Wait until no host has a process of Ray's."""
    start = time.perf_counter()
    command = "pgrep --full '[g]cs_server|[r]aylet/raylet'"
    ended = wait_for(lambda: all(h.run(command).returncode for h in network.hosts), _END_S)
    return Step("(no Ray is left on any host)", 0 if ended else 1, time.perf_counter() - start, "")


def launch(network: Network, sweep: str = SWEEP) -> Iterator[Step]:
    """All steps, one after the other.

    Args:
        network: three hosts and the operator's, booted.
        sweep: a shipped sweep.
    """
    operator = furnish(network)
    yield fill_in(operator, ADDRESSES[:3])
    up, tunnel, submit, report, down = commands(sweep)
    yield take(operator, up)
    yield open_tunnel(operator, tunnel)
    yield take(operator, submit)
    yield take(operator, f"mkdir mine && bocnn show {sweep} > mine/own.yaml")
    own = submit.replace(" -- ", " --working-dir mine -- ").replace("s3://my-bucket", "/mnt")
    yield take(operator, own.replace(f"bocnn run {sweep} ", "bocnn run own.yaml "))
    yield take(operator, report)
    yield take(operator, f"bocnn diff s3://my-bucket/{SWEEP} /mnt/{SWEEP}")
    yield take(operator, f"bocnn status s3://my-bucket/{SWEEP}")
    yield take(operator, down)
    yield await_end(network)


def shown(steps: list[Step]) -> Table:
    """The steps as a table."""
    table = Table("command", "exit status", "s")
    for step in steps:
        table.add_row(step.command, str(step.status), f"{step.wall_s:.1f}")
    return table


def main(sweep: str = SWEEP) -> None:
    """Launch, train, report and end; exit status 1 where a command failed."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the hosts are removed
    if reason := missing():
        sys.exit(reason)
    steps = []
    with Network(ADDRESSES) as network:
        for step in launch(network, sweep):
            print(f"--- {step.command}\n{step.said}", flush=True)
            steps.append(step)
            if step.status:
                break
    Console(width=140).print(shown(steps))
    raise typer.Exit(int(any(step.status for step in steps)))


if __name__ == "__main__":
    typer.run(main)
