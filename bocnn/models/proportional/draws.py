"""Random draws of a run: inputs, filters, signs and noise, a pure function of its key and replicate.

What is trained, and how, leaves them as they are: every method sees the same inputs, filters and noise.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from bocnn.arrays import Array
from bocnn.models.base import generator_of
from bocnn.theory.proportional.equivalents import power_law

INPUTS, FILTERS, SIGNS, NOISE = range(4)


class TrainingProblem(NamedTuple):
    """A training set and what the network starts from.

    x: inputs N(0, Σ), (n, d). target: θ* = r 1_d/√d, (d,). noise: σ ε, (n,). filters: w, (h, d), rows
    N(0, init² I/d). signs: ±1, (h,). scales: √s of the eigenvalues of Σ, which is diagonal, (d,).
    """

    x: Array
    target: Array
    noise: Array
    filters: Array
    signs: Array
    scales: Array


def draw(row: Mapping[str, Any]) -> TrainingProblem:
    """The sample of a run, by its parameters, key and `replicate`."""
    n, d, h = (int(row[name]) for name in ("n", "d", "h"))
    scales = np.sqrt(power_law(d, float(row["spectrum_decay"])))
    return TrainingProblem(
        generator_of(row, INPUTS).standard_normal((n, d)) * scales,
        np.full(d, float(row["r"]) / np.sqrt(d)),
        float(row["sigma"]) * generator_of(row, NOISE).standard_normal(n),
        float(row["init"]) / np.sqrt(d) * generator_of(row, FILTERS).standard_normal((h, d)),
        generator_of(row, SIGNS).choice([-1.0, 1.0], h),
        scales,
    )
