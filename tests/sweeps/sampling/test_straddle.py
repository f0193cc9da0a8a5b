"""The strategy "straddle" on boundaries that turn and close; its process against scikit-learn's."""

from functools import partial

import numpy as np
import pytest

from sweeps.declare.sampling_spec import SamplingSpec
from sweeps.sampling.lattice import Floats, Lattice
from sweeps.sampling.sampler import AdaptiveSampler
from sweeps.sampling.straddle import Straddle
from sweeps.sampling.surface import Points, likelihood_of, surface_at, surface_of

X, U, LEVEL = np.geomspace(1, 100, 9), np.linspace(0.0, 2.0, 41), 0.25
ACROSS, ALONG = np.linspace(0, 1, X.size), np.linspace(0, 1, U.size)
RING = 0.3 - np.hypot(ACROSS[:, None] - 0.5, ALONG - 0.5)
"""Above zero within a closed boundary."""
TURN = ALONG - 0.3 - 1.6 * (ACROSS[:, None] - 0.5) ** 2
target = partial(
    SamplingSpec, "boundary", strategy="straddle", at_most=4000, round=200, half_width=0.06
)


def lattice(settings: int = 1, replicates: int = 400, columns: int = X.size) -> Lattice:
    cells = np.arange(settings * columns * U.size).reshape(-1, U.size)
    setting = np.repeat(np.arange(settings), columns)
    x = np.tile(X[:columns], settings)
    return Lattice(cells, U, np.exp(U), x, setting, replicates, True)


def sampled(spec: SamplingSpec, inside: Floats, columns: Lattice | None = None) -> AdaptiveSampler:
    """A sampler that was told all it asked for; each run's numbers are its own."""
    sampler = AdaptiveSampler(spec, columns or lattice(), (LEVEL,))
    while (runs := sampler.ask()).cells.size:
        noise = [
            np.random.default_rng([5, *run]).standard_normal() for run in zip(*runs, strict=True)
        ]
        sampler.tell(0.5 / (1 + np.exp(-15 * inside.ravel()[runs.cells])) + 0.1 * np.array(noise))
    return sampler


def wrong(sampler: AdaptiveSampler, inside: Floats) -> float:
    """Share of cells that the surface puts on the wrong side."""
    strategy = Straddle(lattice(), (LEVEL,), sampler.spec)
    surface = strategy._surface(sampler.seen, np.arange(X.size))
    return float(np.mean((surface.mean.reshape(inside.shape) > LEVEL) != (inside > 0)))


@pytest.mark.parametrize("inside", [RING, TURN])
def test_a_boundary_that_turns_or_closes_is_found(inside: Floats) -> None:
    sampler = sampled(target(), inside)
    state = sampler.state
    assert state is not None and state.reached(sampler.spec)
    assert wrong(sampler, inside) < 0.03
    near = np.abs(inside) < 0.1
    later = sampler.seen.runs - Straddle(lattice(), (LEVEL,), sampler.spec).first()
    assert later[near].sum() > 2 * near.mean() * later.sum()


def test_a_narrower_target_asks_for_all_that_a_wider_one_did_and_more() -> None:
    few, many = (sampled(target(half_width=width), RING).seen.runs for width in (0.1, 0.06))
    assert few.sum() < many.sum() and np.all(few <= many)


def test_settings_share_the_runs_by_what_is_not_known() -> None:
    both = np.concatenate([RING, RING])
    sampler = sampled(target(half_width=0.1), both, lattice(2))
    parts = sampler.seen.runs.reshape(2, -1).sum(axis=1)
    assert parts.min() > 0.6 * parts.max()


def test_runs_are_used_up_before_the_target_is_reached() -> None:
    sampler = sampled(target(half_width=0.001), RING, lattice(replicates=2, columns=3))
    assert sampler.seen.runs.max() == sampler.seen.runs.min() == 2


def test_runs_without_a_value_are_no_means() -> None:
    sampler = AdaptiveSampler(target(), lattice(), (LEVEL,))
    sampler.tell(np.full(sampler.ask().cells.size, np.nan))
    state = sampler.state
    assert state is not None and not state.reached(sampler.spec)


def test_the_surface_is_scikit_learns() -> None:
    gaussian = pytest.importorskip("sklearn.gaussian_process")
    rng = np.random.default_rng(1)
    points = Points(rng.random((30, 2)), rng.normal(size=30), rng.uniform(0.01, 0.2, 30))
    places, lengths = rng.random((50, 2)), (0.4, 0.1)
    amplitude = float(np.var(points.value))
    kernel = gaussian.kernels.ConstantKernel(amplitude) * gaussian.kernels.Matern(lengths, nu=2.5)
    oracle = gaussian.GaussianProcessRegressor(
        kernel, alpha=points.noise + 1e-8 * amplitude, optimizer=None
    ).fit(points.at, points.value - points.value.mean())
    mean, covariance = oracle.predict(places, return_cov=True)
    found = surface_of(places, points, lengths)
    np.testing.assert_allclose(found.mean, mean + points.value.mean(), atol=1e-10)
    np.testing.assert_allclose(found.variance, np.diag(covariance), atol=1e-10)
    np.testing.assert_allclose(found.covariance(7, found.factors), covariance[7], atol=1e-10)
    assert likelihood_of(points, lengths) == pytest.approx(oracle.log_marginal_likelihood_value_)


def test_length_scales_are_those_of_what_was_drawn() -> None:
    gaussian = pytest.importorskip("sklearn.gaussian_process")
    rng, at = np.random.default_rng(2), np.random.default_rng(3).random((150, 2))
    for lengths in ((0.8, 0.1), (0.1, 0.8)):
        kernel = gaussian.kernels.Matern(lengths, nu=2.5)(at)
        values = rng.multivariate_normal(np.zeros(150), kernel)
        found = surface_at(at, Points(at, values, np.full(150, 1e-4))).lengths
        assert found[0] / found[1] == pytest.approx(lengths[0] / lengths[1], rel=0.6)
