"""The strategy "columns" on planted boundaries: it finds them, spends runs there, and only goes on."""

from functools import partial

import numpy as np
import pytest

from sweeps.declare.sampling_spec import SamplingSpec
from sweeps.sampling.columns import Columns
from sweeps.sampling.crossings import find_crossings
from sweeps.sampling.lattice import Floats, Lattice
from sweeps.sampling.sampler import AdaptiveSampler

X, ROWS, LEVEL = np.geomspace(1, 100, 6), 129, 0.25
U = np.linspace(-2.0, 2.0, ROWS)
BOUNDARY = np.log(X) / 4 - 0.5


def lattice(columns: int = X.size, replicates: int = 2000) -> Lattice:
    """The columns of one setting."""
    cells = np.arange(columns * ROWS).reshape(columns, ROWS)
    x, one = X[:columns], np.zeros(columns, dtype=np.int64)
    return Lattice(cells, U, np.exp(U), x, one, replicates, True)


def measured(
    cells: np.ndarray, replicates: np.ndarray, *, noise: float = 0.3, boundary: Floats = BOUNDARY
) -> Floats:
    """Falls from 0.5 to 0 about the boundary, which is another one for each run."""
    column, row = np.divmod(cells, ROWS)
    shift = [
        np.random.default_rng([9, *run]).standard_normal()
        for run in zip(cells, replicates, strict=True)
    ]
    return 0.5 / (1 + np.exp(5 * (U[row] - boundary[column] + noise * np.array(shift))))


def sampled(
    spec: SamplingSpec, columns: Lattice | None = None, **planted: object
) -> AdaptiveSampler:
    """A sampler that was told everything that it asked for."""
    sampler = AdaptiveSampler(spec, columns or lattice(), (LEVEL,))
    while (runs := sampler.ask()).cells.size:
        sampler.tell(measured(*runs, **planted))  # type: ignore[arg-type]
    return sampler


target = partial(SamplingSpec, at_most=20_000, round=200)


def test_a_boundary_is_found_as_precisely_as_was_asked_for() -> None:
    spec = target("boundary", 0.05)
    sampler = sampled(spec)
    state = sampler.state
    assert state is not None and state.reached(spec)
    (found,) = state.levels
    assert np.abs(found.u - BOUNDARY).max() < 2 * 0.05
    # What (1.96 · 0.3 / 0.05)² runs a column would tell, all at its crossing.
    ideal = X.size * (1.96 * 0.3 / 0.05) ** 2
    assert sampler.runs < 2.5 * ideal
    near = np.abs(U - BOUNDARY[:, None]) < 0.5
    assert sampler.seen.runs[near].sum() > 0.8 * sampler.runs


def test_columns_that_are_alike_get_alike_runs_and_noisy_ones_get_more() -> None:
    """Which runs a column gets follows from what it is, not from the chance of its own slope."""
    alike = sampled(target("boundary", 0.05)).seen.runs.sum(axis=1)
    assert np.log(alike).std() < 0.12

    noise = np.where(np.arange(X.size) < X.size // 2, 0.15, 0.45)
    sampler = AdaptiveSampler(target("boundary", 0.05), lattice(), (LEVEL,))
    while (runs := sampler.ask()).cells.size:
        column = runs.cells // ROWS
        sampler.tell(measured(*runs, noise=noise[column]))  # type: ignore[arg-type]
    by_column = sampler.seen.runs.sum(axis=1)
    assert by_column[3:].min() > 2 * by_column[:3].max()


def test_an_exponent_is_found_and_its_runs_go_to_the_ends() -> None:
    spec = target("exponent", 0.02)
    sampler = sampled(spec)
    state = sampler.state
    assert state is not None and state.reached(spec)
    assert state.estimates[0] == pytest.approx(0.25, abs=2 * 0.02)
    by_column = sampler.seen.runs.sum(axis=1)
    assert by_column[[0, -1]].min() > 1.5 * by_column[2:4].max()


def test_a_narrower_target_asks_for_all_that_a_wider_one_did_and_more() -> None:
    for kind, wide, narrow in (("boundary", 0.1, 0.05), ("exponent", 0.04, 0.02)):
        few, many = (sampled(target(kind, width)).seen.runs for width in (wide, narrow))
        assert few.sum() < many.sum() and np.all(few <= many)
        capped = sampled(SamplingSpec(kind, narrow, at_most=300, round=200)).seen.runs
        assert capped.sum() == 300 and np.all(capped <= many)


def test_columns_beyond_the_grid_are_probed_and_left() -> None:
    boundary = np.array([-3.0, -1.0, 0.0, 1.0, 1.9, 3.0])
    sampler = sampled(target("boundary", 0.1), boundary=boundary)
    state = sampler.state
    assert state is not None and state.beyond == 2 and state.open == 0
    (found,) = state.levels
    assert found.u[[0, -1]].tolist() == [-np.inf, np.inf]
    np.testing.assert_allclose(found.u[1:-1], boundary[1:-1], atol=0.2)
    assert sampler.seen.runs[[0, -1]].sum() < 100


def test_a_transition_between_two_rows_is_located_without_noise() -> None:
    sampler = sampled(target("boundary", 0.5), noise=0.0)
    state = sampler.state
    assert state is not None
    np.testing.assert_allclose(state.levels[0].u, BOUNDARY, atol=np.diff(U)[0])
    assert sampler.runs < 60 * X.size


def test_runs_are_used_up_before_the_target_is_reached() -> None:
    sampler = sampled(target("boundary", 0.001), lattice(replicates=5))
    state = sampler.state
    assert state is not None and not state.reached(sampler.spec)
    assert sampler.seen.runs.max() == 5


def test_runs_without_a_value_are_counted_and_enter_no_mean() -> None:
    sampler = AdaptiveSampler(target("boundary", 0.1), lattice(), (LEVEL,))
    runs = sampler.ask()
    values = measured(*runs)
    values[runs.replicates == 1] = np.nan
    sampler.tell(values)
    seen = sampler.seen
    assert seen.used.sum() * 2 == seen.runs.sum() == runs.cells.size
    assert np.isnan(seen.variance).all()
    np.testing.assert_allclose(seen.mean.ravel()[runs.cells[::2]], values[::2])


def test_errors_are_those_of_the_estimates() -> None:
    """Over many sets of runs the stated errors are the spread of the crossings."""
    strategy = Columns(lattice(), (LEVEL,), target("boundary", 0.1))
    scores = []
    for seed in range(60):
        sampler = AdaptiveSampler(strategy.spec, strategy.lattice, (LEVEL,))
        rng = np.random.default_rng(seed)
        for _ in range(9):
            runs = sampler.ask()
            if not runs.cells.size:
                break
            column, row = np.divmod(runs.cells, ROWS)
            noise = 0.3 * rng.standard_normal(row.size)
            sampler.tell(0.5 / (1 + np.exp(5 * (U[row] - BOUNDARY[column] + noise))))
        found = find_crossings(sampler.seen, strategy.lattice, LEVEL)
        scores.append((found.u - BOUNDARY) / found.error)
    assert np.std(scores) == pytest.approx(1.1, abs=0.2)
    assert np.mean(scores) == pytest.approx(0.0, abs=0.25)
