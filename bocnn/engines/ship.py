"""Makes the LLVM code that comes with the package anew, in two minutes: `python -m bocnn.engines.ship`.

It is that of the engines, and of the package's models that have some of their own (`llvm_codes`).
"""

from importlib.metadata import entry_points
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bocnn.data.draws import Seed
from bocnn.engines.coordinates.run import drawn_training
from bocnn.engines.coordinates.train import TRAIN_COORDINATES
from bocnn.engines.cpu.engine import new_results
from bocnn.engines.cpu.stages import Runs, llvm_codes
from bocnn.engines.packing import pack_runs
from bocnn.parameters.columns import PARAMETERS, Column
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
    "depth": 3,
    "signal": 1.0,
}
"""Values of what has no default, in any model."""


_SEED = Seed(np.uint64(0), np.uint64(0), np.uint64(0))

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
    columns = small_run()
    row = {name: values[0] for name, values in columns.items()} | {"key0": 0, "key1": 0}
    for real in (np.float32, np.float64):
        codes |= dict([TRAIN_COORDINATES.llvm_code(drawn_training(row, _SEED, real)[1])])
    for entry in entry_points(group="bocnn.models"):
        if not entry.module.startswith("bocnn."):
            continue
        model = entry.load()
        if hasattr(model, "llvm_codes"):
            codes |= model.llvm_codes(small_run(model.parameters))
    ship(codes)
    print(f"{FILE}: {len(codes)} stages, {FILE.stat().st_size} bytes")


def _smallest(**given: Any) -> Runs:
    """One run, at the defaults but for what is given, as the gram engine takes it."""
    return pack_runs(small_run(**given), np.arange(1))


def small_run(parameters: tuple[Column, ...] = PARAMETERS, **given: Any) -> dict[str, NDArray[Any]]:
    """Columns of one small run of a model, shape (1,) each, at the defaults but for what is given."""
    types = {"int64": np.int64, "float64": np.float64, "string": object}
    columns: dict[str, NDArray[Any]] = {
        "seed": np.zeros(1, np.int64),
        "replicate": np.zeros(1, np.int32),
    }
    for column in parameters:
        value = (_SMALLEST | given).get(column.name, column.default)
        columns[column.name] = np.array([np.nan if value is None else value], types[column.type])
    return columns


if __name__ == "__main__":
    main()
