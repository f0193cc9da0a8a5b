"""The kernels compile for a GPU, which the interpreter alone would not show."""

import os
import subprocess
import sys

import pytest

CODE = """
from benchmarks.kernels import compile_kernel, kernels_of
from bocnn.gpu.buffers import KernelFeatures, plan_of
for n, filters in {shapes}:
    plan = plan_of(n, filters, KernelFeatures({kinds}, {kinds}, {kinds}))
    for kernel, warps, constants in kernels_of(n, filters, plan):
        constants = constants | dict.fromkeys(("COUPLED", "MOVING", "STOPPING"), {kinds})
        code = compile_kernel(kernel, warps, constants, 90)
        print(kernel.__name__, code.registers, code.stack, code.shared)
"""


def compiled(shapes: list[tuple[int, int]], kinds: bool) -> dict[str, tuple[int, int, int]]:
    """Registers, stack and shared bytes of each kernel, from a Python that does not interpret."""
    environment = {k: v for k, v in os.environ.items() if k != "TRITON_INTERPRET"}
    code = CODE.format(shapes=shapes, kinds=kinds)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=environment | {"PYTHONPATH": os.getcwd()},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    return {name: (int(a), int(b), int(c)) for name, a, b, c in lines}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shape", "kinds"), [((20, 20), True), ((100, 20), False), ((400, 40), True)]
)
def test_every_kernel_compiles_and_fits_a_multiprocessor(
    shape: tuple[int, int], kinds: bool
) -> None:
    found = compiled([shape], kinds)
    assert len(found) == 9
    for name, (_registers, stack, shared) in found.items():
        assert shared <= 227 * 1024, name
        assert stack <= (512 if kinds else 128), name
