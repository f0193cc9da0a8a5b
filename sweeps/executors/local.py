"""The plain executor: every shard in this process, one after the other. The oracle and the debugger."""

import traceback
from collections.abc import Callable

from sweeps.shard import Progress, Work, train_shard


def run(work: Work, report: Callable[[Progress], None]) -> dict[int, str]:
    """Train every shard here.

    Args:
        work: the plan and its shards.
        report: called with each shard's progress.
    Returns:
        The traceback of every shard that failed, by its number.
    """
    failures = {}
    for number in range(len(work.shards)):
        try:
            for progress in train_shard(work, number):
                report(progress)
        except Exception:  # a shard's failure, whatever it is, must not stop the others
            failures[number] = traceback.format_exc()
    return failures
