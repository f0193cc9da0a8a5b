"""The plain executor: every shard in this process, one after the other. The oracle and the debugger."""

import traceback
from collections.abc import Callable

from sweeps.brake import Brake
from sweeps.shard import Progress, Work, keep_failure, train_shard


def run(
    work: Work, report: Callable[[Progress], None], brake: Brake | None = None
) -> dict[int, str]:
    """Train every shard here.

    Args:
        work: the plan and its shards.
        report: called with each shard's progress.
        brake: ends it before its time.
    Returns:
        The traceback of every shard that failed, by its number.
    """
    failures = {}
    brake = brake or Brake()
    for number in range(len(work.shards)):
        if brake.holds:
            break
        try:
            for progress in train_shard(work, number):
                report(progress)
                if brake.signal is not None:
                    break
        except Exception:  # a shard's failure, whatever it is, must not stop the others
            failures[number] = traceback.format_exc()
            keep_failure(work, number, failures[number])
            report(Progress(number, 0, {}, 0.0, False, setback="failed"))
    return failures
