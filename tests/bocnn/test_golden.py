"""Rows that must not change under one numerics version: draws, keys and arithmetic are its promise."""

import numpy as np
import pytest

from bocnn import MODEL
from tests.bocnn.runs import columns

MEASURED = ("train_loss", "test_error_clean", "max_w_xi", "w_norm")
GOLDEN = [
    ({}, [0.09342469, 0.114839, 2.770913, 1.206755]),
    ({"p_flip": 0.2, "train": "hidden"}, [0.2336132, 0.1935002, 2.505873, 1.219464]),
    (
        {"data": "xor", "noise": "isotropic", "bias": "trained"},
        [0.1027525, 0.438, 3.018478, 1.190278],
    ),
    (
        {"batch": 7, "momentum": 0.5, "weight_decay": 0.01},
        [0.03071383, 0.1242602, 3.456879, 1.509263],
    ),
    ({"d": 12, "output_init": "normal"}, [0.2363738, 6.159274e-05, 0.6648827, 1.031359]),
]


@pytest.mark.parametrize(("kind", "expected"), GOLDEN, ids=lambda part: "+".join(map(str, part)))
def test_rows_are_those_of_numerics_version_3(kind: dict, expected: list[float]) -> None:
    """Where this fails on purpose, raise `numerics_version` and pin the new rows."""
    assert MODEL.numerics_version == 3
    row = MODEL.run(columns(1, precision="float64", **kind))
    np.testing.assert_allclose([row[name][0] for name in MEASURED], expected, rtol=2e-5)
