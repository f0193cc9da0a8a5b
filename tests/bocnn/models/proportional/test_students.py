"""What is trained, against autograd, plain iteration and drawn test points."""

from typing import Any

import numpy as np
import pytest
import torch

from bocnn.models.proportional.descent import DescentOptions, Observer, descend
from bocnn.models.proportional.draws import TrainingProblem, draw
from bocnn.models.proportional.population import (
    activate,
    differentiate,
    nonlinear_power,
    second_moment,
    target_moment,
)
from bocnn.models.proportional.students import (
    pseudo_inverse,
    train_first,
    train_first_linear,
    train_second,
)
from bocnn.theory.proportional.equivalents import power_law
from bocnn.theory.proportional.moments import MOMENT_ACTIVATIONS
from tests.tolerance import assert_near

SIGMA = 0.6


def sample_of(n: int = 12, d: int = 7, h: int = 9, **more: Any) -> TrainingProblem:
    sizes = {"n": n, "d": d, "h": h, "key0": 3, "key1": 0, "replicate": 1}
    scales = {"r": 1.4, "sigma": SIGMA, "init": 0.8, "spectrum_decay": 0.0}
    return draw(sizes | scales | more)


def phi(name: str, a: torch.Tensor) -> torch.Tensor:
    smooth = {
        "sigmoid": torch.sigmoid,
        "softplus": torch.nn.functional.softplus,
        "tanh": torch.tanh,
    }
    return {"relu": torch.relu, "erf": torch.erf, "linear": lambda b: b, **smooth}[name](a)


@pytest.mark.parametrize("name", MOMENT_ACTIVATIONS)
@pytest.mark.parametrize(("n", "d", "h"), [(12, 7, 9), (6, 20, 5)])
def test_descent_is_autograds(n: int, d: int, h: int, name: str) -> None:
    sample, eta, steps = sample_of(n, d, h), 0.3, 25
    labels = sample.x @ sample.target + sample.noise
    x, y, w = (torch.tensor(part) for part in (sample.x, labels, sample.filters.copy()))
    signs = torch.tensor(sample.signs) / h**0.5
    start = signs @ phi(name, w @ x.T)
    w.requires_grad_()
    for _ in range(steps):
        loss = ((signs @ phi(name, w @ x.T) - start - y) ** 2).sum() / (2 * n)
        (gradient,) = torch.autograd.grad(loss, w)
        with torch.no_grad():
            w -= eta * gradient
    trained = descend(sample, labels, name, DescentOptions(eta, steps, 0.0))
    assert_near(trained.filters, w.detach().numpy())
    loss = (trained.residual**2).sum() / (2 * n)
    assert_near(loss, ((signs @ phi(name, w @ x.T) - start - y) ** 2).sum().item() / (2 * n))


@pytest.mark.parametrize("name", ["relu", "tanh"])
def test_the_mean_field_is_autograds_in_its_own_scaling(name: str) -> None:
    """f = h^−q Σ ±φ with steps η h^(2q − 1), and a penalty that such steps make λ."""
    (n, h), eta, ridge, steps = (12, 9), 0.3, 0.2, 25
    sample = sample_of(n, 7, h, spectrum_decay=0.5)
    labels = sample.x @ sample.target + sample.noise
    x, y, w = (torch.tensor(part) for part in (sample.x, labels, sample.filters.copy()))
    for q in (0.5, 0.8, 1.0):
        w = torch.tensor(sample.filters.copy(), requires_grad=True)
        outputs = torch.tensor(sample.signs) / h**q
        start = (outputs @ phi(name, w @ x.T)).detach()
        before = w.detach().clone()
        for _ in range(steps):
            missed = outputs @ phi(name, w @ x.T) - start - y
            loss = (missed**2).sum() / (2 * n) + ridge / 2 * h ** (1 - 2 * q) * (
                (w - before) ** 2
            ).sum()
            (gradient,) = torch.autograd.grad(loss, w)
            with torch.no_grad():
                w -= eta * h ** (2 * q - 1) * gradient
        options = DescentOptions(eta, steps, 0.0, ridge, h ** (q - 0.5))
        trained = descend(sample, labels, name, options)
        assert_near(trained.filters, w.detach().numpy())


