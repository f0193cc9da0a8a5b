"""Fills clusters/on-premises.yaml in for hosts that are there, with the standard library alone.

python3 clusters/on_premises.py --user ada --key ~/.ssh/id_ed25519 10.1.0.10 10.1.0.11 > hosts.yaml

The first address is the head's, on which no trials run; the others are workers'. Addresses, and no names:
Ray compares them with those of the nodes that have joined.

With --idle-minutes 10 --cpus 8, workers are hosts that others use too: Ray is started there when there is
work for it, and ended when a host has been idle for so long. Until a host has joined, Ray believes that
it has --cpus and --gpus.
"""

import argparse
import ipaddress
import math
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

TEMPLATE = Path(__file__).parent / "on-premises.yaml"
_WORD = re.compile(r"[\w./~@+-]+")

_ALWAYS = (
    r"# All hosts, always[^\n]*\nmin_workers: (\d+)\nmax_workers: \d+\nidle_timeout_minutes: \d+\n"
)
_WHILE_NEEDED = """\
# Hosts while there is work, none when it is done. Ray takes a host that has not joined for one without
# CPUs, and so starts none, unless a file states what hosts have; it fills such a file in no further.
max_workers: {workers}
idle_timeout_minutes: {minutes:.2f}
available_node_types:
  local.cluster.node: {{node_config: {{}}, resources: {{CPU: 0}}, min_workers: 0, max_workers: 0}}
  worker:
    node_config: {{}}
    resources: {{CPU: {cpus}, GPU: {gpus}}}
    min_workers: 0
    max_workers: {workers}
head_node_type: local.cluster.node
upscaling_speed: 1.0
docker: {{}}
initialization_commands: []
cluster_synced_files: []
file_mounts_sync_continuously: false
rsync_filter: []
"""


_JOIN = "ray start --address="
_JOIN_WITHOUT_MONITOR = "ray start --include-log-monitor=false --address="
"""Ray leaves its log monitor running on a host that it ends; nobody reads a worker's output there."""


class Idle(NamedTuple):
    """When a host is left, and what one has: minutes without work, CPUs, GPUs."""

    minutes: float
    cpus: int
    gpus: int = 0


def filled_in(text: str, addresses: Sequence[str], *, user: str, key: str) -> str:
    """A cluster file for some hosts.

    Args:
        text: that of clusters/on-premises.yaml.
        addresses: of the head and of one worker or more.
        user: who may log in on every host.
        key: file with the private key for that.
    Raises:
        ValueError: an argument cannot be written there, or the text has not the lines that are filled in.
    """
    head, *workers = map(_checked_address, addresses)
    if not workers or len({head, *workers}) <= len(workers):
        raise ValueError(
            f"received {', '.join(addresses)}; expected the head's address and those of one worker or "
            "more, each once"
        )
    for word in (user, key):
        if not _WORD.fullmatch(word):
            raise ValueError(f"received {word!r}; expected letters, digits and ./~@+-_ alone")
    lines = {
        r"head_ip: \S+": f"head_ip: {head}",
        r"worker_ips: \[.*?\]": f"worker_ips: [{', '.join(workers)}]",
        r"ssh_user: \S+": f"ssh_user: {user}",
        r"ssh_private_key: \S+": f"ssh_private_key: {key}",
        r"min_workers: \d+": f"min_workers: {len(workers)}",
        r"max_workers: \d+": f"max_workers: {len(workers)}",
        r"--node-ip-address=\S+": f"--node-ip-address={head}",
    }
    for old, new in lines.items():
        text, found = re.subn(f"{old}(?: # EDIT[^\n]*)?", new, text)
        if found != 1:
            raise ValueError(f"the file has {found} lines like {old!r}; expected one")
    return text.replace(" EDIT the addresses.", "")


def while_needed(text: str, idle: Idle) -> str:
    """A cluster file whose workers are started for work, and left when they are idle.

    Args:
        text: a file that is filled in.
        idle: when a host is left, and what one has.
    Raises:
        ValueError: too short a time or no CPU, or the text has not the lines that are replaced.
    """
    if not (0.1 <= idle.minutes < math.inf and idle.cpus >= 1 and idle.gpus >= 0):
        raise ValueError(
            f"received --idle-minutes {idle.minutes:g} --cpus {idle.cpus} --gpus {idle.gpus}; expected "
            "0.1 minutes or more, 1 CPU or more, 0 GPUs or more"
        )
    always, set_up = re.search(_ALWAYS, text), "\nsetup_commands:\n"
    if always is None or text.count(set_up) != 1 or text.count(_JOIN) != 1:
        raise ValueError(
            "the file has not the lines for hosts that are always there; expected them"
        )
    types = _WHILE_NEEDED.format(workers=always[1], **idle._asdict())
    text = text.replace(always[0], types).replace(set_up, "\nhead_setup_commands: &set-up\n")
    return f"{text.replace(_JOIN, _JOIN_WITHOUT_MONITOR)}worker_setup_commands: *set-up\n"


def _checked_address(address: str) -> str:
    """An address of a private network, in which alone Ray's ports may be reached.

    Raises:
        ValueError: it is something else.
    """
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        raise ValueError(
            f"received {address!r}; expected an address such as 10.1.0.10, no name"
        ) from None
    if not found.is_private or found.is_loopback:
        raise ValueError(f"received {address}; expected an address of a private network")
    return str(found)


def main() -> None:
    """Print the file; exit with 2 where an argument is refused."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "addresses", nargs="+", metavar="ADDRESS", help="the head's, then the workers'"
    )
    parser.add_argument("--user", required=True, help="who may log in on every host")
    parser.add_argument("--key", required=True, help="file with the private key for that")
    parser.add_argument(
        "--idle-minutes", type=float, help="leave a host without work; needs --cpus"
    )
    parser.add_argument("--cpus", type=int, help="of a worker, with --idle-minutes")
    parser.add_argument("--gpus", type=int, help="of a worker, with --idle-minutes; 0 if not given")
    given = parser.parse_args()
    if (given.idle_minutes is None) != (given.cpus is None):
        parser.error("expected --idle-minutes and --cpus together, or neither")
    if given.gpus is not None and given.cpus is None:
        parser.error("received --gpus; expected it with --idle-minutes and --cpus alone")
    try:
        text = filled_in(TEMPLATE.read_text(), given.addresses, user=given.user, key=given.key)
        if given.cpus is not None:
            text = while_needed(text, Idle(given.idle_minutes, given.cpus, given.gpus or 0))
    except ValueError as error:
        parser.error(str(error))
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
