"""Whether this process has a GPU. Imports neither torch nor Triton by itself."""

import ctypes
import os
from functools import cache
from importlib.util import find_spec


@cache
def gpu_device() -> str | None:
    """The torch device of the GPU that this process may use, None where there is none.

    `CUDA_VISIBLE_DEVICES` set to nothing keeps a process on the CPU, as for any program.
    """
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES", "all").strip() in ("", "-1")
    if hidden or find_spec("triton") is None or not _has_driver():
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
    """What a GPU calls itself."""
    import torch

    return str(torch.cuda.get_device_name()) if device == "cuda" else "interpreter"
