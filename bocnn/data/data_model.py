"""A data model as an object: signal patches, noise patches and a label process, in d dimensions.

The gram engines draw it without anything of size d: `bocnn.data.model`.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from bocnn.arrays import Array, Ints
from bocnn.data.draws import CENTRE, FLIP, LABEL, Seed
from bocnn.data.geometry import draw_geometry
from bocnn.data.model import CONSTANT, DataParameters, Geometry
from bocnn.data.records import Flips, Spectrum
from bocnn.data.sampler import FRESH_PATCH, PATCH, QuantitySampler
from bocnn.registry.label_processes import LABEL_PROCESSES, LabelProcess
from bocnn.registry.noises import NOISES, Noise
from bocnn.registry.signals import SIGNALS, Signals
from bocnn.simd.arena import Workspace

Row = Mapping[str, Any]
"""Parameters of one run by name."""


class DrawnLabels(NamedTuple):
    """True labels ŷ, observed labels y, and the index of each sample's centre, shape (n,) each."""

    true: Array
    observed: Array
    centre: Ints


class DataModel(NamedTuple):
    """Distribution of a sample: a signal patch of its true label, a noise patch, an observed label."""

    signals: Signals
    noise: Noise
    labels: LabelProcess

    @property
    def has_gram(self) -> bool:
        """Whether compiled code draws its inner products without its patches."""
        return self.signals.gram_code is not None and self.noise.gram_code is not None

    def centres(self, mu_norm: float, dimension: int, support: int = 1) -> Array:
        """Signal patches along `Signals.basis`.

        Args:
            mu_norm: signal strength ‖μ‖, ≥ 0.
            dimension: of the vectors.
            support: coordinates of each.
        Returns:
            Shape (C, dimension), float64.
        """
        basis = self.signals.basis(dimension, support)
        return np.stack([sign * mu_norm * basis[k] for _, k, sign in self.signals.centres])

    def classes(self) -> Array:
        """ŷ of each centre, shape (C,)."""
        return np.array([label for label, _, _ in self.signals.centres], dtype=np.float64)

    def draw_labels(self, row: Row, seed: Seed) -> DrawnLabels:
        """Labels and centres of the training set.

        Args:
            row: the run's `n`, `p_flip` and the label process' own.
            seed: the run's.
        Returns:
            True and observed labels, ±1, and the index of each sample's centre, shape (n,) each.
        """
        shape, half = (1, int(row["n"])), len(self.signals.centres) // 2
        label, flip, coin = (
            QuantitySampler(seed, quantity).uniforms(shape)[0] for quantity in (LABEL, FLIP, CENTRE)
        )
        true = np.where(label < 0.5, 1.0, -1.0)
        flipped = self.labels.flipped(true, flip, float(row["p_flip"]), **self._label_options(row))
        observed = np.where(flipped, -true, true)
        return DrawnLabels(true, observed, half * (true < 0) + (half * coin).astype(np.int64))

    def flip_chances(self, row: Row) -> tuple[float, float]:
        """The chances that a fresh label of class +1 and of class −1 is flipped."""
        chances = self.labels.chances(
            np.array([1.0, -1.0]), float(row["p_flip"]), **self._label_options(row)
        )
        return float(chances[0]), float(chances[1])

    def draw(self, row: Row, seed: Seed) -> Array:
        """Noise patches of the training set in d dimensions, shape (n, d).

        Args:
            row: parameters of the run.
            seed: of the run.
        Returns:
            Shape (n, d), at scale σ_p.
        """
        basis = self.signals.basis(int(row["d"]), int(row["mu_support"]))
        return self._noise(row, QuantitySampler(seed, PATCH), int(row["n"]), basis)

    def fresh(self, row: Row, seed: Seed, basis: Array) -> Array:
        """Fresh noise patches, shape (n_test, dimension); the dimension may be below d if `has_gram`.

        Args:
            row: parameters of the run.
            seed: of the run.
            basis: signal directions, shape (directions, dimension), in all d coordinates or, where
                `has_gram`, in those that the run spans.
        Returns:
            Shape (n_test, dimension).
        """
        return self._noise(row, QuantitySampler(seed, FRESH_PATCH), int(row["n_test"]), basis)

    def gram(self, row: Row, seed: Seed, workspace: Workspace) -> Geometry:
        """Patches and filters as the gram engines draw them: in the coordinates that the run spans.

        Args:
            row: parameters of the run.
            seed: of the run.
            workspace: the result is in its first arena.
        Raises:
            ValueError: no compiled code draws it.
        """
        if not self.has_gram:
            words = f"data: {row['data']}, noise: {row['noise']}"
            raise ValueError(f"received {words}; expected entries with a gram_code")
        return draw_geometry(data_parameters(row), seed, workspace)

    def _label_options(self, row: Row) -> dict[str, float]:
        """The label process' own parameters."""
        return {name: float(row[name]) for name in self.labels.options}

    def _noise(self, row: Row, sampler: QuantitySampler, count: int, basis: Array) -> Array:
        """Noise patches at the run's scale."""
        options = {name: float(row[name]) for name in self.noise.options}
        drawn = self.noise.draw(sampler, (count, basis.shape[1]), basis, **options)
        return float(row["sigma_p"]) * drawn


def data_model_of(row: Row) -> DataModel:
    """The data model that a run names; without a label process `flip`."""
    process = LABEL_PROCESSES[row.get("label_process", "flip")]
    return DataModel(SIGNALS[row["data"]], NOISES[row["noise"]], process)


def data_parameters(row: Row) -> DataParameters:
    """Sizes and scales of a run for compiled code, with constant output weights and the process `flip`.

    Raises:
        KeyError: data or noise that compiled code does not draw.
    """
    data = {word: s.gram_code for word, s in SIGNALS.items() if s.gram_code is not None}
    noise = {word: n.gram_code for word, n in NOISES.items() if n.gram_code is not None}
    return DataParameters(
        data=data[row.get("data", "signal")],
        n=int(row["n"]),
        d=int(row["d"]),
        m=int(row["m"]),
        mu_norm=float(row["mu_norm"]),
        sigma_p=float(row["sigma_p"]),
        sigma_0=float(row["sigma_0"]),
        v0=float(row["v0"]),
        flips=Flips(float(row["p_flip"]), float(row["p_flip"]), False),
        isotropic=noise[row["noise"]] == 1,
        bias=row.get("bias", "none") == "trained",
        output_init=CONSTANT,
        spectrum=Spectrum(float(row.get("spectrum_decay", 0.0)), float(row.get("spike", 1.0))),
        noise_patches=int(row.get("noise_patches", 1)),
    )
