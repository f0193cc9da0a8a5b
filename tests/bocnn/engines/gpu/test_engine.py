"""Which runs go to the GPU, and when there is none."""

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from bocnn import MODEL
from bocnn.engines.gpu import engine
from bocnn.engines.packing import cells_of
from tests.bocnn.conftest import DEVICE, Engine
from tests.bocnn.run_columns import columns

UNFIT: list[dict[str, Any]] = [
    {"precision": "float64"},
    {"activation": "tanh"},
    {"batch": 7},
    {"n": engine.MOST_SAMPLES + 1},
    {"m": engine.MOST_FILTERS // 2 + 1},
]
FIT: list[dict[str, Any]] = [
    {"activation": "leaky_relu"},
    {"batch": 20},
    {"n": engine.MOST_SAMPLES},
    {"m": engine.MOST_FILTERS // 2},
    {"momentum": 0.5, "weight_decay": 0.1, "data": "xor", "bias": "trained", "loss": "square"},
]


@pytest.mark.parametrize("given", UNFIT, ids=lambda given: "+".join(given))
def test_what_the_kernels_do_not_take_stays_on_the_cpu(given: dict[str, Any]) -> None:
    assert not MODEL.supports_gpu(columns(2, **given)).any()


@pytest.mark.parametrize("given", FIT, ids=lambda given: "+".join(given))
def test_what_the_kernels_take_goes_to_the_gpu(given: dict[str, Any]) -> None:
    assert MODEL.supports_gpu(columns(2, **given)).all()


def test_runs_that_do_not_fit_are_trained_by_the_cpu_bit_for_bit(gpu: Engine) -> None:
    inputs = columns(2, activation="tanh")
    mixed = {name: np.concatenate([v, columns(1, n=5, m=2)[name]]) for name, v in inputs.items()}
    mixed["n_test"][:], mixed["steps"][:] = 20, 5
    found = gpu.run(mixed)
    alone = MODEL.run({name: values[:2] for name, values in mixed.items()})
    for name in alone:
        np.testing.assert_array_equal(found[name][:2], alone[name])
    assert MODEL.engine_of(mixed)["engine"] == "gram-cuda+gram-cpu"
    assert MODEL.engine_of({name: v[2:] for name, v in mixed.items()})["engine"] == "gram-cuda"
    assert MODEL.engine_of({name: v[:2] for name, v in mixed.items()})["engine"] == "gram-cpu"


def test_rows_do_not_depend_on_the_pieces_that_are_packed(
    gpu: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = [columns(k, n=n, m=1, n_test=5, steps=2, v0=0.1 * k) for k, n in ((2, 4), (3, 5))]
    inputs = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    whole = gpu.run(inputs)
    monkeypatch.setattr(engine, "_PIECE", 2)
    pieces = gpu.run(inputs)
    for name in whole:
        np.testing.assert_array_equal(pieces[name], whole[name], err_msg=name)


def test_words_and_keys_are_looked_up_once_a_cell() -> None:
    cells = [columns(3), columns(2, v0=0.7), columns(2, v0=0.7, activation="leaky_relu")]
    inputs = {name: np.concatenate([cell[name] for cell in cells]) for name in cells[0]}
    first, cell = cells_of(inputs)
    np.testing.assert_array_equal(first, [0, 3, 5])
    np.testing.assert_array_equal(cell, [0, 0, 0, 1, 1, 2, 2])


def answered(environment: dict[str, str], code: str) -> str:
    """What a fresh Python prints."""
    result = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    return result.stdout.strip()


@pytest.mark.parametrize("visible", [{"CUDA_VISIBLE_DEVICES": ""}, {"HOME": "/tmp"}])
def test_without_a_gpu_to_see_torch_is_not_imported(visible: dict[str, str]) -> None:
    """A worker on the CPU starts seconds sooner."""
    if DEVICE == "cuda" and "HOME" in visible:
        pytest.skip("there is a GPU")
    code = (
        "import sys; sys.path.insert(0, '.'); from bocnn.engines.availability import gpu_device;"
        "print(gpu_device(), 'torch' in sys.modules)"
    )
    assert answered(visible, code) == "None False"


@pytest.mark.skipif(DEVICE == "cuda", reason="there is a GPU")
def test_without_triton_or_a_gpu_the_cpu_trains() -> None:
    code = (
        "import sys; sys.path.insert(0, '.'); sys.modules['triton'] = None;"
        "import bocnn; print(bocnn.MODEL.engine)"
    )
    assert answered({"HOME": "/tmp"}, code) == "gram-cpu"
