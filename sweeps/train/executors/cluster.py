"""Resources of a Ray cluster: nodes, slots, GPUs. Training on it is `tune`'s job."""

from sweeps.errors import SweepError
from sweeps.models.protocol import UsesGpu
from sweeps.plan.forecast import saturated_throughput
from sweeps.plan.plan import Plan
from sweeps.plan.shard import Positions
from sweeps.train.executors.connection import Cluster, connected
from sweeps.train.shard import TrainingJob, check_here
from sweeps.train.stop import StopSignal

# isort: split
import ray  # sweeps.train.executors.connection has set what Ray reads when it is imported

GROWTH_S = 1200.0
"""How long a GPU is waited for: a cluster that grows starts a node and sets it up."""
BUSY_S = 120.0
"""How long one is waited for that is there and that nobody has stated."""


def count_slots(job: TrainingJob, cluster: Cluster) -> int:
    """Trials that Ray can train at once now: one on each CPU, those for GPUs by their shares of GPUs.

    Args:
        job: whose shards are trained.
        cluster: workers, and a trial's share of a GPU.
    Returns:
        At least 1.
    """
    resources = ray.cluster_resources()
    cpus = cluster.workers or max(1, int(resources.get("CPU", 1)))
    gpu_shards = sum(shard.gpu for shard in job.shards)
    if not (gpu_shards and cluster.gpus):
        return cpus
    shares = int(resources.get("GPU", 0)) * int(1 / cluster.gpus + 1e-9)
    return max(1, min(cpus, shares + len(job.shards) - gpu_shards))


def gpu_count() -> float:
    """GPUs of the cluster, as it is now."""
    return float(ray.cluster_resources().get("GPU", 0.0))


def gpu_throughput(
    plan: Plan,
    positions: Positions,
    *,
    cluster: Cluster,
    stop_signal: StopSignal | None = None,
    stated: bool = True,
) -> float:
    """Flops per second of a trial on its share of a GPU, measured on one.

    Args:
        plan: the sweep, without spans.
        positions: of runs that a GPU can train.
        cluster: which Ray to use.
        stop_signal: ends it before its time.
        stated: whether somebody stated the share; if not, the model must see the GPU, and one that is busy
            is not waited for long.
    Raises:
        SweepError: no trial can have that share, or the runs fail there.
        Stopped: a signal came meanwhile.
    """
    stop_signal = stop_signal or StopSignal()
    remedy = "take --gpus 0 to train on its CPUs, or an --address of one with GPUs"
    with connected(cluster, stop_signal), stop_signal.interruptible():
        found, patience = gpu_count(), GROWTH_S if stated else BUSY_S
        if found < cluster.gpus and cluster.address == "local":
            raise SweepError(
                f"received --gpus {cluster.gpus:g}; this machine has {found:g} GPUs; {remedy}"
            )
        measure = ray.remote(num_cpus=1, num_gpus=cluster.gpus)(_throughput)
        try:
            whole = ray.get(measure.remote(plan, positions, stated), timeout=patience)
        except ray.exceptions.GetTimeoutError:
            raise SweepError(
                f"received --gpus {cluster.gpus:g}; the cluster at {cluster.address!r} gave no trial "
                f"that share in {patience / 60:.0f} minutes and has {found:g} GPUs; {remedy}"
            ) from None
        except ray.exceptions.RayError as error:
            raise SweepError(
                f"a trial's GPU could not be measured: {getattr(error, 'cause', error)}; repair it, or "
                "take --gpus 0 to train on CPUs"
            ) from None
        return cluster.gpus * float(whole)


def _throughput(plan: Plan, positions: Positions, stated: bool) -> float:
    """As `saturated_throughput`, in a worker.

    Raises:
        SweepError: nobody stated a GPU, and the model cannot use the worker's.
    """
    if not stated and isinstance(plan.model, UsesGpu):
        count, reason = plan.model.gpus_here()
        if not count:
            raise SweepError(reason or "the worker sees no GPU")
    return saturated_throughput(plan, positions)


def check_nodes(job: TrainingJob) -> None:
    """Refuse a cluster of which a node has another package or does not see the output folder.

    Nodes that join later are checked in the same way by their trials.
    """
    nodes = [node["NodeID"] for node in ray.nodes() if node["Alive"]]
    if len(nodes) < 2:
        return
    check, answers = ray.remote(check_here), []
    for node in nodes:
        there = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(node, soft=False)
        task = check.options(num_cpus=0, max_retries=0, scheduling_strategy=there)
        answers.append(task.remote(job.writer.location, job.session.code))
    for answer in answers:
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
