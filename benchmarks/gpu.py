"""Runs a second of the gram engine on a GPU, and what limits them: tables in Markdown.

    python -m benchmarks.gpu [--plans]

| column | what it is |
|---|---|
| rows | whole runs a second of `MODEL.run`: packing, draws, training, test, the way back |
| GPU only | the same without what the host does: from parameters on the GPU to measures on it |
| draw, train, measure | µs of the GPU a run |
| share of peak | of the float32 rate without tensor cores, counting the 2 · 2m · n² operations of a step |
| / CPU | rows over those of the CPU engine on two threads of this machine |
| / bmm | training alone over batched torch: one bmm a step, as a CUDA graph |

And the contract: rows against the CPU engine's, the same bits twice; and the time of each kernel. With
`--plans` also every way to launch the training kernel, and what it changes in the rows. Without a GPU it
says so and measures nothing.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import torch
import triton
from numpy.typing import NDArray
from torch.profiler import ProfilerActivity, profile

from benchmarks import bmm
from benchmarks.shapes import N_TEST, SCALES, SHAPES, Shape, best_seconds, columns
from bocnn import MODEL
from bocnn.engines import availability
from bocnn.engines.gpu import batches, launch
from bocnn.engines.gpu.buffers import (
    PLAIN,
    LaunchPlan,
    allocate_drawn,
    allocate_measured,
    allocate_trained,
    plan_of,
)
from bocnn.engines.gpu.records import BatchSizes, Drawn, RunParameters, Trained
from bocnn.engines.packing import pack_runs
from bocnn.measure.measures import Measures

WARPS = (0.5, 1, 2)
"""Warps of the training kernel that are tried, over those of the shape's plan."""
PRECISIONS = ("ieee", "tf32x3")
REGISTERS = (0, 128)


class Case(NamedTuple):
    """A shape on a device, with parameters of its runs there."""

    shape: Shape
    device: str
    given: dict[str, NDArray[Any]]
    batch: launch.Batch

    @property
    def count(self) -> int:
        """Runs."""
        return self.batch.run_count


class Found(NamedTuple):
    """Seconds of a case's parts."""

    rows: float
    draw: float
    train: float
    measure: float
    bmm: float
    cpu: float


def make_case(shape: Shape, device: str, count: int, n_test: int = N_TEST) -> Case:
    """Replicates of one cell, packed and on the device."""
    given = columns(count, SCALES | shape._asdict() | {"n_test": n_test})
    packed = batches.pack(pack_runs(MODEL.canonical(given), np.arange(count)))
    runs = RunParameters(*(torch.from_numpy(part).to(device) for part in packed))
    sizes = BatchSizes(shape.n, 2 * shape.m, shape.n + 2 * shape.m)
    batch = launch.Batch(runs, sizes, plan_of(shape.n, 2 * shape.m), PLAIN)
    return Case(shape, device, given, batch)


def seconds_on(device: str, call: Callable[[], object], repeats: int = 3) -> float:
    """Least time of `call` until the device has done it."""

    def done() -> None:
        call()
        if device == "cuda":
            torch.cuda.synchronize()

    return best_seconds(done, repeats)


def measure_case(case: Case, cpu_runs: int) -> Found:
    """Time the parts of a case, and the other ways to train it."""
    batch, device = case.batch, case.device
    drawn = allocate_drawn(case.count, batch.sizes, batch.plan, device)
    draw = seconds_on(device, lambda: launch.draw(batch, drawn))
    trained = allocate_trained(case.count, batch.plan, PLAIN, device)
    train = train_seconds(case, drawn, trained, batch.plan)
    measured = allocate_measured(case.count, batch.sizes, batch.plan, device)
    measure = seconds_on(device, lambda: launch.measure(batch, drawn, trained, measured))
    yardstick = bmm_seconds(case, drawn)
    rows = best_seconds(lambda: MODEL.run(case.given), repeats=2)
    return Found(rows, draw, train, measure, yardstick, cpu_seconds(case, cpu_runs))


def train_seconds(case: Case, drawn: Drawn, trained: Trained, plan: LaunchPlan) -> float:
    """Seconds of the training kernel, launched as `plan` says; what it leaves is in `trained`."""
    batch = case.batch._replace(plan=plan)
    return seconds_on(case.device, lambda: launch.train(batch, drawn, trained))


