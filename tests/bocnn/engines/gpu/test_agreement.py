"""The GPU's rows against the CPU's, run by run: the stated tolerance is 2e-4 of each measure."""

from typing import Any

import numpy as np
import pytest

from bocnn import MODEL
from bocnn.engines import availability
from bocnn.engines.registry import GRAM_GPU
from tests.bocnn.conftest import Engine
from tests.bocnn.run_columns import columns
from tests.tolerance import RELATIVE

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")
SMALL: dict[str, Any] = {"n": 7, "m": 3, "n_test": 64, "steps": 12}
EXPLOSIVE = {"mu_norm": 20.0, "v0": 5.0, "eta": 100.0, "n": 20, "m": 5, "steps": 30}
TOLERANCE = RELATIVE[np.dtype(np.float32)]

KINDS: list[dict[str, Any]] = [
    {"p_flip": 0.3, "eta_output": 0.001},
    {"steps": 0},
    {"noise": "isotropic"},
    {"bias": "trained"},
    {"data": "xor"},
    {"output_init": "sign", "loss": "square", "train": "hidden"},
    {"output_init": "normal", "train": "output"},
    {"activation": "leaky_relu", "leak": 0.2},
    {"momentum": 0.5, "momentum_rule": "nesterov", "weight_decay": 0.01},
    {"data": "xor", "noise": "isotropic", "bias": "trained", "momentum": 0.5, "weight_decay": 0.1},
    {"loss_tol": 0.5, "steps": 400},
    {"loss_tol": 1e-9},
    {"sigma_0": 0.0},
    {"n_test": 1},
    {"n_test": 131, "n": 17},
    {"n": 1, "d": 2, "m": 1},
    {"d": 2},
    {"d": 2, "data": "xor"},
    {"d": 4, "noise": "isotropic"},
    {"d": 10**12, "eta": 1e-11},
    EXPLOSIVE,
]

SLOW: list[dict[str, Any]] = [
    {"n": 33, "m": 9, "p_flip": 0.2},
    {"n": 130, "m": 3, "steps": 4, "loss_tol": 0.6},
    {"n": 140, "data": "xor", "noise": "isotropic", "bias": "trained", "loss": "square"}
    | {"steps": 4},
    {"n": 129, "momentum": 0.5, "momentum_rule": "nesterov", "weight_decay": 0.1, "steps": 4},
    {"n": 6, "m": 40, "steps": 4},
    {"n": 20, "m": 10, "steps": 40, "n_test": 260, "d": 2000},
]


def assert_agree(runs: int, gpu: Engine, **given: Any) -> None:
    """Fail unless both engines give the same rows within the tolerance, or NaN together."""
    inputs = columns(runs, **(SMALL | given))
    assert GRAM_GPU.accepts(inputs).all()
    found = gpu.run(inputs)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(availability, "gpu_device", lambda: None)
        expected = MODEL.run(inputs)
    np.testing.assert_array_equal(found["status"], expected["status"])
    for name in expected.keys() - {"status"}:
        np.testing.assert_allclose(
            found[name], expected[name], rtol=TOLERANCE, atol=1e-6, err_msg=name
        )


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: "+".join(kind) or "plain")
def test_rows_are_those_of_the_cpu(kind: dict[str, Any], gpu: Engine) -> None:
    assert_agree(1, gpu, **kind)


@pytest.mark.slow
@pytest.mark.parametrize("kind", SLOW, ids=lambda kind: "+".join(kind))
def test_larger_rows_are_those_of_the_cpu(kind: dict[str, Any], gpu: Engine) -> None:
    assert_agree(1, gpu, **kind)


MOMENTUM: dict[str, Any] = {"momentum": 0.5, "momentum_rule": "nesterov", "weight_decay": 0.01}
COUPLED: dict[str, Any] = {"noise": "isotropic", "bias": "trained"}
ON_A_GPU: list[dict[str, Any]] = [
    *({"n": n, "m": 10} for n in (20, 50, 100, 400, 2000)),
    *({"n": n, "m": m} for n, m in ((100, 30), (128, 32), (400, 20), (400, 50))),
    *({"n": n, "m": 10, **MOMENTUM} for n in (20, 50, 100, 400)),
    *({"n": n, "m": 10, **COUPLED} for n in (20, 50, 100, 400)),
    *({"n": n, "m": 10, "loss_tol": 0.5} for n in (20, 100, 400)),
]
"""A kernel and launch each: shapes, and what a kernel must be able to do."""


@pytest.mark.gpu
@pytest.mark.parametrize(
    "kind", ON_A_GPU, ids=lambda kind: "-".join(f"{name}={kind[name]}" for name in kind)
)
def test_a_thousand_rows_are_those_of_the_cpu(kind: dict[str, Any], gpu: Engine) -> None:
    """On a GPU, where a race would show: many runs at once, twice, in every kernel and launch."""
    runs = max(4, 20_000_000 // (kind["m"] * kind["n"] ** 2))
    given = {"n_test": 500, "steps": 50, "d": 2000, "p_flip": 0.1} | kind
    assert_agree(runs, gpu, **given)
    first, again = (gpu.run(columns(runs, **(SMALL | given))) for _ in range(2))
    for name in first:
        np.testing.assert_array_equal(first[name], again[name], err_msg=name)
