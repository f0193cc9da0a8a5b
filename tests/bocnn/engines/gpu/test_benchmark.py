"""The GPU benchmark: its yardstick trains the same dynamics, and every table can be made."""

import time
from collections.abc import Callable

import pytest
import torch

from benchmarks import bmm
from benchmarks import gpu as benchmark
from benchmarks.shapes import Shape
from bocnn.engines.gpu import launch
from bocnn.engines.gpu.buffers import allocate_drawn, allocate_trained
from tests.bocnn.conftest import DEVICE, Engine


def seconds(call: Callable[[], object], repeats: int) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def test_batched_torch_trains_as_the_kernel_does() -> None:
    case = benchmark.make_case(Shape(9, 3, 15, 40), DEVICE, 3)
    drawn = allocate_drawn(3, case.batch.sizes, case.batch.plan, DEVICE)
    launch.draw(case.batch, drawn)
    trained = allocate_trained(3, case.batch.plan, benchmark.PLAIN, DEVICE)
    launch.train(case.batch, drawn, trained)
    state, samples = benchmark.bmm_state(case, drawn)
    for _ in range(case.shape.steps):
        bmm.step(state, samples)
    expected = trained.activations[:, : case.batch.sizes.filters, :9]
    torch.testing.assert_close(state.activations, expected, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(state.second, trained.output[:, 1, :6], rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(state.first, trained.output[:, 0, :6], rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(
        bmm.outputs(state, samples), trained.margin[:, :9], rtol=1e-4, atol=1e-6
    )


@pytest.mark.slow
def test_every_table_can_be_made(gpu: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark, "WARPS", (1,))
    monkeypatch.setattr(benchmark, "REGISTERS", (128,))
    if DEVICE == "cpu":  # what the interpreter takes is no figure of a table
        monkeypatch.setattr(benchmark, "best_seconds", seconds)
    case = benchmark.make_case(Shape(5, 2, 2), DEVICE, 2, n_test=4)
    row = benchmark.row_of(case, benchmark.measure_case(case, cpu_runs=3), peak=1e12)
    assert len(row) == 12 and all(row)
    ways = benchmark.ways(case)
    assert len(ways) == 2
    if DEVICE == "cpu":  # the interpreter knows neither warps nor tensor cores
        assert all(way[-1] == "0.0e+00" for way in ways)
    *_, apart, _, beyond, same = benchmark.contract(case, 2)
    assert float(apart) < 1 and beyond == "0" and same == "yes"
