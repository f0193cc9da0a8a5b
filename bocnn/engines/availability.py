"""Whether this process has a GPU. Imports neither torch nor Triton by itself."""

import ctypes
import logging
import os
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

_logger = logging.getLogger(__name__)


class Gpus(NamedTuple):
    """How many GPUs this process may use; where there are none, why those of the machine are not used."""

    number: int
    reason: str = ""


def gpu_device() -> str | None:
    """The torch device of the GPU that this process may use, None where there is none.

    `CUDA_VISIBLE_DEVICES` set to nothing keeps a process on the CPU, as for any program. A GPU that cannot
    be used is named in a warning, once.
    """
    found = gpus_here()
    if found.reason:
        _warn(found.reason)
    return "cuda" if found.number else None


def gpus_here() -> Gpus:
    """The GPUs that this process may use; torch is imported where there is a driver alone."""
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES", "all").strip() in ("", "-1")
    return Gpus(0) if hidden or not _has_driver() else _found()


@cache
def _found() -> Gpus:
    """The GPUs of a machine with a driver."""
    if find_spec("torch") is None or find_spec("triton") is None:
        return _unused("for want of torch and Triton: pip install 'bocnn[gpu]'")
    import torch

    if torch.cuda.is_available():
        return Gpus(torch.cuda.device_count())
    return _unused("torch cannot use it: its build and the driver do not fit together")


def _unused(reason: str) -> Gpus:
    """Without a GPU there is nothing to be said: a driver may be there without one."""
    return Gpus(0, reason if _has_node() else "")


@cache
def _warn(reason: str) -> None:
    _logger.warning("warning: a GPU is not used: %s", reason)


def _has_node() -> bool:
    """Whether the machine shows a GPU: of NVIDIA's, or that of Windows around it."""
    return any(Path("/dev").glob("nvidia[0-9]*")) or Path("/dev/dxg").exists()


def _has_driver() -> bool:
    """Whether CUDA's driver can be loaded: known in microseconds, where importing torch takes seconds."""
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True


def device_name(device: str) -> str:
    """Name of a GPU, as CUDA gives it."""
    import torch

    return str(torch.cuda.get_device_name()) if device == "cuda" else "interpreter"
