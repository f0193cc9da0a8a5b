"""What the kernels compile to, read from their machine code. Needs no GPU and measures no time.

    python -m benchmarks.kernels [compute capability, 90 if left out]

registers, stack: of a thread; a stack means that registers were spilled. shared: bytes of a program. loop:
instructions of the kernel's longest loop, for a training kernel one step (`tiled` has loops within it).
"""

import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import triton
from triton.backends import nvidia
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from benchmarks.shapes import SHAPES
from bocnn.engines.gpu.buffers import LaunchPlan, plan_of, power_of_two
from bocnn.engines.gpu.kernels.measure import fit, noise_root, trained_filters, trained_head
from bocnn.engines.gpu.kernels.resident import train_resident
from bocnn.engines.gpu.kernels.risk import test_error
from bocnn.engines.gpu.kernels.start import draw_factor, draw_inner, draw_vectors
from bocnn.engines.gpu.kernels.tiled import train_tiled
from bocnn.engines.gpu.records import BatchSizes, Drawn, Measured, RunParameters, Trained

_REAL, _DOUBLE, _LONG = "*fp32", "*fp64", "*i64"
RECORDS: dict[str, tuple[str, ...]] = {
    "runs": RunParameters(_DOUBLE, _LONG),
    "drawn": Drawn(_REAL, "*i32", _REAL, _REAL, _DOUBLE, _REAL, _REAL),
    "trained": Trained(*[_REAL] * 6, _LONG, _REAL, _REAL),
    "measured": Measured(_REAL, _DOUBLE, _DOUBLE, _DOUBLE),
    "sizes": BatchSizes("i32", "i32", "i32"),  # type: ignore[arg-type]
}
OFF = {"COUPLED": False, "MOVING": False, "STOPPING": False}


class Code(NamedTuple):
    """Figures of one compiled kernel."""

    registers: int
    stack: int
    shared: int
    instructions: int
    loop: int
    multiply_adds: int


def compile_kernel(kernel: Any, warps: int, constants: Mapping[str, Any], capability: int) -> Code:
    """Compile a kernel for an architecture, as a launch would."""
    names = kernel.arg_names
    signature = {name: RECORDS.get(name, "constexpr") for name in names}
    positions = {(names.index(name),): value for name, value in constants.items() if name in names}
    built = triton.compile(
        ASTSource(kernel, signature, constexprs=positions),
        target=GPUTarget("cuda", capability, 32),
        options={"num_warps": warps, "enable_fp_fusion": True},
    )
    return read_code(built.asm["cubin"], built.metadata.shared)


def read_code(cubin: bytes, shared: int) -> Code:
    """Figures of machine code."""
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(cubin)
        file.flush()
        usage, listing = (_cuobjdump(flag, file.name) for flag in ("-res-usage", "-sass"))
    found = re.search(r"REG:(\d+) STACK:(\d+)", usage)
    assert found is not None
    lines = re.findall(r"^\s+/\*([0-9a-f]{4,5})\*/\s+(.*?);", listing, re.MULTILINE)
    code = [(int(address, 16), text) for address, text in lines]
    loop = _longest_loop(code)
    multiplies = sum("FFMA" in text or "HMMA" in text for text in loop)
    return Code(int(found[1]), int(found[2]), shared, len(code), len(loop), multiplies)


def _cuobjdump(flag: str, path: str) -> str:
    """What the tool that comes with Triton prints."""
    tool = Path(nvidia.__file__).parent / "bin" / "cuobjdump"
    return subprocess.run(
        [str(tool), flag, path], capture_output=True, text=True, check=True
    ).stdout


def _longest_loop(code: list[tuple[int, str]]) -> list[str]:
    """Instructions between the farthest backward branch and its target."""
    first, last = 0, -1
    for address, text in code:
        branch = re.search(r"\bBRA\b.*?0x([0-9a-f]+)", text)
        if branch and 0 < address - int(branch[1], 16) > last - first:
            first, last = int(branch[1], 16), address
    return [text for address, text in code if first <= address <= last]


def kernels_of(n: int, filters: int, plan: LaunchPlan) -> list[tuple[Any, int, dict[str, Any]]]:
    """Every kernel that a shape launches, its warps and its constants."""
    edge, warps = min(32, plan.P), max(1, plan.K // 16)
    sizes = {"P": plan.P, "K": plan.K, "TILE": edge, "BLOCK": edge}
    sizes["ROWS"] = power_of_two(max(n + filters, plan.P))
    train = train_resident if plan.resident else train_tiled
    how = {"PRECISION": plan.precision, **OFF}
    return [
        (draw_vectors, 4, sizes),
        (draw_factor, 4, sizes | {"BLOCK": 1024}),
        (draw_inner, 4, sizes),
        (train, plan.warps, sizes | how),
        (trained_filters, 4, sizes),
        (trained_head, 4, sizes),
        (noise_root, 2 * warps, sizes),
        (fit, 4, sizes),
        (test_error, warps, sizes),
    ]


def main() -> None:
    """Print the table."""
    capability = int(sys.argv[1]) if len(sys.argv) > 1 else 90
    print(f"triton {triton.__version__}, compute capability {capability}\n")
    print("| n | m | kernel | warps | registers | stack | shared | code | loop | multiply-adds |")
    print("|" + "---|" * 10)
    for n, m in dict.fromkeys((shape.n, shape.m) for shape in SHAPES):
        exact = plan_of(n, 2 * m)
        for plan in (exact, exact._replace(precision="tf32x3")):
            for kernel, warps, constants in kernels_of(n, 2 * m, plan):
                if plan == exact or "PRECISION" in kernel.arg_names:
                    code = compile_kernel(kernel, warps, constants, capability)
                    name = f"{kernel.__name__} {constants.get('PRECISION', '')}"
                    cells = [n, m, name.strip(), warps, *code]
                    print(f"| {' | '.join(map(str, cells))} |", flush=True)


if __name__ == "__main__":
    main()
