"""The Ray Tune executor: one trial a shard, on reused actors. The only file that knows Ray.

Tune schedules, retries and reports; it is not the ledger. Workers publish their rows themselves, and
what is published is done, so a sweep that was killed goes on with the same command.
"""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from sweeps.mistakes import SweepError
from sweeps.shard import Progress, Work, train_shard

# Read by Ray when it is imported: no usage reports, none of Tune's three per-trial log writers (half
# of its cost per trial), no snapshot of a state that nobody restores, no change of working directory.
for _name, _value in {
    "RAY_USAGE_STATS_ENABLED": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "3600",
    "TUNE_MAX_PENDING_TRIALS_PG": "16",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
}.items():
    os.environ.setdefault(_name, _value)

import ray  # noqa: E402
from ray import tune  # noqa: E402

_RETRIES = 3


class Cluster(NamedTuple):
    """Which Ray to use: "local" starts one here, anything else is the address of a running one."""

    address: str = "local"
    workers: int | None = None


class _ShardTrial(tune.Trainable):
    """A trial trains one shard, a step is half a second of it."""

    def setup(self, config: dict[str, Any], work: Work | None = None) -> None:
        """Take the sweep's work, which comes once per actor, and begin the shard."""
        assert work is not None
        self._work = work
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Begin another shard in the same actor: nothing is kept of the last."""
        self._shard: Iterator[Progress] = train_shard(self._work, new_config["shard"])
        return True

    def step(self) -> dict[str, Any]:
        """Train for half a second and report."""
        progress = next(self._shard)
        rate = progress.runs / max(progress.wall_s, 1e-9)
        return {**progress._asdict(), "runs_per_s": rate, "done": progress.published}


class _Report(tune.Callback):
    """Hands trials' results to the driver's report. It pickles as nothing, for Tune's snapshots."""

    def __init__(self, report: Callable[[Progress], None] | None) -> None:
        self._report = report

    def __reduce__(self) -> tuple[Any, ...]:
        return _Report, (None,)

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        """Report one step of one trial."""
        if self._report:
            self._report(Progress(**{field: result[field] for field in Progress._fields}))


def run(work: Work, report: Callable[[Progress], None], cluster: Cluster) -> dict[int, str]:
    """Train every shard as a trial of Ray Tune.

    Args:
        work: the plan and its shards.
        report: called in this process with each shard's progress.
        cluster: which Ray to use.
    Returns:
        The error of every shard that failed after its retries, by its number.
    """
    with _ray(cluster), tempfile.TemporaryDirectory(prefix="bocnn-tune-") as scratch:
        slots = cluster.workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
        work = work._replace(session=work.session._replace(slots=slots))
        trainable = tune.with_resources(tune.with_parameters(_ShardTrial, work=work), {"cpu": 1})
        tuner = tune.Tuner(
            trainable,
            param_space={"shard": tune.grid_search(list(range(len(work.shards))))},
            tune_config=tune.TuneConfig(reuse_actors=True, max_concurrent_trials=cluster.workers),
            run_config=tune.RunConfig(
                storage_path=scratch,
                verbose=0,
                callbacks=[_Report(report)],
                failure_config=tune.FailureConfig(max_failures=_RETRIES),
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            ),
        )
        results = tuner.fit()
        return {
            int((result.config or {})["shard"]): str(result.error)
            for result in results
            if result.error is not None
        }


@contextmanager
def _ray(cluster: Cluster) -> Iterator[None]:
    """A connection to Ray; a cluster that was started here is ended here."""
    if ray.is_initialized():
        yield
        return
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
    try:
        yield
    finally:
        ray.shutdown()
