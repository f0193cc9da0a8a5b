"""Training in all d coordinates on the CPU as an engine: compiled loops, one run after the other.

It needs no torch. What it refuses (biases, batches, words that are added to the registries, recording) is
left to the dense network in torch, `bocnn.engines.dense.engine`, with which the tests compare it.
"""

import platform
from collections.abc import Collection
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bocnn.engines.cpu.engine import new_results, test_flops
from bocnn.engines.cpu.stages import WORDS
from bocnn.engines.protocol import Columns, Cost, EngineResults, StartedKinds
from bocnn.parameters.accepted import Words, accepts, is_one_of
from bocnn.parameters.invariance import has_plain_data, has_plain_steps
from bocnn.parameters.keys import cell_keys
from bocnn.parameters.precision import needs_double

MOST_NUMBERS_HELD = 2**27
"""Largest size of a run's patches, filters and their optimizer's memory, and fresh patches, in numbers."""

_FLOPS_PER_RUN = 1e6
_FLOPS_PER_UPDATE = 30
_FLOPS_PER_DRAW = 20
"""Operations of a step of an optimizer for each weight, and of a drawn number."""
_GAUSSIAN = ("orthogonal", "isotropic")


class DenseCPU:
    """Optimizers whose steps depend on the coordinates, and noise that is not Gaussian."""

    name: Final = "dense-cpu"
    needs: Final = "a processor"
    words: Final[Words] = {
        **WORDS,
        "input": ("patches",),
        "noise": (*_GAUSSIAN, "laplace", "rademacher", "uniform", "student_t", "sparse"),
        "bias": ("none",),
        "train": ("both", "hidden"),
        "optimizer": ("sgd", "adam", "adamw", "rmsprop", "sign"),
        "label_process": ("flip",),
        "gradient": ("plain",),
    }

    def __init__(self) -> None:
        """An engine that has trained no run yet."""
        self._started = StartedKinds()

    def device(self) -> str:
        """The processor."""
        return platform.processor() or platform.machine()

    def accepts(self, columns: Columns) -> NDArray[np.bool_]:
        """Which runs hold its words alone, have plain data and steps, no batches, and fit in memory."""
        fits = (_trained(columns) + _tested(columns) <= MOST_NUMBERS_HELD) & (columns["batch"] == 0)
        fits &= has_plain_steps(columns) & has_plain_data(columns) & np.isnan(columns["error_tol"])
        return np.asarray(accepts(self.words, columns) & fits)

    def cost(self, columns: Columns) -> Cost:
        """Products and updates of each step, draws, and the test."""
        n, weights = columns["n"].astype(np.float64), 2.0 * columns["m"] * columns["d"]
        step = (4 * n + _FLOPS_PER_UPDATE) * weights
        test = np.where(
            _tested(columns) > 0, 4 * columns["m"] * _tested(columns), test_flops(columns)
        )
        drawn = _FLOPS_PER_DRAW * (n * columns["d"] + weights + _tested(columns))
        products = 2.0 * columns["m"] * weights
        flops = _FLOPS_PER_RUN + columns["steps"] * step + drawn + products + test
        real = np.where(needs_double(columns), 8, 4)
        held = (real + 16) * (_trained(columns) + _tested(columns))
        return Cost(np.asarray(flops), np.asarray(held + 8 * columns["n_test"] + 2**20))

    def run(self, columns: Columns, keyed: Collection[str] = ()) -> EngineResults:
        """As `Engine.run`: one run after the other."""
        from bocnn.engines.coordinates.run import run_row

        key0, key1 = cell_keys(columns, keyed=keyed)
        results, doubles = new_results(columns["n"].size, 0), needs_double(columns)
        named = {**columns, "key0": key0, "key1": key1}
        rows = zip(*(column.tolist() for column in named.values()), strict=True)
        for r, values in enumerate(rows):
            real = np.float64 if doubles[r] else np.float32
            row = run_row(dict(zip(named, values, strict=True)), real)
            results.status[r], results.measured[r] = row
        return EngineResults(results.status, results.measured)

    def start_kinds(self, columns: Columns) -> None:
        """As `CompiledEngine.start_kinds`: by precision and by what is drawn."""
        drawn = (columns[name].tolist() for name in ("noise", "data", "output_init"))
        kinds = zip(needs_double(columns).tolist(), *drawn, strict=True)
        self._started.start(self.run, columns, kinds)


def _trained(columns: Columns) -> NDArray[np.float64]:
    """Numbers of a run's patches, filters and their optimizer's memory, shape (runs,)."""
    return np.asarray((columns["n"] + 6.0 * columns["m"]) * columns["d"])


def _tested(columns: Columns) -> NDArray[np.float64]:
    """Numbers of a run's fresh patches that are drawn, shape (runs,)."""
    drawn = ~is_one_of(columns["noise"], _GAUSSIAN)
    return np.asarray(np.where(drawn, columns["n_test"] * columns["d"].astype(np.float64), 0.0))
