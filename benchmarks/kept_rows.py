"""Rows of a long table that are kept in a file as they are done, so that a stop loses none of them."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

Job = TypeVar("Job")


def rows_of(
    jobs: Sequence[Job],
    make: Callable[[Job, int], Any],
    *,
    sweeps: int,
    kept: Path | None,
    workers: int,
) -> Iterator[tuple[Job, Any]]:
    """Each job with what was made of it, in the order of the jobs.

    Args:
        jobs: told apart by their representations.
        make: of a job and its number of sweeps, in another process; gives what JSON can hold.
        sweeps: that each row simulates.
        kept: what is in this file is not made again, and what is made is added to it; None keeps nothing.
        workers: processes.
    """
    known = _read(kept)
    # One thread each: small matrices gain nothing from two, and lose much on a busy machine.
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    with ProcessPoolExecutor(workers) as pool:
        names = [f"{sweeps} sweeps of {job!r}" for job in jobs]
        made = {
            name: pool.submit(make, job, sweeps)
            for name, job in zip(names, jobs, strict=True)
            if name not in known
        }
        for name, job in zip(names, jobs, strict=True):
            if name in made:
                known[name] = made[name].result()
                _add(kept, name, known[name])
            yield job, known[name]


def _read(kept: Path | None) -> dict[str, Any]:
    if kept is None or not kept.exists():
        return {}
    return dict(json.loads(line) for line in kept.read_text(encoding="utf-8").splitlines())


def _add(kept: Path | None, name: str, row: Any) -> None:
    if kept is not None:
        with kept.open("a", encoding="utf-8") as file:
            file.write(json.dumps([name, row]) + "\n")