def bmm_state(case: Case, drawn: Drawn) -> tuple[bmm.Batch, bmm.Samples]:
    """What batched torch starts from: the GPU engine's own draws."""
    n, filters, m = case.shape.n, case.batch.sizes.filters, case.shape.m
    inner = drawn.inner[:, :, :n]
    state = bmm.Batch(
        inner[:, :n].contiguous(),
        inner[:, n:].contiguous(),
        SCALES["mu_norm"] * drawn.head[:, 0, n:].contiguous(),
        drawn.output[:, 0, :filters].contiguous(),
        drawn.output[:, 1, :filters].contiguous(),
    )
    signs = torch.tensor([1.0] * m + [-1.0] * m, device=case.device)
    true = torch.where(drawn.centre[:, :n] == 0, 1.0, -1.0)
    observed = drawn.observed[:, :n].contiguous()
    return state, bmm.Samples(observed, true, signs, SCALES["mu_norm"] ** 2, SCALES["eta"])


def bmm_seconds(case: Case, drawn: Drawn) -> float:
    """Seconds of batched torch for the case's steps, from a tenth of them."""
    torch.backends.cuda.matmul.allow_tf32 = False
    step = bmm.captured(*bmm_state(case, drawn))
    some = max(1, case.shape.steps // 10)
    return seconds_on(case.device, lambda: [step() for _ in range(some)]) / some * case.shape.steps


@contextmanager
def on_cpu() -> Iterator[None]:
    """`MODEL` trains on the CPU within."""
    device = availability.gpu_device
    availability.gpu_device = lambda: None  # type: ignore[assignment]
    try:
        yield
    finally:
        availability.gpu_device = device


def cpu_seconds(case: Case, runs: int) -> float:
    """Seconds of the CPU engine on two threads for the case's runs, from `runs` of them a thread."""
    part = {name: values[:1].repeat(runs) for name, values in case.given.items()}
    part["replicate"] = np.arange(runs)
    with on_cpu(), ThreadPoolExecutor(2) as pool:
        took = best_seconds(lambda: list(pool.map(MODEL.run, [part, part])), repeats=2)
    return took / (2 * runs) * case.count


def row_of(case: Case, found: Found, peak: float) -> list[str]:
    """One row of the first table."""
    shape, count = case.shape, case.count
    on_gpu = found.draw + found.train + found.measure
    operations = 2 * 2 * shape.m * shape.n**2 * shape.steps * count
    cells = [f"{count / found.rows:,.0f}", f"{count / on_gpu:,.0f}"]
    cells += [f"{1e6 * part / count:.2f}" for part in (found.draw, found.train, found.measure)]
    cells += [f"{operations / found.train / peak:.1%}"]
    cells += [f"{found.cpu / found.rows:,.0f}", f"{found.bmm / found.train:.1f}"]
    return [str(shape.n), str(shape.m), str(shape.steps), f"{count:,}", *cells]


def ways(case: Case) -> list[list[str]]:
    """Rows of the last table: arithmetic, warps and most registers of the training kernel."""
    rows = []
    reference = train_batch(case, case.batch.plan)
    drawn = allocate_drawn(case.count, case.batch.sizes, case.batch.plan, case.device)
    launch.draw(case.batch, drawn)
    counts = sorted({max(1, int(case.batch.plan.warps * factor)) for factor in WARPS})
    for precision, warps, registers in product(PRECISIONS, counts, REGISTERS):
        plan = case.batch.plan._replace(precision=precision, warps=warps, registers=registers)
        trained = allocate_trained(case.count, plan, PLAIN, case.device)
        seconds = train_seconds(case, drawn, trained, plan)
        apart = float(np.nanmax(deviation(train_batch(case, plan), reference)))
        shape = [str(part) for part in case.shape[:3]]
        figures = [str(warps), str(registers), f"{1e6 * seconds / case.count:.2f}", f"{apart:.1e}"]
        rows.append([*shape, precision, *figures])
    return rows


def kernels(case: Case) -> list[list[str]]:
    """Rows of the table of kernels: µs of the GPU a run, as the driver's own tracing has it."""
    train_batch(case, case.batch.plan)
    with profile(activities=[ProfilerActivity.CUDA]) as traced:
        train_batch(case, case.batch.plan)
    shape = [str(part) for part in case.shape[:3]]
    events = [event for event in traced.key_averages() if event.device_time_total > 0]
    return [[*shape, e.key[:30], f"{e.device_time_total / case.count:.3f}"] for e in events]


def train_batch(case: Case, plan: LaunchPlan) -> NDArray[Any]:
    """Measures of the case's runs, launched as `plan` says."""
    return launch.train_batch(case.batch._replace(plan=plan))[1].cpu().numpy()


def deviation(rows: NDArray[Any], reference: NDArray[Any]) -> NDArray[Any]:
    """Differences of rows over the stated tolerance, 2e-4 of each measure and 1e-6 absolute."""
    return np.asarray(np.abs(rows - reference) / (1e-6 + 2e-4 * np.abs(reference)))


def contract(case: Case, runs: int) -> list[str]:
    """Against the CPU engine's rows, run by run; whether the same runs give the same bits again."""
    some = {name: values[:runs] for name, values in case.given.items()}
    found, again = MODEL.run(some), MODEL.run(some)
    with on_cpu():
        expected = MODEL.run(some)
    first, second, cpu = (
        np.stack([rows[name].astype(float) for name in Measures._fields], axis=1)
        for rows in (found, again, expected)
    )
    same = np.array_equal(first, second, equal_nan=True)
    status = np.mean(found["status"] == expected["status"])
    apart = deviation(first, cpu)
    beyond = int(np.sum(np.any(apart > 1, axis=1)))
    worst = Measures._fields[int(np.argmax(np.nanmax(apart, axis=0)))]
    shape = [str(part) for part in case.shape[:3]]
    return [
        *shape,
        f"{runs:,}",
        f"{status:.2%}",
        f"{np.nanmax(apart):.2f}",
        worst,
        str(beyond),
        "yes" if same else "NO",
    ]


def peak_flops() -> float:
    """The GPU's float32 rate without tensor cores at its highest clock, operations a second."""
    properties = torch.cuda.get_device_properties(0)
    lanes = 64 if properties.major == 7 or (properties.major, properties.minor) == (8, 0) else 128
    query = ["nvidia-smi", "--query-gpu=clocks.max.sm", "--format=csv,noheader,nounits", "-i", "0"]
    clock = float(subprocess.run(query, capture_output=True, text=True, check=True).stdout)
    return 2 * lanes * properties.multi_processor_count * clock * 1e6


def busy_count(shape: Shape) -> int:
    """Runs that take the GPU long enough to be timed, by the count of operations."""
    return int(np.clip(1e12 / (shape.steps * shape.n**2 * shape.m), 512, 200_000))


def print_table(title: str, head: str, rows: list[list[str]]) -> None:
    """A table in Markdown."""
    names = head.split(", ")
    print(f"\n{title}\n")
    for cells in (names, ["---"] * len(names), *rows):
        print(f"| {' | '.join(cells)} |", flush=True)


def main() -> None:
    """Print the tables."""
    if availability.gpu_device() != "cuda":
        print("no GPU here, or no Triton: nothing measured")
        return
    peak = peak_flops()
    properties = torch.cuda.get_device_properties(0)
    print(f"{properties.name}, {properties.multi_processor_count} multiprocessors,", end=" ")
    print(
        f"{peak / 1e12:.1f} Tflop/s float32; torch {torch.__version__}, triton {triton.__version__}"
    )
    cases = [make_case(shape, "cuda", busy_count(shape)) for shape in SHAPES]
    checks = [contract(case, min(case.count, 2000)) for case in cases]
    head = "n, m, T, runs, same status, largest / tolerance, in, runs beyond, same bits twice"
    print_table("Rows against the CPU engine's", head, checks)
    head = "n, m, T, runs, rows/s, GPU only/s, draw µs, train µs, measure µs, share of peak, / CPU, / bmm"
    timed = [row_of(case, measure_case(case, cpu_runs=200), peak) for case in cases]
    print_table("Runs a second", head, timed)
    print_table("Kernels", "n, m, T, kernel, µs", [row for case in cases for row in kernels(case)])
    if "--plans" in sys.argv[1:]:
        head = "n, m, T, products, warps, registers, train µs, difference / tolerance"
        print_table("Ways to launch", head, [row for case in cases for row in ways(case)])


if __name__ == "__main__":
    main()