def test_descent_stops_at_its_tolerance_and_tells_the_gradient() -> None:
    sample = sample_of()
    labels = sample.x @ sample.target
    trained = descend(sample, labels, "relu", DescentOptions(0.3, 5000, 1e-4))
    assert trained.grad_norm <= 1e-4 and 0 < trained.steps < 5000
    before = descend(sample, labels, "relu", DescentOptions(0.3, trained.steps - 1, 0.0))
    assert before.grad_norm > 1e-4


def step_of_escape(init: float) -> int:
    """When the training loss of erf falls below half of least squares', which no linear network does."""
    sizes = {"n": 40, "d": 20, "h": 40, "key0": 200112, "key1": 0, "replicate": 3}
    sample = draw(sizes | {"r": 1.0, "sigma": 0.5, "init": init, "spectrum_decay": 0.0})
    labels = sample.x @ sample.target + sample.noise
    (least,) = np.linalg.lstsq(sample.x, labels, rcond=None)[1]
    seen: list[int] = []

    def look(step: int, residual: np.ndarray, moved: np.ndarray) -> None:
        if residual @ residual < least / 2:
            seen.append(step)

    every = Observer(frozenset(range(0, 1000, 10)), look)
    descend(sample, labels, "erf", DescentOptions(0.343, 1000, 0.0), observer=every)
    return seen[0]


def test_vanishing_weights_leave_the_linear_solution_exponentially() -> None:
    """Every decade of the initialization delays it by as many steps: it is a saddle."""
    delays = np.diff([step_of_escape(init) for init in (1e-2, 1e-3, 1e-4, 1e-5)])
    assert (delays > 100).all() and delays.max() < 1.15 * delays.min()


@pytest.mark.parametrize(("n", "d"), [(12, 7), (6, 20)])
@pytest.mark.parametrize("steps", [3, 300])
def test_modes_with_a_ridge_are_iterated(n: int, d: int, steps: int) -> None:
    sample, eta, ridge = sample_of(n, d, spectrum_decay=0.7), 0.2, 0.3
    learned = np.zeros((d, n))
    for _ in range(steps):
        learned -= eta * (sample.x.T @ (sample.x @ learned - np.eye(n)) / n + ridge * learned)
    fit = train_first_linear(sample, SIGMA, DescentOptions(eta, steps, 0.0, ridge))
    covariance = np.diag(power_law(d, 0.7))
    missed = learned @ (sample.x @ sample.target) - sample.target
    assert_near(fit.bias, missed @ covariance @ missed)
    assert_near(fit.variance, SIGMA**2 * np.trace(learned.T @ covariance @ learned))
    labels = sample.x @ sample.target + sample.noise
    trained = descend(sample, labels, "linear", DescentOptions(eta, steps, 0.0, ridge))
    ends = (trained.residual**2).sum() / (2 * n), trained.grad_norm
    np.testing.assert_allclose((fit.train_loss, fit.grad_norm), ends, rtol=1e-6, atol=1e-18)


@pytest.mark.parametrize(("n", "d"), [(12, 7), (6, 20)])
@pytest.mark.parametrize("steps", [0, 3, 400])
def test_modes_are_gradient_descent_on_a_linear_network(n: int, d: int, steps: int) -> None:
    """The map from labels to θ is iterated, and the same network is descended by its filters."""
    sample = sample_of(n, d)
    eta, learned = 0.2, np.zeros((d, n))
    for _ in range(steps):
        learned -= eta / n * sample.x.T @ (sample.x @ learned - np.eye(n))
    fit = train_first_linear(sample, SIGMA, DescentOptions(eta, steps, 0.0))
    missed = learned @ (sample.x @ sample.target) - sample.target
    np.testing.assert_allclose(fit.bias, missed @ missed, rtol=1e-9, atol=1e-12)
    assert_near(fit.variance, SIGMA**2 * (learned**2).sum())
    labels = sample.x @ sample.target + sample.noise
    trained = descend(sample, labels, "linear", DescentOptions(eta, steps, 0.0))
    ends = (trained.residual**2).sum() / (2 * n), trained.grad_norm
    np.testing.assert_allclose((fit.train_loss, fit.grad_norm), ends, rtol=1e-6, atol=1e-18)


