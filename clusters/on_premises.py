"""Fills clusters/on-premises.yaml in for hosts that are there, with the standard library alone.

python3 clusters/on_premises.py --user ada --key ~/.ssh/id_ed25519 10.1.0.10 10.1.0.11 > hosts.yaml

The first address is the head's, on which no trials run; the others are workers'. Addresses, and no names:
Ray compares them with those of the nodes that have joined.
"""

import argparse
import ipaddress
import re
import sys
from collections.abc import Sequence
from pathlib import Path

TEMPLATE = Path(__file__).parent / "on-premises.yaml"
_WORD = re.compile(r"[\w./~@+-]+")


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
    given = parser.parse_args()
    try:
        text = filled_in(TEMPLATE.read_text(), given.addresses, user=given.user, key=given.key)
    except ValueError as error:
        parser.error(str(error))
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
