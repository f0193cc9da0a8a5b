"""On what a process computes: processor, instruction set and BLAS, which decide a run's last digits.

numba compiles for the instruction set that LLVM sees or that its environment names, and BLAS chooses its
kernels by the processor, so that the same run differs in rounding from one kind of machine to another.
"""

import os
import platform
from functools import cache
from hashlib import blake2b
from pathlib import Path

from threadpoolctl import threadpool_info

_EXTENSIONS = ("avx512f", "avx2", "avx", "fma", "sse4.2", "neon", "sve")
"""Vector extensions that a person knows; all others are in the digest."""


def stated() -> dict[str, str]:
    """As a file's metadata states it; to be taken after a training, when all libraries are loaded."""
    return {"processor": processor(), "instruction_set": instruction_set(), "blas": _blas()}


@cache
def processor() -> str:
    """The processor's model."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return next(filter(None, names), platform.processor() or platform.machine())


def instruction_set() -> str:
    """Target that numba compiles for: the processor's name for LLVM, vector extensions, a digest of all."""
    name = os.environ.get("NUMBA_CPU_NAME") or _host()[0]
    features = os.environ.get("NUMBA_CPU_FEATURES")
    if features is None:
        features = "" if name.lower() == "generic" else _host()[1]
    given = features.split(",")
    known = [word for word in _EXTENSIONS if f"+{word}" in given]
    digest = blake2b(",".join(sorted(given)).encode(), digest_size=4).hexdigest()
    return f"{name} ({' '.join([*known, digest])})"


@cache
def _host() -> tuple[str, str]:
    """Name and features of this machine's processor, as LLVM sees them."""
    from llvmlite import binding  # a second's tenth, which only what trains is to pay

    return binding.get_host_cpu_name(), binding.get_host_cpu_features().flatten()


def _blas() -> str:
    """The BLAS libraries of this process, by the kernels that they chose.

    OpenBLAS and BLIS say for which processor these are, others give their version. Which of two copies,
    NumPy's and SciPy's, is loaded so far makes no difference: their versions are stated apart.
    """
    found = {
        f"{library['internal_api']} {library.get('architecture') or library['version'] or ''}".strip()
        for library in threadpool_info()
        if library["user_api"] == "blas"
    }
    return ", ".join(sorted(found)) or "none"
