"""The engines that contract tests loop over: the CPU's, and the GPU's or, without one, its interpreter."""

import os
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any, NamedTuple

import pytest
import torch
from numpy.typing import NDArray

from bocnn import MODEL
from bocnn.engines import availability
from bocnn.engines.registry import GRAM_CPU, GRAM_GPU
from tests.bocnn import arenas
from tests.bocnn.run_columns import columns

torch.set_num_threads(1)  # the dense network's matrices are small, and other tests run beside these
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
if DEVICE == "cpu":  # read by Triton when kernels are declared
    os.environ["TRITON_INTERPRET"] = "1"
    if find_spec("triton") is not None:
        from tests.bocnn.interpreter import quicken

        quicken()

SMALL: dict[str, Any] = {"n": 6, "m": 2, "n_test": 20, "steps": 5}
LARGEST = 130


class Engine(NamedTuple):
    """An engine by its name; `MODEL` trains with it while the test runs."""

    name: str

    def columns(self, runs: int, **given: Any) -> dict[str, NDArray[Any]]:
        """Runs for it: as given on the CPU, few and small ones where Triton interprets."""
        if self.name == GRAM_CPU.name or DEVICE == "cuda":
            return columns(runs, **given)
        given = SMALL | given
        return columns(min(runs, 3), **(given | {"n": min(given["n"], LARGEST)}))

    def run(self, inputs: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Train and measure."""
        assert MODEL.engine == self.name
        return MODEL.run(inputs)


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """The memory that a test allocates is freed with it."""
    yield
    arenas.forget()


@pytest.fixture
def spoiled() -> Iterator[None]:
    """New tensors hold NaN, or the largest integer, until something is written to them."""
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch, spoiled: None) -> Engine:
    """The GPU's engine."""
    pytest.importorskip("triton")
    monkeypatch.setattr(availability, "gpu_device", lambda: DEVICE)
    return Engine(GRAM_GPU.name)


@pytest.fixture(params=[GRAM_CPU.name, GRAM_GPU.name])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """Each engine."""
    if request.param == GRAM_GPU.name:
        pytest.importorskip("triton")
    here = DEVICE if request.param == GRAM_GPU.name else None
    monkeypatch.setattr(availability, "gpu_device", lambda: here)
    return Engine(request.param)
