"""clusters/slurm.sh on a Slurm of three nodes, Debian's own (slurm-wlm); by `make cluster-test`."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.hosts import Host, Network, copy_sources, missing, wait_for

SCRIPT = Path(__file__).parents[3] / "clusters" / "slurm.sh"
ADDRESSES = ("10.77.1.1", "10.77.1.2", "10.77.1.3")
CONFIGURATION = """\
ClusterName=test
SlurmctldHost={head.name}({head.address})
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
StateSaveLocation=/run/slurmctld
SlurmdSpoolDir=/run/slurmd
SlurmctldPidFile=/run/slurmctld.pid
SlurmdPidFile=/run/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
{nodes}PartitionName=all Nodes=ALL Default=YES State=UP
"""
START = (
    "mount -t tmpfs tmpfs /sys/fs/cgroup; mkdir -p /run/munge /run/slurmctld /run/slurmd; "
    "export SLURM_CONF={folder}/slurm.conf; munged --force --key-file={folder}/munge.key "
    "--socket=/run/munge/munge.socket.2 --pid-file=/run/munge/pid --seed-file=/run/munge/seed "
    "--log-file=/run/munge/log; {controller} slurmd -L /run/slurmd.log"
)
SWEEP = "label-flip-plane --replicates 4 --shard-seconds 1 --out /mnt/rows"


def refused(arguments: list[str], environment: dict[str, str]) -> str:
    """What the script says where it starts nothing."""
    done = subprocess.run(
        ["bash", str(SCRIPT), *arguments],
        capture_output=True,
        text=True,
        env=os.environ | environment,
    )
    assert done.returncode == 2 and not done.stdout
    return done.stderr


def test_without_ray_or_a_sweep_nothing_is_started(tmp_path: Path) -> None:
    assert "expected Ray in" in refused(["sweep"], {"BOCNN_BIN": str(tmp_path)})
    (tmp_path / "ray").touch(mode=0o755)
    assert "expected a sweep and --out" in refused([], {"BOCNN_BIN": str(tmp_path)})


def test_ray_start_has_every_option() -> None:
    from ray.scripts.scripts import start

    known = {option for parameter in start.params for option in parameter.opts}
    text = SCRIPT.read_text()
    lines = [line for line in text.splitlines() if "ray start --" in line or "run_on " in line]
    options = {word for line in lines for word in re.findall(r"(--[\w-]+)=?", line)}
    assert {"--head", "--block", "--address", "--num-cpus"} <= options <= known


@pytest.fixture
def head() -> Iterator[Host]:
    """The node that takes jobs."""
    lacking = [name for name in ("slurmctld", "slurmd", "munged") if shutil.which(name) is None]
    if reason := missing() or (lacking and "needs slurm-wlm (apt-get install slurm-wlm)"):
        pytest.skip(str(reason))
    with Network(ADDRESSES) as network:
        first = network.hosts[0]
        nodes = "".join(
            f"NodeName={host.name} NodeAddr={host.address} CPUs=2\n" for host in network.hosts
        )
        text = CONFIGURATION.format(head=first, nodes=nodes)
        (network.folder / "slurm.conf").write_text(text)
        (network.folder / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\n")
        (network.folder / "munge.key").write_bytes(os.urandom(64))
        (network.folder / "munge.key").chmod(0o600)
        for host in network.hosts:
            copy_sources(host)
            host.set_environment({"SLURM_CONF": f"{network.folder}/slurm.conf"})
            controller = "slurmctld -L /run/slurmctld.log;" if host is first else ""
            host.run(START.format(folder=network.folder, controller=controller), user="root")
        assert wait_for(lambda: "idle" in first.run("timeout 5 sinfo").stdout, 60)
        yield first


def submit(head: Host) -> str:
    """Hand in the sweep; the job's number."""
    done = head.run(f"sbatch --cpus-per-task=2 clusters/slurm.sh {SWEEP}")
    assert done.returncode == 0, done.stderr
    return done.stdout.split()[-1]


def ended(head: Host, job: str) -> str:
    """Wait for the end of a job; how it ended, and what it said."""
    state = f"scontrol show job {job}"
    wait_for(lambda: "JobState=RUNNING" not in head.run(f"sleep 1; {state}").stdout, 400)
    return head.run(f"{state} | grep -E 'JobState|ExitCode'; cat slurm-{job}.out").stdout


@pytest.mark.slow
@pytest.mark.cluster
@pytest.mark.launch
@pytest.mark.timeout(1200)
def test_a_job_that_is_out_of_time_goes_on_in_the_next(head: Host) -> None:
    first = submit(head)
    some = "ls /mnt/rows/shard-*"
    assert wait_for(lambda: head.run(f"sleep 1; {some}").returncode == 0, 400), ended(head, first)
    head.run(f"scancel --batch --signal=TERM {first}")  # what Slurm does two minutes before the end
    said = ended(head, first)
    assert "ExitCode=143:0" in said, said
    assert "complete" not in head.run("bocnn status /mnt/rows").stdout.split("incomplete")[0]
    published = head.run(f"{some} | sort").stdout.split()
    said = ended(head, submit(head))
    assert "ExitCode=0:0" in said, said
    assert "2,808 of 2,808 runs published" in said
    assert set(published) <= set(head.run(some).stdout.split())
    for host in ("0", "1", "2"):
        name = re.sub(r"\d$", host, head.name)
        left = head.run(f"srun --nodelist={name} sh -c 'ls -d /tmp/bocnn-* || pgrep raylet'")
        assert not left.stdout, left.stdout
