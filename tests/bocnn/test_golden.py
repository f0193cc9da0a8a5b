"""Rows that must not change under one numerics version: draws, keys and arithmetic are its promise.

Where these fail on purpose, raise `numerics_version` and pin what `python -m tests.bocnn.test_golden`
prints.
"""

from typing import Any

import numpy as np
import pytest

from bocnn import MODEL
from tests.bocnn.run_columns import columns

MEASURED = ("train_loss", "test_error_clean", "max_w_xi", "w_norm")
KINDS: list[dict[str, Any]] = [
    {},
    {"p_flip": 0.2, "train": "hidden"},
    {"data": "xor", "noise": "isotropic", "bias": "trained"},
    {"batch": 7, "momentum": 0.5, "weight_decay": 0.01},
    {"d": 12, "output_init": "normal"},
]
GOLDEN: list[list[float]] = [
    [0.08894832, 0.1587963, 2.797841, 1.200022],
    [0.2092301, 0.126897, 2.640688, 1.226932],
    [0.06937835, 0.4325, 3.399618, 1.185643],
    [0.02838265, 0.19473, 3.941721, 1.485413],
    [0.3306657, 0.009050031, 0.7454471, 0.9193048],
]
OLDER = [
    ((4254688983, 3418986625), [0.09342469, 0.114839, 2.770913, 1.206755]),
    ((1243282054, 3416265775), [0.2336132, 0.1935002, 2.505873, 1.219464]),
    ((4099127403, 1021029220), [0.1027525, 0.438, 3.018478, 1.190278]),
    ((4191718474, 904482820), [0.03071383, 0.1242602, 3.456879, 1.509263]),
    ((2089288282, 247405422), [0.2363738, 6.159274e-05, 0.6648827, 1.031359]),
]
"""Keys and rows of numerics version 3."""


def measured(kind: dict[str, Any]) -> list[float]:
    """What is pinned of a run."""
    row = MODEL.run(columns(1, precision="float64", **kind))
    return [float(row[name][0]) for name in MEASURED]


@pytest.mark.parametrize(("kind", "expected"), list(zip(KINDS, GOLDEN, strict=True)))
def test_rows_are_those_of_numerics_version_4(kind: dict[str, Any], expected: list[float]) -> None:
    assert MODEL.numerics_version == 4
    np.testing.assert_allclose(measured(kind), expected, rtol=2e-5)


@pytest.mark.parametrize(("kind", "older"), list(zip(KINDS, OLDER, strict=True)))
def test_by_the_keys_of_version_3_rows_are_those_of_version_3(
    kind: dict[str, Any], older: tuple[tuple[int, int], list[float]], monkeypatch: Any
) -> None:
    """Version 4 differs in its keys alone."""
    key = tuple(np.array([word], dtype=np.uint64) for word in older[0])
    monkeypatch.setattr("bocnn.engines.packing.cell_keys", lambda columns, keyed: key)
    np.testing.assert_allclose(measured(kind), older[1], rtol=2e-5)


if __name__ == "__main__":
    for kind in KINDS:
        print([float(f"{value:.7g}") for value in measured(kind)], kind)
