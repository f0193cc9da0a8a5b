"""Columns whose floor is at the level: recognised with few runs, and told from boundaries near an edge."""

from functools import partial

import numpy as np
import pytest

from sweeps.declare.sampling_spec import SamplingSpec
from sweeps.sampling.lattice import Floats, Lattice
from sweeps.sampling.sampler import AdaptiveSampler

X, U, LEVEL = np.geomspace(1, 100, 6), np.linspace(-2.0, 2.0, 129), 0.25
LINE = np.log(X) / 4 - 0.9
target = partial(SamplingSpec, target="boundary", half_width=0.1, at_most=60_000, round=200)


def sampled(
    floor: Floats, *, boundary: Floats = LINE, noise: float = 0.1, falls: bool = True
) -> AdaptiveSampler:
    """A sampler that was told all it asked for: columns fall from 0.5 to their floors, or rise to 0.5."""
    cells = np.arange(X.size * U.size).reshape(X.size, U.size)
    lattice = Lattice(cells, U, np.exp(U), X, np.zeros(X.size, dtype=np.int64), 4000, True)
    sampler, rng = AdaptiveSampler(target(), lattice, (LEVEL,)), np.random.default_rng(4)
    while (runs := sampler.ask()).cells.size:
        column, row = np.divmod(runs.cells, U.size)
        distance = (U[row] - boundary[column]) * (1 if falls else -1)
        mean = floor[column] + (0.5 - floor[column]) / (1 + np.exp(5 * distance))
        sampler.tell(mean + noise * rng.standard_normal(row.size))
    return sampler


@pytest.mark.parametrize("floor", [0.25, 0.26, 0.24])
@pytest.mark.parametrize("falls", [True, False])
def test_columns_that_level_off_at_the_level_are_left(floor: float, falls: bool) -> None:
    floors = np.array([0.0, 0.0, floor, floor, 0.0, 0.0])
    boundary = LINE if falls else -LINE
    sampler = sampled(floors, boundary=boundary, noise=0.2, falls=falls)
    state = sampler.state
    assert state is not None and state.reached(sampler.spec)
    assert (state.level_off, state.beyond, state.open) == (2, 0, 0)
    assert "of 6 crossings 2 in columns that level off at the level" in sampler.words()
    (found,) = state.levels
    end = np.inf if falls else -np.inf
    assert found.u[2:4].tolist() == [end, end]
    np.testing.assert_allclose(found.u[[0, 1, 4, 5]], boundary[[0, 1, 4, 5]], atol=0.25)
    # 64 runs in each of two rows, beside those that locate a crossing.
    assert sampler.seen.runs[2:4].max() == 64 and sampler.seen.runs[2:4].sum() < 2 * 200


def test_floors_on_one_side_of_the_level_for_sure_are_no_plateaus() -> None:
    floors = np.array([0.0, 0.1, 0.15, 0.4, 0.4, 0.0])
    state = sampled(floors).state
    assert state is not None and (state.level_off, state.beyond) == (0, 2)
    assert np.isfinite(state.levels[0].u[[0, 1, 2, 5]]).all()


def test_a_level_near_a_quiet_floor_is_crossed() -> None:
    """Where the measure hardly scatters, a floor near the level says on which side it is."""
    state = sampled(np.full(6, 0.23), noise=0.002).state
    assert state is not None and state.level_off == 0 and np.isfinite(state.levels[0].u).all()


@pytest.mark.parametrize("edge", [-1.95, 1.95])
def test_a_boundary_near_the_edge_of_the_grid_is_no_plateau(edge: float) -> None:
    boundary = np.where(np.arange(6) < 2, edge, LINE)
    state = sampled(np.zeros(6), boundary=boundary).state
    assert state is not None and state.level_off == 0
