"""Kinks and shifts as targets: found where they were planted, with honest widths."""

from functools import partial

import numpy as np
import pytest

from sweeps.declare.sampling_spec import SamplingSpec
from sweeps.sampling.allotment import column_weights
from sweeps.sampling.crossings import LevelCrossings
from sweeps.sampling.lattice import Floats, Lattice
from sweeps.sampling.laws import Crossed, kink_influence, kinks, line_at, shifts
from sweeps.sampling.sampler import AdaptiveSampler

X, U, LEVEL = np.geomspace(1, 300, 10), np.linspace(-2.5, 2.5, 161), 0.25
KINK, BELOW, ABOVE = 17.0, 0.45, -0.1
BENT = BELOW * np.minimum(np.log(X / KINK), 0) + ABOVE * np.maximum(np.log(X / KINK), 0)
target = partial(SamplingSpec, at_most=30_000, round=200)


def lattice(settings: int = 1, *, log: bool = True) -> Lattice:
    """Columns of some settings."""
    cells = np.arange(settings * X.size * U.size).reshape(-1, U.size)
    y = np.exp(U) if log else U
    setting = np.repeat(np.arange(settings), X.size)
    return Lattice(cells, U, y, np.tile(X, settings), setting, 3000, log)


def sampled(spec: SamplingSpec, boundary: Floats, seed: int = 0) -> AdaptiveSampler:
    """A sampler that was told all that it asked for; the boundary has shape (settings, x)."""
    rng, truth = np.random.default_rng(seed), boundary.ravel()
    sampler = AdaptiveSampler(spec, lattice(len(boundary)), (LEVEL,))
    while (runs := sampler.ask()).cells.size:
        column, row = np.divmod(runs.cells, U.size)
        noise = 0.3 * rng.standard_normal(row.size)
        sampler.tell(0.5 / (1 + np.exp(5 * (U[row] - truth[column] + noise))))
    return sampler


def crossings(u: Floats, error: Floats) -> LevelCrossings:
    """Crossings of which all but their places and errors is plain."""
    some, inside = np.ones(u.size), np.isfinite(u)
    rows = np.full(u.size, 3, dtype=np.int64)
    unit = np.where(inside, 10 * error, np.nan)
    error = np.where(inside, error, np.nan)
    none = np.zeros(u.size, dtype=bool)
    return LevelCrossings(
        low=rows,
        high=rows + 1,
        u=u,
        error=error,
        unit=unit,
        reach=some,
        dof=50 * some,
        steepness=some,
        beyond=none,
        level_off=none,
        probe=np.zeros((u.size, U.size), dtype=bool),
    )


def test_a_kink_is_found_as_precisely_as_was_asked_for() -> None:
    spec = target("kink", 0.15)
    sampler = sampled(spec, BENT[None])
    state = sampler.state
    assert state is not None and state.reached(spec) and state.without == 0
    assert abs(np.log(state.estimates[0] / KINK)) < 2 * 0.15
    assert f"kink {state.estimates[0]:.4g} ± 0.1" in sampler.words()


def test_kinks_spread_as_their_half_widths_say() -> None:
    """Exactly where a law has a kink, crossings with noise give it with the stated spread."""
    rng, error = np.random.default_rng(1), np.full(X.size, 0.02)
    every = np.ones(X.size, dtype=bool)
    found = [
        kinks(crossings(BENT + error * rng.standard_normal(X.size), error), lattice(), every)[0]
        for _ in range(400)
    ]
    off = [np.log(fit.value / KINK) / fit.half_width for fit in found if fit is not None]
    assert len(off) == 400
    assert np.mean(np.abs(off) < 1) == pytest.approx(0.95, abs=0.03)


def test_what_moves_a_kink_is_its_derivative() -> None:
    own = Crossed(np.log(X), BENT, np.full(X.size, 1e-4), np.full(X.size, 9.0), X > 0)
    found = kink_influence(own, own.weight)
    assert found is not None and found[0] == pytest.approx(np.log(KINK), abs=1e-9)
    for column, influence in enumerate(found[1]):
        moved = own.y.copy()
        moved[column] += 1e-6
        other = kink_influence(own._replace(y=moved), own.weight)
        assert other is not None
        assert (other[0] - found[0]) / 1e-6 == pytest.approx(influence, rel=1e-3, abs=1e-6)


def test_a_line_is_that_of_least_squares() -> None:
    rng = np.random.default_rng(0)
    x, y, weight = rng.random(7), rng.random(7), rng.random(7)
    slope, height = np.polyfit(x - 0.3, y, 1, w=np.sqrt(weight))
    line = line_at(x, 0.3, weight)
    assert [line.slope @ y, line.height @ y] == pytest.approx([slope, height])


def test_a_shift_is_found_and_the_first_setting_has_the_most_runs() -> None:
    spec = target("shift", 0.02)
    line = np.log(X) / 8
    sampler = sampled(spec, line + np.array([[-0.5], [0.0], [0.5], [0.25], [-0.25]]))
    state = sampler.state
    assert state is not None and state.reached(spec)
    np.testing.assert_allclose(np.log(state.estimates), [0.5, 1.0, 0.75, 0.25], atol=0.04)
    runs = sampler.seen.runs.reshape(5, -1).sum(axis=1)
    assert runs[0] > 1.3 * runs[1:].max()


def test_shifts_spread_as_their_half_widths_say_and_are_differences_on_a_linear_axis() -> None:
    rng, error = np.random.default_rng(2), np.repeat([0.02, 0.05], X.size)
    every = np.ones(2 * X.size, dtype=bool)
    off = []
    for _ in range(400):
        u = np.repeat([0.1, 0.4], X.size) + error * rng.standard_normal(2 * X.size)
        (fit,) = shifts(crossings(u, error), lattice(2, log=False), every)
        assert fit is not None
        off.append((fit.value - 0.3) / fit.half_width)
    assert np.mean(np.abs(off) < 1) == pytest.approx(0.95, abs=0.03)


def test_settings_that_have_no_law_are_left_and_said_to() -> None:
    """Of two settings one crosses beyond the grid: it keeps no target open."""
    boundary = np.stack([BENT, np.full(X.size, 9.0)])
    for kind, width in (("kink", 0.3), ("exponent", 0.05)):
        sampler = sampled(target(kind, width), boundary)
        state = sampler.state
        assert state is not None and state.reached(sampler.spec) and state.without == 1
        assert f"1 without {kind}" in sampler.words()
    sampler = sampled(target("shift", 0.1), boundary)
    assert "no shift: too few columns cross on the grid" in sampler.words()
    assert sampler.runs < 3000


def test_columns_that_move_a_target_most_get_the_most_runs() -> None:
    found = crossings(BENT, np.full(X.size, 0.02))
    weights = column_weights(target("kink", 0.1), lattice(), found)
    middle = int(np.argmin(np.abs(np.log(X / KINK))))
    assert weights.argmax() in (middle - 1, middle, middle + 1) and weights.min() > 0
    lost = np.where(np.arange(2 * X.size) == 3, np.inf, np.tile(BENT, 2))
    found = crossings(lost, np.full(2 * X.size, 0.02))
    shares = column_weights(target("shift", 0.1), lattice(2), found).reshape(2, -1)
    assert shares[:, 3].tolist() == [0, 0] and (np.delete(shares, 3, axis=1) > 0).all()
