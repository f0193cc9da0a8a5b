"""The cluster file for hosts of one's own, filled in."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[3]
HOSTS = ("10.1.0.10", "10.1.0.11", "192.168.3.4")


def fill_in(*arguments: str) -> subprocess.CompletedProcess[str]:
    """What the tool prints."""
    command = [sys.executable, "-I", str(ROOT / "clusters" / "on_premises.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def test_the_file_is_filled_in_and_otherwise_as_it_was() -> None:
    done = fill_in("--user", "ada", "--key", "~/.ssh/id_ed25519", *HOSTS)
    assert done.returncode == 0, done.stderr
    assert "EDIT" not in done.stdout
    found = yaml.safe_load(done.stdout)
    expected = yaml.safe_load((ROOT / "clusters" / "on-premises.yaml").read_text())
    assert found["provider"] == {"type": "local", "head_ip": HOSTS[0], "worker_ips": [*HOSTS[1:]]}
    assert found["auth"] == {"ssh_user": "ada", "ssh_private_key": "~/.ssh/id_ed25519"}
    assert found["min_workers"] == found["max_workers"] == 2
    assert f"--node-ip-address={HOSTS[0]} " in found["head_start_ray_commands"][1]
    filled = {"provider", "auth", "min_workers", "max_workers", "head_start_ray_commands"}
    assert {n: v for n, v in found.items() if n not in filled} == {
        n: v for n, v in expected.items() if n not in filled
    }


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("10.1.0.10",), "expected the head's address and those of one worker or more"),
        (("10.1.0.10", "10.1.0.10"), "each once"),
        (("10.1.0.10", "node1"), "received 'node1'; expected an address such as 10.1.0.10"),
        (("10.1.0.10", "8.8.8.8"), "received 8.8.8.8; expected an address of a private network"),
        (
            ("10.1.0.10", "127.0.0.1"),
            "received 127.0.0.1; expected an address of a private network",
        ),
    ],
)
def test_what_cannot_be_a_cluster_is_refused(arguments: tuple[str, ...], said: str) -> None:
    done = fill_in("--user", "ada", "--key", "key", *arguments)
    assert done.returncode == 2 and not done.stdout
    assert said in done.stderr


def test_a_word_that_yaml_would_read_otherwise_is_refused() -> None:
    done = fill_in("--user", "ada # eve", "--key", "key", *HOSTS)
    assert done.returncode == 2 and not done.stdout
    assert "received 'ada # eve'; expected letters, digits" in done.stderr
