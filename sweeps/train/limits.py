"""Limits of this process on its machine, where less makes libraries wait for ever instead of fail.

OpenBLAS, and Ray's processes, try without end to get memory that a limit on the address space (`ulimit -v`,
set by some batch systems) keeps from them.
"""

import os
import resource

from sweeps.errors import SweepError

_BASE_BYTES, _CORE_BYTES = 1.5e9, 0.1e9
"""Address space to train in: 0.9 GB were enough on two cores, and each core adds buffers of OpenBLAS."""

_RAY_BYTES, _OBJECT_STORE_SHARE = 4e9, 0.3
"""Address space of a driver of Ray beside its object store, which is a share of the machine's memory."""


def machine_memory() -> float:
    """Bytes of memory of this machine."""
    return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))


def local_workers(run_bytes: float) -> int:
    """Runs that this process may train at once: one a core, as many as fit into half of the memory."""
    cores = len(os.sched_getaffinity(0))
    return max(min(cores, int(machine_memory() / 2 / max(run_bytes, 1.0))), 1)


def needed_address_space(starts_ray: bool) -> float:
    """Bytes of address space without which a process may wait for ever."""
    needed = _BASE_BYTES + _CORE_BYTES * (os.cpu_count() or 1)
    return needed + starts_ray * (_RAY_BYTES + _OBJECT_STORE_SHARE * machine_memory())


def check_address_space(starts_ray: bool) -> None:
    """Refuse to train where the address space is limited to less than that takes.

    Args:
        starts_ray: whether Ray is started on this machine.
    Raises:
        SweepError: gives both figures.
    """
    limit, needed = resource.getrlimit(resource.RLIMIT_AS)[0], needed_address_space(starts_ray)
    if limit == resource.RLIM_INFINITY or limit >= needed:
        return
    remedy = "raise the limit (ulimit -v unlimited)"
    raise SweepError(
        f"this process may use {limit / 1e9:.1f} GB of address space (ulimit -v) and needs "
        f"{needed / 1e9:.1f} GB {'with Ray' if starts_ray else 'to train'}; {remedy}"
        f"{', or take --executor local' if starts_ray else ''}"
    )
