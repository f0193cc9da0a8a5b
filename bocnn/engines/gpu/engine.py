"""The gram engine on a GPU as an engine: `bocnn.engines.gpu`, which is imported when it first trains.

It accepts the words that the kernels are known to train, `GPU_WORDS`; float32; plain data, and plain
steps on the whole training set; n and 2m within the kernels' limits.
"""

from collections.abc import Collection
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bocnn.engines import availability
from bocnn.engines.cpu.engine import GramCPU, new_results
from bocnn.engines.packing import cells_of, pack_runs
from bocnn.engines.protocol import Columns, Cost, EngineResults
from bocnn.parameters.accepted import Words, accepts
from bocnn.parameters.invariance import has_plain_data, has_plain_steps
from bocnn.parameters.precision import needs_double

MOST_SAMPLES, MOST_FILTERS = 2048, 128
"""Largest n and 2m of a run on the GPU."""

GPU_WORDS: Final[Words] = {
    "data": ("signal", "xor"),
    "input": ("patches",),
    "noise": ("orthogonal", "isotropic"),
    "output_init": ("constant", "normal", "sign"),
    "bias": ("none", "trained"),
    "activation": ("relu", "leaky_relu"),
    "loss": ("logistic", "square"),
    "train": ("both", "hidden", "output"),
    "momentum_rule": ("heavy_ball", "nesterov"),
    "gradient": ("plain",),
    "precision": ("float32",),
    "optimizer": ("sgd",),
    "class_process": ("drawn",),
    "label_process": ("flip",),
}
"""Words that the kernels train; their codes are those of `bocnn.engines.cpu.stages.WORDS`."""

_PIECE = 16384
"""Runs that are packed at once: the GPU trains them while the host packs the next."""


class GramGPU:
    """Training on the Gram matrix in Triton's kernels."""

    name: Final = "gram-cuda"
    needs: Final = "a GPU that this process may use, torch and triton: pip install 'bocnn[gpu]'"
    words: Final[Words] = GPU_WORDS

    def device(self) -> str | None:
        """The GPU's name; None where there is none."""
        device = availability.gpu_device()
        return None if device is None else availability.device_name(device)

    def accepts(self, columns: Columns) -> NDArray[np.bool_]:
        """Which runs the kernels can train, shape (runs,)."""
        n, batch = columns["n"], columns["batch"]
        whole = (batch == 0) | (batch >= n)
        small = (n <= MOST_SAMPLES) & (2 * columns["m"] <= MOST_FILTERS)
        plain = whole & has_plain_steps(columns) & has_plain_data(columns)
        plain &= np.isnan(columns["error_tol"])
        return np.asarray(accepts(GPU_WORDS, columns) & plain & small & ~needs_double(columns))

    def cost(self, columns: Columns) -> Cost:
        """The CPU engine's: the operations are the same."""
        return GramCPU().cost(columns)

    def run(self, columns: Columns, keyed: Collection[str] = ()) -> EngineResults:
        """Train and measure runs, in pieces that the host packs while the GPU trains.

        Args:
            columns: canonical, of runs that it accepts, shape (runs,) each.
            keyed: parameters that enter the keys though they change nothing that is drawn.
        Returns:
            Status codes (runs,) and measures (runs, measures) in the order of `Measures`.
        Raises:
            RuntimeError: this process has no GPU.
        """
        from bocnn.engines.gpu.batches import CellParameters, collect, start_all

        device = availability.gpu_device()
        if device is None:
            raise RuntimeError("this process has no GPU")
        first, cell = cells_of(columns)
        results = new_results(cell.size, 0)
        pieces = np.split(np.arange(cell.size), range(_PIECE, cell.size, _PIECE))
        started = []
        for rows in pieces:
            own = cell[rows]
            packed = pack_runs(columns, first[own[0] : own[-1] + 1], keyed)
            parameters = CellParameters(packed, own - own[0], columns["replicate"][rows])
            started.append(start_all(parameters, device))
        for rows, part in zip(pieces, started, strict=True):
            results.status[rows], results.measured[rows] = collect(part, rows.size)
        return EngineResults(results.status, results.measured)
