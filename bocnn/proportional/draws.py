"""What a run starts from: inputs, filters, signs and noise, a pure function of seed, sizes and replicate.

Neither what is trained nor a scale enters the key, so runs of equal sizes are paired: every method sees
the same inputs, filters and noise.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from bocnn.arrays import Array

INPUTS, FILTERS, SIGNS, NOISE = range(4)


class Sample(NamedTuple):
    """A training set and what the network starts from.

    x: inputs N(0, I_d), (n, d). target: θ* = r 1_d/√d, (d,). noise: σ ε, (n,). filters: w, (h, d), rows
    N(0, init² I/d). signs: ±1, (h,).
    """

    x: Array
    target: Array
    noise: Array
    filters: Array
    signs: Array


def draw(row: Mapping[str, Any]) -> Sample:
    """The sample of a run, by its parameters, `seed` and `replicate`."""
    n, d, h = (int(row[name]) for name in ("n", "d", "h"))
    return Sample(
        _generator(row, INPUTS).standard_normal((n, d)),
        np.full(d, float(row["r"]) / np.sqrt(d)),
        float(row["sigma"]) * _generator(row, NOISE).standard_normal(n),
        float(row["init"]) / np.sqrt(d) * _generator(row, FILTERS).standard_normal((h, d)),
        _generator(row, SIGNS).choice([-1.0, 1.0], h),
    )


def _generator(row: Mapping[str, Any], quantity: int) -> np.random.Generator:
    """The generator of one quantity of a run."""
    key = [int(row[name]) for name in ("seed", "replicate", "n", "d", "h")]
    return np.random.Generator(np.random.Philox(np.random.SeedSequence([*key, quantity])))
