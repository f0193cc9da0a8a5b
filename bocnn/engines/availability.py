"""Whether this process has a GPU. Imports neither torch nor Triton by itself."""

import ctypes
import logging
import os
from functools import cache
from importlib.util import find_spec

_logger = logging.getLogger(__name__)


@cache
def gpu_device() -> str | None:
    """The torch device of the GPU that this process may use, None where there is none.

    `CUDA_VISIBLE_DEVICES` set to nothing keeps a process on the CPU, as for any program. A GPU that cannot
    be used for want of packages is named in a warning, once.
    """
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES", "all").strip() in ("", "-1")
    if hidden or not _has_driver():
        return None
    if find_spec("torch") is None or find_spec("triton") is None:
        _logger.warning(
            "warning: a GPU is not used, for want of torch and Triton: pip install 'bocnn[gpu]'"
        )
        return None
    import torch

    return "cuda" if torch.cuda.is_available() else None


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
