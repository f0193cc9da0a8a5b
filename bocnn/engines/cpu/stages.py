"""The gram engine on the CPU: three stages, draw, train and measure, one compiled loop, its state in cache.

Runs of one shape train side by side, one per SIMD lane; a lane that is done takes the next run. A run's
arithmetic never depends on which runs train beside it. Scheduling, files and statuses' names are left to
others.
"""

from typing import Any

import numpy as np

from bocnn.arrays import Ints
from bocnn.data.model import XOR
from bocnn.data.spectrum import coordinates
from bocnn.dynamics.state import Network, TrainingSet
from bocnn.engines.cpu.lane_state import new_lane_state
from bocnn.engines.cpu.measuring import MEASURE
from bocnn.engines.cpu.run_memory import DRAW, EngineBatch
from bocnn.engines.cpu.runs import DIVERGED, GROUPED_BY, OK, UNCONVERGED, WORDS, RunResults, Runs
from bocnn.engines.cpu.training import TRAIN, Training
from bocnn.engines.cpu.variant import new_variant
from bocnn.simd.arena import Workspace, new_arena
from bocnn.simd.compiler.stages import run

__all__ = ["DIVERGED", "GROUPED_BY", "OK", "UNCONVERGED", "WORDS", "RunResults", "Runs", "run_all"]


def workspace_bytes(
    n: Any, m: Any, n_test: Any, rank: Any = None, noise_patches: Any = 1
) -> tuple[Any, Any]:
    """Bytes that a run holds while it trains, and those that its draw and its measures work in.

    All that `_draw` and `measure` allocate, in float64 and with sizes rounded up; numbers or arrays.

    Args:
        n: training samples.
        m: filters per class.
        n_test: fresh test draws.
        rank: coordinates of noise patches and filters; None for as many as these are.
        noise_patches: of a sample.
    Returns:
        Sizes of the two arenas of a `Workspace`, in bytes.
    """
    points, filters, few = n * noise_patches + 16, 2 * m + 16, 64 * 100
    size = points + filters
    height = size if rank is None else rank + 32
    kept = height * (size + 1) + points * (points + 8) + filters * (3 * points + 4 + noise_patches)
    drawn = 2 * height * size + points * size
    measured = filters * (2 * height + points + 2 * filters + 64 * noise_patches) + n_test
    return 8 * kept + few, 8 * (drawn + measured + 12 * size) + 2 * few


def run_all(
    runs: Runs, real: Any, vector_width: int | None, recorded_steps: Ints, results: RunResults
) -> None:
    """Train and measure runs of one shape and step type, and record them along the training.

    Args:
        runs: parameters, at least one run's, those in GROUPED_BY the same in all.
        real: dtype class in which training is done, np.float32 or np.float64.
        vector_width: None to train one after the other, `lane_count(real)` to train so many side by side.
        recorded_steps: at which to record, rising, beside the one at which training ended.
        results: written.
    """
    training = _new_training(runs, real, vector_width, recorded_steps, results)
    batch = training.batch
    code, table = TRAIN.prepare(training, [(DRAW, batch), (MEASURE, batch)])
    run(code, table)


def llvm_codes(
    runs: Runs, real: Any, vector_width: int | None, results: RunResults
) -> dict[tuple[str, str], bytes]:
    """LLVM code from numba of all stages that train such runs, by the stage's name and its record's layout.

    Args:
        runs: parameters of a run.
        real: as in `run_all`.
        vector_width: as in `run_all`.
        results: of the run.
    """
    training = _new_training(runs, real, vector_width, np.empty(0, np.int64), results)
    drawn, measured = DRAW.llvm_code(training.batch), MEASURE.llvm_code(training.batch)
    return dict((drawn, measured, TRAIN.llvm_code(training)))


def _new_training(
    runs: Runs, real: Any, vector_width: int | None, recorded_steps: Ints, results: RunResults
) -> Training:
    """Runs, memory for those in training, and free lanes."""
    rank, n_test = int(coordinates(runs._asdict()).max()), int(runs.n_test.max())
    shape = (int(runs.n[0]), int(runs.m[0]), n_test, rank, int(runs.noise_patches[0]))
    kept, scratch = workspace_bytes(*shape)
    workspace = Workspace(new_arena(vector_width or 1, kept), new_arena(1, scratch))
    batch = EngineBatch(runs, workspace, recorded_steps, results, real == np.float32)
    has_velocity = bool((runs.momentum != 0.0).any() or (runs.weight_decay != 0.0).any())
    lanes = new_lane_state(*_empty_run(runs, real), vector_width or 1, has_velocity)
    return Training(batch, lanes, vector_width, new_variant(runs, lanes), False)


def _empty_run(runs: Runs, real: Any) -> tuple[TrainingSet, Network]:
    """A training set and a network of the runs' shape, unset but for what they share."""
    n, m, centres = int(runs.n[0]), int(runs.m[0]), 4 if runs.data[0] == XOR else 2
    filters, coupled = (
        (2 * m + 3) // 4 * 4,
        bool(runs.isotropic[0] or runs.bias[0] or runs.summed[0]),
    )
    patches = int(runs.noise_patches[0])
    points = centres + patches * n
    signs = np.repeat([1, -1, 0], [m, m, filters - 2 * m]).astype(real)
    starts = np.concatenate([[0], centres + n * np.arange(patches + 1)])
    blocks = np.array([0, points] if coupled else [0, centres, points])
    matrix = np.empty((filters, points), real)
    return (
        TrainingSet(
            np.empty((points, points), real),
            np.empty((centres, n), real),
            np.empty(n, real),
            starts,
            blocks,
        ),
        Network(
            matrix,
            matrix,
            np.empty((1 + patches, filters), real),
            signs,
            matrix,
            np.empty(1, real),
        ),
    )
