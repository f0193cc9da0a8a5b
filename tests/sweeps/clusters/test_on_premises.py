"""The cluster file for hosts of one's own, filled in."""

import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from ray.autoscaler._private.node_provider_availability_tracker import NodeAvailabilitySummary
from ray.autoscaler._private.resource_demand_scheduler import (
    _default_utilization_scorer,
    get_nodes_for,
)
from ray.autoscaler._private.util import prepare_config, validate_config

ROOT = Path(__file__).parents[3]
HOSTS = ("10.1.0.10", "10.1.0.11", "192.168.3.4")
WORDS = ("--user", "ada", "--key", "key", *HOSTS)


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


def started(config: dict[str, Any], trials: int) -> dict[str, int]:
    """The nodes that Ray's autoscaler starts for trials of one CPU, where there is the head alone."""
    scorer = partial(
        _default_utilization_scorer, node_availability_summary=NodeAvailabilitySummary({})
    )
    types, head = config["available_node_types"], config["head_node_type"]
    most, trial = config["max_workers"], {"CPU": 1}
    nodes, _ = get_nodes_for(
        types, {head: 1}, head, most, [trial] * trials, utilization_scorer=scorer
    )
    return dict(nodes)


def test_hosts_are_started_for_work_alone() -> None:
    text = fill_in(*WORDS).stdout
    done = fill_in(*WORDS, "--idle-minutes", "0.5", "--cpus", "4", "--gpus", "1")
    assert done.returncode == 0, done.stderr
    none = prepare_config(yaml.safe_load(text.replace("min_workers: 2", "min_workers: 0")))
    always, needed = (prepare_config(yaml.safe_load(words)) for words in (text, done.stdout))
    validate_config(needed)
    assert "--include-log-monitor=false" in needed["worker_start_ray_commands"][1]
    assert started(none, 8) == {}  # why node types are stated
    assert [started(needed, trials) for trials in (0, 4, 5, 99)] == [
        {},
        {"worker": 1},
        {"worker": 2},
        {"worker": 2},
    ]
    assert needed["available_node_types"]["worker"]["resources"] == {"CPU": 4, "GPU": 1}
    assert sum(type["min_workers"] for type in needed["available_node_types"].values()) == 0
    join = needed["worker_start_ray_commands"]
    join[1] = join[1].replace(" --include-log-monitor=false", "")
    own = {"setup_commands", "idle_timeout_minutes", "available_node_types"}
    assert {n: v for n, v in always.items() if n not in own} == {
        n: v for n, v in needed.items() if n not in own
    }  # of what Ray fills in nothing is missing


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--cpus", "4"), "expected --idle-minutes and --cpus together"),
        (("--idle-minutes", "5"), "expected --idle-minutes and --cpus together"),
        (("--gpus", "1"), "received --gpus; expected it with --idle-minutes"),
        (("--idle-minutes", "0", "--cpus", "4"), "received --idle-minutes 0 --cpus 4 --gpus 0"),
        (("--idle-minutes", "nan", "--cpus", "4"), "expected 0.1 minutes or more"),
        (("--idle-minutes", "5", "--cpus", "0"), "1 CPU or more"),
        (("--idle-minutes", "5", "--cpus", "4", "--gpus", "-1"), "0 GPUs or more"),
    ],
)
def test_hosts_without_time_or_cpus_are_refused(arguments: tuple[str, ...], said: str) -> None:
    done = fill_in(*WORDS, *arguments)
    assert done.returncode == 2 and not done.stdout
    assert said in done.stderr


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
