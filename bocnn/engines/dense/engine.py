"""The dense network as an engine: every word of the registries, one run at a time, slowly.

Runs of Gaussian data whose filters stay in the span of their start and the patches are drawn as the gram
engines draw them, by the same counters and in the coordinates that a run spans; others in d dimensions.
torch is imported when it first trains.
"""

import platform
from collections.abc import Collection
from importlib.util import find_spec
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bocnn.arrays import Array, Ints
from bocnn.engines.cpu.engine import new_results
from bocnn.engines.cpu.stages import WORDS, RunResults
from bocnn.engines.protocol import Columns, Cost, EngineResults, StartedKinds
from bocnn.parameters.accepted import Words, accepts, is_one_of
from bocnn.parameters.invariance import has_plain_data, is_rotation_invariant
from bocnn.parameters.keys import cell_keys
from bocnn.registry.activations import ACTIVATIONS
from bocnn.registry.label_processes import LABEL_PROCESSES
from bocnn.registry.losses import LOSSES
from bocnn.registry.noises import NOISES
from bocnn.registry.optimizers import OPTIMIZERS
from bocnn.registry.signals import SIGNALS

MOST_NUMBERS = 2**27
"""Largest size of a run's patches, filters and fresh patches, in numbers."""

_UPDATE = 40
"""Operations of a step of an optimizer for each weight of the hidden layer."""


class Dense:
    """Autograd on the network's tensors: the oracle of the others, and the engine of what they refuse."""

    name: Final = "dense"
    needs: Final = "torch: pip install 'bocnn[dense]'"

    def __init__(self) -> None:
        """An engine that has trained no run yet."""
        self._started = StartedKinds(steps=1)  # the first step draws a batch

    @property
    def words(self) -> Words:
        """The registries' words; of what is in no registry, the gram engine's."""
        return {
            **WORDS,
            "data": tuple(SIGNALS),
            "input": ("patches",),
            "noise": tuple(NOISES),
            "label_process": tuple(LABEL_PROCESSES),
            "activation": tuple(ACTIVATIONS),
            "loss": tuple(LOSSES),
            "optimizer": tuple(OPTIMIZERS),
            "gradient": ("plain", "normalized"),
        }

    def device(self) -> str | None:
        """The processor; None without torch."""
        if find_spec("torch") is None:
            return None
        return platform.processor() or platform.machine()

    def accepts(self, columns: Columns) -> NDArray[np.bool_]:
        """Which runs hold its words alone, have plain data, and fit in memory, shape (runs,)."""
        known = accepts(self.words, columns) & has_plain_data(columns)
        small = np.zeros_like(known)
        small[known] = (
            self._numbers({name: part[known] for name, part in columns.items()}) <= MOST_NUMBERS
        )
        return small

    def cost(self, columns: Columns) -> Cost:
        """Forward and backward pass of each step, and the test; a step has a price of its own."""
        n, filters = columns["n"].astype(np.float64), 2.0 * columns["m"]
        dimension = self._dimension(columns)
        step = (12 * n + _UPDATE) * filters * dimension + 2e6
        test = 4 * columns["n_test"] * filters * self._test_dimension(columns)
        flops = 20 * self._numbers(columns) + columns["steps"] * step + test
        return Cost(np.asarray(flops), np.asarray(8 * 6 * self._numbers(columns) + 2**20))

    def run(self, columns: Columns, keyed: Collection[str] = ()) -> EngineResults:
        """As `Engine.run`: one run after the other, on one thread."""
        results = self._train(columns, None, keyed)
        return EngineResults(results.status, results.measured)

    def record(self, columns: Columns, steps: Ints, keyed: Collection[str] = ()) -> RunResults:
        """As `RecordingEngine.record`; coefficients are null if the optimizer leaves the patches' span."""
        return self._train(columns, steps, keyed)

    def start_kinds(self, columns: Columns) -> None:
        """As `CompiledEngine.start_kinds`: by what is drawn, in compiled code, and where."""
        drawn = ("noise", "data", "output_init", "bias")
        kinds = zip(
            _has_gram(columns) & is_rotation_invariant(columns),
            columns["batch"] > 0,
            *(columns[name] for name in drawn),
            strict=True,
        )
        self._started.start(self.run, columns, kinds)

    def _train(self, columns: Columns, steps: Ints | None, keyed: Collection[str]) -> RunResults:
        """Train runs, one after the other, and record them if there are steps."""
        from bocnn.engines.dense.run import train_rows

        key0, key1 = cell_keys(columns, keyed=keyed)
        points = 0 if steps is None else steps.size + 1
        results = new_results(columns["n"].size, points)
        rows = train_rows(
            {**columns, "key0": key0, "key1": key1}, None if steps is None else steps.tolist()
        )
        for r, row in enumerate(rows):
            results.status[r], results.measured[r] = row.status, row.measures
            for point, record in enumerate(row.records):
                results.trajectory[r, point] = record
            results.lengths[r] = len(row.records)
        return results

    def _dimension(self, columns: Columns) -> Array:
        """Coordinates of a run's vectors, shape (runs,)."""
        d, spanned = columns["d"].astype(np.float64), columns["n"] + 2.0 * columns["m"] + 2
        in_span = _has_gram(columns) & is_rotation_invariant(columns)
        return np.where(in_span, np.minimum(d, spanned), d)

    def _test_dimension(self, columns: Columns) -> Array:
        """Coordinates of a run's fresh patches, shape (runs,)."""
        dimension = self._dimension(columns)
        few = np.minimum(dimension, 2.0 * columns["m"] + 2)
        return np.where(_has_gram(columns), few, dimension)

    def _numbers(self, columns: Columns) -> Array:
        """Numbers of a run's patches, filters and fresh patches, shape (runs,)."""
        trained = (columns["n"] + 2.0 * columns["m"]) * self._dimension(columns)
        return np.asarray(trained + columns["n_test"] * self._test_dimension(columns))


def _has_gram(columns: Columns) -> NDArray[np.bool_]:
    """Of which runs compiled code can draw the inner products: noise is Gaussian, shape (runs,)."""
    signals = [word for word, entry in SIGNALS.items() if entry.gram_code is not None]
    noises = [word for word, entry in NOISES.items() if entry.gram_code is not None]
    return is_one_of(columns["data"], signals) & is_one_of(columns["noise"], noises)
