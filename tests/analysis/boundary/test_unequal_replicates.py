"""Cells with different numbers of replicates, as adaptive sampling leaves them."""

import numpy as np
import pytest

from analysis.boundary.mean_crossing import find_boundary
from analysis.statistics.bootstrap import Resampling, deviations
from analysis.statistics.local_linear import (
    SparseProfile,
    choose_sparse_bandwidth,
    penalized_loss,
    profile_smoother,
    smoother,
)
from benchmarks import planted

ROWS = 121


def test_a_cell_that_is_left_out_is_predicted_by_the_others() -> None:
    rng = np.random.default_rng(0)
    u, weights = np.sort(rng.uniform(0, 30, 9)), rng.uniform(1, 40, 9)
    matrix = smoother(u, weights, 2.0, step=1.0, left_out=True)
    for k in range(9):
        rest = np.arange(9) != k
        expected = smoother(u[rest], weights[rest], 2.0, u[k : k + 1], step=1.0)[0]
        np.testing.assert_allclose(matrix[k, rest], expected, atol=1e-9)
        assert matrix[k, k] == 0


def test_far_from_all_runs_a_profile_is_a_straight_line() -> None:
    u, runs = np.arange(101.0), np.zeros(101)
    runs[[0, 40, 44, 48, 100]] = [2, 30, 50, 9, 2]
    matrix = profile_smoother(u, runs, 1.5)
    np.testing.assert_allclose(matrix.sum(axis=1), 1.0)
    values = np.array([1.0, 0.6, 0.5, 0.35, 0.0])
    profile = matrix @ values
    np.testing.assert_allclose(profile[[0, 100]], [1.0, 0.0], atol=1e-6)
    np.testing.assert_allclose(np.diff(profile[:41], n=2), 0.0, atol=1e-8)
    np.testing.assert_allclose(profile[20], (profile[0] + profile[40]) / 2)
    line = profile_smoother(u, runs, 1.5) @ (3 + 2 * u[runs > 0])
    np.testing.assert_allclose(line, 3 + 2 * u, rtol=1e-6)


def test_where_all_cells_have_runs_nothing_is_straightened() -> None:
    u, runs = np.linspace(0, 1, 20), np.arange(1.0, 21.0)
    np.testing.assert_array_equal(profile_smoother(u, runs, 0.7), smoother(u, runs, 0.7, u))


@pytest.mark.parametrize("shared", [0.0, 0.7])
def test_the_loss_of_a_bandwidth_is_the_error_of_the_smoothed_means(shared: float) -> None:
    """Up to a constant, on average, also where replicates have noise in common in all cells."""
    rng, u = np.random.default_rng(4), np.array([0.0, 6, 10, 12, 14, 20])
    runs = np.array([3.0, 6, 20, 20, 9, 3])
    truth, found, expected = 1 / (1 + np.exp(u - 11)), [], []
    for _ in range(400):
        noise = rng.standard_normal((6, 20)) * (1 - shared) + rng.standard_normal(20) * shared
        values = np.where(np.arange(20) < runs[:, None], truth[:, None] + 0.3 * noise, np.nan)
        profile = SparseProfile(u, runs, np.nanmean(values, axis=1), deviations(values))
        narrow, wide = (penalized_loss(profile, width, 1.0) for width in (1.0, 4.0))
        rests = [truth - smoother(u, runs, w, step=1.0) @ profile.mean for w in (1.0, 4.0)]
        found.append(wide - narrow)
        expected.append(runs @ (rests[1] ** 2 - rests[0] ** 2))
    apart = np.array(found) - expected
    assert abs(apart.mean()) < 4 * apart.std() / 20 < 0.5 * np.abs(np.mean(expected))


def test_one_bandwidth_is_chosen_again_and_again() -> None:
    """That of columns with few measured cells hangs on the runs beside the crossing, not on chance."""
    chosen = []
    for seed in range(12):
        values, u, _ = sparse(seed)
        profiles = []
        for one in values[0]:
            ok = np.isfinite(one).any(axis=1)
            runs, mean = np.isfinite(one[ok]).sum(axis=1) * 1.0, np.nanmean(one[ok], axis=1)
            profiles.append(SparseProfile(u[ok], runs, mean, deviations(one[ok])))
        chosen.append(choose_sparse_bandwidth(u, profiles))
    assert max(chosen) < 3 * min(chosen)


def sparse(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values (1, x, y, replicates), most beside the boundary, with coordinates and the truth."""
    rng = np.random.default_rng([seed, 3])
    truth = planted.EXPONENT * np.log(planted.X)
    u = truth.mean() + np.linspace(-1.85, 1.85, ROWS) + rng.uniform(-0.2, 0.2)
    values = np.full((len(truth), ROWS, 40), np.nan)
    for column, boundary in enumerate(truth):
        at = int(np.searchsorted(u, boundary + rng.normal(0, 0.02))) // 4 * 4
        counts = {0: 2, 30: 2, 60: 2, 90: 2, 120: 2, at - 8: 4, at + 8: 3}
        counts |= {at: int(rng.integers(12, 40)), at + 4: int(rng.integers(12, 40))}
        for row, runs in counts.items():
            noise = 0.2 * rng.standard_normal(runs)
            values[column, row, :runs] = 0.5 / (1 + np.exp(5 * (u[row] - boundary + noise)))
    return values[None], u, truth


def test_replicates_behind_a_column_are_those_of_the_cells_that_decide() -> None:
    values, u, _ = sparse(0)
    boundary = find_boundary(planted.cells_of(values, u), planted.LEVEL)
    assert boundary.runs.min() > 8 and boundary.runs.max() < 40
    equal = planted.cells_of(np.nan_to_num(values[..., :7], nan=0.3), u)
    assert (find_boundary(equal, planted.LEVEL).runs == 7).all()


def test_intervals_hold_the_boundary() -> None:
    held, scores = [], []
    for seed in range(25):
        values, u, truth = sparse(seed)
        how = Resampling(draws=100, seed=seed)
        found = find_boundary(planted.cells_of(values, u), planted.LEVEL, resampling=how)
        held += ((found.low[0] <= truth) & (truth <= found.high[0])).tolist()
        scores += ((found.estimate[0] - truth) / (found.high[0] - found.low[0])).tolist()
    assert np.mean(held) == pytest.approx(0.95, abs=0.042)  # 250 columns: three standard errors
    assert np.mean(scores) == pytest.approx(0.0, abs=0.08)
