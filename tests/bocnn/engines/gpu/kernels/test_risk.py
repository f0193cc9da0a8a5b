"""The GPU's tails against the CPU's."""

import numpy as np
import pytest
import torch
import triton
import triton.language as tl

from bocnn.engines.gpu.kernels.risk import chance_negative
from tests.bocnn.arenas import chances_negative
from tests.bocnn.conftest import DEVICE


@triton.jit
def _chances(slopes, out, constant, half, SIZE: tl.constexpr):
    i = tl.arange(0, SIZE)
    # Loaded, as in the kernels: a float argument would be float32.
    tl.store(out + i, chance_negative(tl.load(constant), tl.load(slopes + i), half))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("constant", [-2.0, 0.0, 0.5, 40.0])
@pytest.mark.parametrize("half", [1, 5, 64])
def test_chances_of_an_error_are_those_of_the_cpu(constant: float, half: int) -> None:
    steep = np.logspace(-6, 3, 15)
    slopes = np.concatenate([steep, -steep, [0.0, np.nan]])
    out = torch.empty(32, dtype=torch.float64, device=DEVICE)
    on_gpu = [torch.from_numpy(part).to(DEVICE) for part in (slopes, np.array([constant]))]
    _chances[(1,)](on_gpu[0], out, on_gpu[1], half, 32)
    expected = chances_negative(constant, slopes, half)
    np.testing.assert_allclose(out.cpu(), expected, rtol=1e-10, atol=1e-300)
