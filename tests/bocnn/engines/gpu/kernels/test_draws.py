"""The GPU's random numbers against the CPU's: the same counters, the same bits, the same normals."""

import numpy as np
import pytest
import torch
import triton
import triton.language as tl

from bocnn.data import draws
from bocnn.data.geometry import draw_geometry
from bocnn.data.model import DataParameters
from bocnn.data.records import Flips
from bocnn.data.training_set import draw_training_set
from bocnn.engines.gpu import table
from bocnn.engines.gpu.batches import pack
from bocnn.engines.gpu.buffers import PLAIN, allocate_drawn, plan_of
from bocnn.engines.gpu.kernels.draws import chi, normals, uniforms
from bocnn.engines.gpu.launch import Batch, draw
from bocnn.engines.gpu.records import FLOATS, INT_COUNT, BatchSizes, RunParameters
from bocnn.engines.packing import pack_runs
from bocnn.measure.measures import Measures
from bocnn.parameters.measured import STATUSES
from bocnn.rng.chi import chi as cpu_chi
from bocnn.rng.philox import Stream
from tests.bocnn.arenas import arena, workspace
from tests.bocnn.conftest import DEVICE
from tests.bocnn.run_columns import columns

SEED = draws.Seed(np.uint64(123), np.uint64(0xFFFFFFFF), np.uint64(7))


def test_measures_counters_and_statuses_are_the_cpus_by_name() -> None:
    assert table.MEASURE_COUNT.value == len(Measures._fields)
    for index, name in enumerate(Measures._fields):
        assert getattr(table, name.upper()).value == index
    names = {"bias": "FILTER_BIAS", "output": "OUTPUT_WEIGHTS"}
    for name in (
        "label",
        "flip",
        "signal",
        "factor",
        "chi",
        "test",
        "centre",
        "noise",
        "bias",
        "output",
    ):
        ours = getattr(table, names.get(name, name.upper()))
        assert ours.value == getattr(draws, name.upper())
    for name in STATUSES:
        assert STATUSES[getattr(table, name.upper()).value] == name


@triton.jit
def _draw(runs, out, degrees, SIZE: tl.constexpr):
    i = tl.arange(0, SIZE)
    tl.store(out + i, uniforms(runs, 0, 3, i).to(tl.float64))
    tl.store(out + SIZE + i, normals(runs, 0, 3, i).to(tl.float64))
    tl.store(out + 2 * SIZE + i, chi(runs, 0, 4, i, tl.load(degrees + i)))


def seeded() -> RunParameters:
    """One run of the seed, the rest of its parameters unset."""
    ints = torch.zeros((1, INT_COUNT.value), dtype=torch.int64)
    key = (SEED.key0 | (SEED.key1 << np.uint64(32))).view(np.int64)
    ints[0, 0], ints[0, 1] = int(key), int(SEED.replicate)
    return RunParameters(
        torch.zeros((1, len(FLOATS)), dtype=torch.float64).to(DEVICE), ints.to(DEVICE)
    )


def test_uniforms_normals_and_lengths_are_those_of_the_cpu() -> None:
    degrees = np.array([1.0, 2.0, 3.0, 10.0, 1e3, 1e6, 1e12, 1e15] * 32)
    out = torch.empty((3, 256), dtype=torch.float64, device=DEVICE)
    _draw[(1,)](seeded(), out, torch.from_numpy(degrees).to(DEVICE), 256)
    uniform, normal, length = out.cpu().numpy()
    np.testing.assert_array_equal(uniform, draws.draw_uniforms(SEED, draws.FACTOR, 256, arena()))
    expected = draws.draw_normals(SEED, draws.FACTOR, (1, 256), arena())[0]
    np.testing.assert_allclose(normal, expected, rtol=0, atol=1e-6)
    stream = Stream(SEED.key0, SEED.key1, draws.CHI, SEED.replicate)
    lengths = [cpu_chi(float(degree), np.uint64(i), stream) for i, degree in enumerate(degrees)]
    np.testing.assert_allclose(length, lengths, rtol=1e-6)


@pytest.mark.parametrize(
    ("d", "data", "noise"), [(9, "xor", "isotropic"), (50, "signal", "orthogonal")]
)
def test_points_and_filters_are_those_of_the_cpu(d: int, data: str, noise: str) -> None:
    n, m = 6, 3
    inputs = columns(1, n=n, m=m, d=d, data=data, noise=noise, bias="trained", p_flip=0.4)
    given = pack_runs(inputs, np.arange(1))
    sizes, plan = BatchSizes(n, 2 * m, n + 2 * m), plan_of(n, 2 * m)
    runs = RunParameters(*(torch.from_numpy(part).to(DEVICE) for part in pack(given)))
    drawn = allocate_drawn(1, sizes, plan, DEVICE)
    draw(Batch(runs, sizes, plan, PLAIN), drawn)
    xor, isotropic = int(data == "xor"), noise == "isotropic"
    flips = Flips(0.4, 0.4, False)
    parameters = DataParameters(xor, n, d, m, 2.0, 1.0, 0.01, 0.2, flips, isotropic, True, 0)
    seed = draws.Seed(given.key0[0], given.key1[0], given.replicate[0])
    arena = workspace()
    geometry = draw_geometry(parameters, seed, arena)
    training_set = draw_training_set(parameters, geometry, seed, np.float64, arena)
    count = geometry.labels.size
    np.testing.assert_array_equal(drawn.observed[0, :n].cpu(), training_set.observed)
    np.testing.assert_array_equal(drawn.centre[0, :n].cpu(), training_set.shared.argmax(axis=0))
    np.testing.assert_allclose(
        drawn.inner[0, :n, :n].cpu(), training_set.gram[count:, count:], rtol=1e-5
    )
    filters = geometry.filters[:, : 2 * m]
    starts = filters.T @ geometry.points[:, count : count + n]
    np.testing.assert_allclose(drawn.inner[0, n:, :n].cpu(), starts, rtol=1e-4, atol=1e-7)
    head = drawn.head[0, :, n:].cpu().numpy().T
    kept = [*range(1 + xor), 2]
    np.testing.assert_allclose(head[:, kept], filters[: 2 + xor].T, rtol=1e-5)
