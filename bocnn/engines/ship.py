"""Makes the LLVM code that comes with the package anew, in two minutes: `python -m bocnn.engines.ship`."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bocnn.engines.cpu.engine import new_results
from bocnn.engines.cpu.stages import Runs, llvm_codes
from bocnn.engines.packing import pack_runs
from bocnn.parameters.columns import PARAMETERS
from bocnn.simd.compiler.shipped import FILE, ship
from bocnn.simd.lanes import lane_count

_SMALLEST = {
    "n": 4,
    "d": 8,
    "m": 1,
    "mu_norm": 1.0,
    "sigma_0": 0.1,
    "v0": 0.1,
    "eta": 0.1,
    "steps": 1,
}


_STEPS: tuple[dict[str, Any], ...] = ({}, {"sam_radius": 0.1})
"""Plain steps, and those that are more, for which training is a program of its own."""


def main() -> None:
    """Write LLVM code of every stage, in both precisions, for runs side by side and one by one."""
    codes: dict[tuple[str, str], bytes] = {}
    for steps in _STEPS:
        runs = _smallest(**steps)
        for real in (np.float32, np.float64):
            for width in (lane_count(real), None):
                codes |= llvm_codes(runs, real, width, new_results(1, 0))
    ship(codes)
    print(f"{FILE}: {len(codes)} stages, {FILE.stat().st_size} bytes")


def _smallest(**given: Any) -> Runs:
    """One run, at the defaults but for what is given."""
    return pack_runs(small_run(**given), np.arange(1))


def small_run(**given: Any) -> dict[str, NDArray[Any]]:
    """Columns of one small run, shape (1,) each, at the defaults but for what is given."""
    types = {"int64": np.int64, "float64": np.float64, "string": object}
    values = {column.name: column.default for column in PARAMETERS} | _SMALLEST | given
    columns: dict[str, NDArray[Any]] = {
        column.name: np.array(
            [np.nan if values[column.name] is None else values[column.name]],
            dtype=types[column.type],
        )
        for column in PARAMETERS
    }
    return columns | {"seed": np.zeros(1, np.int64), "replicate": np.zeros(1, np.int32)}


if __name__ == "__main__":
    main()
