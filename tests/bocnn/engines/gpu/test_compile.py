"""The kernels compile for a GPU, which the interpreter alone would not show."""

import os
import subprocess
import sys

import pytest

SHAPES = [(20, 20, True), (100, 20, False), (400, 40, True)]
"""Samples, filters, and whether the kernels take every kind of run."""

CODE = f"""
from benchmarks.kernels import compile_kernel, kernels_of
from bocnn.engines.gpu.buffers import KernelFeatures, plan_of
for n, filters, kinds in {SHAPES}:
    plan = plan_of(n, filters, KernelFeatures(kinds, kinds, kinds))
    for kernel, warps, constants in kernels_of(n, filters, plan):
        constants = constants | dict.fromkeys(("COUPLED", "MOVING", "STOPPING"), kinds)
        code = compile_kernel(kernel, warps, constants, 90)
        print(n, kernel.__name__, code.stack, code.shared)
"""


@pytest.fixture(scope="module")
def compiled() -> list[list[str]]:
    """Samples, name, stack and shared bytes of each kernel, from a Python that does not interpret."""
    environment = {k: v for k, v in os.environ.items() if k != "TRITON_INTERPRET"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", CODE],
        env=environment | {"PYTHONPATH": os.getcwd()},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [line.split() for line in done.stdout.splitlines()]


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("n", "kinds"), [(n, kinds) for n, _, kinds in SHAPES])
def test_every_kernel_compiles_and_fits_a_multiprocessor(
    n: int, kinds: bool, compiled: list[list[str]]
) -> None:
    found = {
        name: (int(stack), int(shared)) for size, name, stack, shared in compiled if int(size) == n
    }
    assert len(found) == 9
    for name, (stack, shared) in found.items():
        assert shared <= 227 * 1024, name
        assert stack <= (512 if kinds else 128), name