def test_modes_stop_at_the_step_at_which_descent_stops() -> None:
    sample, options = sample_of(40, 20), DescentOptions(0.2, 10_000, 1e-5)
    labels = sample.x @ sample.target + sample.noise
    expected = descend(sample, labels, "linear", options).steps
    assert train_first_linear(sample, SIGMA, options).steps_run == expected > 10


@pytest.mark.parametrize(("rows", "columns", "rank"), [(9, 5, 5), (5, 9, 5), (9, 9, 4), (5, 9, 3)])
def test_the_pseudo_inverse_is_numpys(rows: int, columns: int, rank: int) -> None:
    rng = np.random.default_rng(rows * columns + rank)
    matrix = rng.standard_normal((rows, rank)) @ rng.standard_normal((rank, columns))
    np.testing.assert_allclose(pseudo_inverse(matrix), np.linalg.pinv(matrix), atol=1e-8)


@pytest.mark.parametrize("name", MOMENT_ACTIVATIONS)
def test_moments_of_neurons_are_those_of_drawn_inputs(name: str) -> None:
    rng = np.random.default_rng(0)
    filters, target = rng.standard_normal((4, 3)), rng.standard_normal(3)
    x = rng.standard_normal((400_000, 3))
    values = activate(name, x @ filters.T)
    for drawn, expected in (
        (values[:, :, None] * values[:, None, :], second_moment(name, filters)),
        (values * (x @ target)[:, None], target_moment(name, filters, target)),
    ):
        error = drawn.std(0) / len(x) ** 0.5
        assert (np.abs(drawn.mean(0) - expected) < 4.5 * error + 1e-12).all()


@pytest.mark.parametrize("name", MOMENT_ACTIVATIONS)
def test_what_is_not_linear_is_what_least_squares_leave(name: str) -> None:
    rng = np.random.default_rng(3)
    filters, weights = rng.standard_normal((5, 3)), rng.standard_normal(5)
    x = rng.standard_normal((400_000, 3))
    values = activate(name, x @ filters.T) @ weights
    left = (values - x @ np.linalg.lstsq(x, values, rcond=None)[0]) ** 2
    found = nonlinear_power(name, filters, weights, second_moment(name, filters))
    assert abs(found - left.mean()) < 4.5 * left.std() / len(x) ** 0.5 + 1e-12


@pytest.mark.parametrize("name", MOMENT_ACTIVATIONS)
def test_derivatives_are_differences(name: str) -> None:
    a = np.array([-2.0, -0.3, 0.4, 1.7])
    step = (activate(name, a + 1e-6) - activate(name, a - 1e-6)) / 2e-6
    np.testing.assert_allclose(differentiate(name, a), step, atol=1e-8)


@pytest.mark.parametrize("name", MOMENT_ACTIVATIONS)
@pytest.mark.parametrize(("n", "d", "h"), [(12, 7, 5), (8, 20, 24), (20, 4, 11)])
def test_the_second_layers_terms_are_those_of_drawn_noise(
    n: int, d: int, h: int, name: str
) -> None:
    sample = sample_of(n, d, h)
    fit = train_second(sample, name, SIGMA)
    rng = np.random.default_rng(1)
    fresh = rng.standard_normal((100_000, d))
    features = activate(name, sample.x @ sample.filters.T)
    map_to = activate(name, fresh @ sample.filters.T) @ np.linalg.pinv(features)
    missed = (map_to @ (sample.x @ sample.target) - fresh @ sample.target) ** 2
    spread = SIGMA**2 * (map_to**2).sum(1)
    for term, drawn in ((fit.bias, missed), (fit.variance, spread)):
        assert abs(term - drawn.mean()) < 4.5 * drawn.std() / len(fresh) ** 0.5 + 1e-9


