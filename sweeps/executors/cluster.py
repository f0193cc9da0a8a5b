"""Ray itself: starting or reaching one, its nodes, its cards. What is trained on it is `tune`'s job."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from sweeps.forecast import busy_rate
from sweeps.mistakes import SweepError
from sweeps.plan import Places, Plan
from sweeps.shard import Work, check_here

# Read by Ray when it is imported: no usage reports, none of Tune's three per-trial log writers (half
# of its cost per trial), no snapshot of a state that nobody restores, no change of working
# directory; at most 16 trials wait for a place, which is also what makes a cluster grow.
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
}.items():
    os.environ.setdefault(_name, _value)

import ray  # noqa: E402

GROWTH_S = 1200.0
"""How long a card is waited for: a cluster that grows starts a node and sets it up."""


class Cluster(NamedTuple):
    """Which Ray to use: "local" starts one here, anything else is the address of a running one.

    `gpus` is a trial's share of a GPU, at most 1; with 0 trials see none.
    """

    address: str = "local"
    workers: int | None = None
    gpus: float = 0.0


def count_slots(work: Work, cluster: Cluster) -> int:
    """Trials that Ray can train at once now: one on each CPU, those for cards by their shares of GPUs."""
    resources = ray.cluster_resources()
    cpus = cluster.workers or max(1, int(resources.get("CPU", 1)))
    cards = sum(shard.card for shard in work.shards)
    if not (cards and cluster.gpus):
        return cpus
    shares = int(resources.get("GPU", 0)) * int(1 / cluster.gpus + 1e-9)
    return max(1, min(cpus, shares + len(work.shards) - cards))


def card_rate(plan: Plan, places: Places, cluster: Cluster) -> float:
    """Flops per second of a trial on its share of a GPU, measured on one.

    Args:
        plan: the sweep, without spans.
        places: of runs that a card can train.
        cluster: which Ray to use.
    Raises:
        SweepError: no trial can have that share, or the runs fail there.
    """
    remedy = "take --gpus 0 to train on its CPUs, or an --address of one with GPUs"
    with connected(cluster):
        found = ray.cluster_resources().get("GPU", 0.0)
        if found < cluster.gpus and cluster.address == "local":
            raise SweepError(
                f"received --gpus {cluster.gpus:g}; this machine has {found:g} GPUs; {remedy}"
            )
        measure = ray.remote(num_cpus=1, num_gpus=cluster.gpus)(busy_rate)
        try:
            whole = ray.get(measure.remote(plan, places), timeout=GROWTH_S)
        except ray.exceptions.GetTimeoutError:
            raise SweepError(
                f"received --gpus {cluster.gpus:g}; the cluster at {cluster.address!r} gave no trial "
                f"that share in {GROWTH_S / 60:.0f} minutes and has {found:g} GPUs; {remedy}"
            ) from None
        except ray.exceptions.RayError as error:
            raise SweepError(
                f"a trial's card could not be measured: {getattr(error, 'cause', error)}; mend it, or "
                "take --gpus 0 to train on CPUs"
            ) from None
        return cluster.gpus * float(whole)


def check_nodes(work: Work) -> None:
    """Refuse a cluster of which a node has another package or does not see the output folder.

    Nodes that join later are held to the same by their trials.
    """
    nodes = [node["NodeID"] for node in ray.nodes() if node["Alive"]]
    if len(nodes) < 2:
        return
    check, asked = ray.remote(check_here), []
    for node in nodes:
        there = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(node, soft=False)
        task = check.options(num_cpus=0, max_retries=0, scheduling_strategy=there)
        asked.append(task.remote(work.writer.location, work.session.code))
    for answer in asked:
        try:
            ray.get(answer, timeout=60)
        except ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, SweepError):
                raise SweepError(str(error.cause)) from None
            raise SweepError(
                f"a node of the cluster cannot take part: {error.cause}; install the project on every node"
            ) from None
        except ray.exceptions.RayError:  # a node that went away, or is slow, is seen by its trials
            continue


def _check_secret(address: str) -> None:
    """Refuse a cluster of which nobody has said whether it asks for a secret.

    Whoever reaches a cluster without one can run any code on it.
    """
    if address != "local" and os.environ.get("RAY_AUTH_MODE") not in ("token", "disabled"):
        raise SweepError(
            f"received --address {address} and no RAY_AUTH_MODE; expected RAY_AUTH_MODE=token, with the "
            "cluster's secret in RAY_AUTH_TOKEN or ~/.ray/auth_token; or RAY_AUTH_MODE=disabled, where "
            "nobody else reaches the cluster"
        )


@contextmanager
def connected(cluster: Cluster) -> Iterator[None]:
    """A connection to Ray; a cluster that was started here is ended here."""
    if ray.is_initialized():
        yield
        return
    _check_secret(cluster.address)
    here = {
        "_node_ip_address": "127.0.0.1",
        "include_dashboard": False,
        "num_cpus": cluster.workers,
    }
    try:
        ray.init(
            address=cluster.address,
            logging_level="ERROR",
            log_to_driver=False,
            **(here if cluster.address == "local" else {}),
        )
    except (ValueError, ConnectionError, RuntimeError) as error:
        raise SweepError(
            f"cannot reach Ray at {cluster.address!r}: {error}; expected local, auto or host:port "
            "of a running cluster"
        ) from None
    except Exception as error:  # Ray's own word for a start that took over half a minute
        if "timed out during startup" not in str(error):
            raise
        raise SweepError(
            "Ray did not start within its half minute: this machine is too busy; run the same command "
            "again, or take --executor local"
        ) from None
    try:
        yield
    finally:
        ray.shutdown()