@pytest.mark.parametrize("name", ["relu", "sigmoid"])
@pytest.mark.parametrize(("n", "d", "h"), [(12, 7, 5), (8, 20, 24)])
def test_the_second_layer_with_a_ridge_is_the_dense_solution(
    n: int, d: int, h: int, name: str
) -> None:
    """Its terms are those of fresh inputs of the same covariance."""
    sample, ridge = sample_of(n, d, h, spectrum_decay=0.6), 0.05
    fit = train_second(sample, name, SIGMA, ridge=ridge)
    features = activate(name, sample.x @ sample.filters.T)
    inverse = np.linalg.solve(features.T @ features + n * ridge * np.eye(h), features.T)
    fresh = np.random.default_rng(1).standard_normal((100_000, d))
    fresh *= np.sqrt(power_law(d, 0.6))
    map_to = activate(name, fresh @ sample.filters.T) @ inverse
    missed = (map_to @ (sample.x @ sample.target) - fresh @ sample.target) ** 2
    spread = SIGMA**2 * (map_to**2).sum(1)
    for term, drawn in ((fit.bias, missed), (fit.variance, spread)):
        assert abs(term - drawn.mean()) < 4.5 * drawn.std() / len(fresh) ** 0.5
    assert fit.grad_norm < 1e-20
    least = train_second(sample, name, SIGMA)
    for term, small in zip(
        least[:4], train_second(sample, name, SIGMA, ridge=1e-9)[:4], strict=True
    ):
        np.testing.assert_allclose(small, term, rtol=1e-3, atol=1e-9)


@pytest.mark.parametrize("given", [{"spectrum_decay": 0.6}, {"h": 4}], ids=str)
def test_the_first_layers_terms_add_up_to_the_risk_in_the_mean_field(given: dict[str, Any]) -> None:
    sample = sample_of(**{"n": 20, "d": 10, "h": 15} | given)
    h = len(sample.signs)
    options = DescentOptions(0.2, 300, 0.0, 0.1, h**0.5)
    fit = train_first(sample, "tanh", options)
    fresh = np.random.default_rng(2).standard_normal((200_000, 10)) * sample.scales
    clean, risks = sample.x @ sample.target, []
    for sign in (1, -1):
        trained = descend(sample, clean + sign * sample.noise, "tanh", options)
        outputs = [
            np.tanh(fresh @ w.T) @ sample.signs / h for w in (trained.filters, sample.filters)
        ]
        risks.append((outputs[0] - outputs[1] - fresh @ sample.target) ** 2)
    drawn = np.mean(risks, axis=0)
    assert abs(fit.bias + fit.variance - drawn.mean()) < 4.5 * drawn.std() / len(fresh) ** 0.5


def test_the_first_layers_terms_add_up_to_the_risk_of_both_signs() -> None:
    sample, options = sample_of(20, 30, 15), DescentOptions(0.2, 4000, 1e-14)
    fit = train_first(sample, "relu", options)
    fresh = np.random.default_rng(2).standard_normal((200_000, 30))
    clean, a = sample.x @ sample.target, sample.signs / 15**0.5
    risks = []
    for sign in (1, -1):
        trained = descend(sample, clean + sign * sample.noise, "relu", options)
        outputs = [np.maximum(fresh @ w.T, 0) @ a for w in (trained.filters, sample.filters)]
        risks.append((outputs[0] - outputs[1] - fresh @ sample.target) ** 2)
    drawn = np.mean(risks, axis=0)
    assert abs(fit.bias + fit.variance - drawn.mean()) < 4.5 * drawn.std() / len(fresh) ** 0.5


def test_a_linear_first_layer_has_the_same_terms_by_both_routes() -> None:
    """With the variance over the noise drawn, the descent's is one draw of the modes' mean."""
    sample, options = sample_of(15, 30, 10), DescentOptions(0.2, 3000, 0.0)
    descent, modes = (
        train_first(sample, "linear", options),
        train_first_linear(sample, SIGMA, options),
    )
    assert_near(descent.bias, modes.bias)
    theta = np.linalg.pinv(sample.x) @ sample.noise
    np.testing.assert_allclose(descent.variance, theta @ theta, rtol=1e-5)
