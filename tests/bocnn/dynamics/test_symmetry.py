"""Symmetries of training, and the growth of its two intertwined sequences."""

import numpy as np
import pytest

from bocnn.dynamics.state import Network, TrainingSet
from tests.bocnn.dense_pairs import Pair, Problem, make_pair
from tests.bocnn.lane_training import Training, make_rule
from tests.tolerance import assert_near

PROBLEM = Problem(15, 60, m=4, bias=True, isotropic=True)


def trained(
    training_set: TrainingSet, network: Network, steps: int = 40, **given: float
) -> Network:
    """The network after training."""
    training = Training(training_set, network, make_rule(**given), wide=True)
    training.until(steps)
    return training.network


def copied(pair: Pair, **parts: np.ndarray) -> Network:
    """A network of its own with some parts replaced, A at the start like A."""
    copies = {name: part.copy() for name, part in pair.network._asdict().items()}
    network = Network(**copies | parts)
    return network._replace(initial=network.activations.copy())


def test_exchanging_filters_of_a_class_exchanges_their_training() -> None:
    pair = make_pair(PROBLEM)
    order = np.array([2, 0, 3, 1, 5, 7, 4, 6])
    moved = copied(
        pair,
        activations=pair.network.activations[order],
        output=np.ascontiguousarray(pair.network.output[:, order]),
    )
    moved, plain = trained(pair.training_set, moved), trained(pair.training_set, pair.network)
    assert_near(moved.activations, plain.activations[order])
    assert_near(moved.output, plain.output[:, order])


def test_exchanging_the_classes_and_all_labels_exchanges_their_filters() -> None:
    pair = make_pair(PROBLEM)
    order = np.roll(np.arange(8), 4)
    other = copied(
        pair,
        activations=pair.network.activations[order],
        output=np.ascontiguousarray(pair.network.output[:, order]),
    )
    flipped = pair.training_set._replace(observed=-pair.training_set.observed)
    other, plain = trained(flipped, other), trained(pair.training_set, pair.network)
    assert_near(other.activations, plain.activations[order])
    assert_near(other.output, plain.output[:, order])


@pytest.mark.parametrize("scale", [0.1, 7.0])
def test_larger_patches_with_smaller_filters_train_alike(scale: float) -> None:
    """Patches c·z, filters w/c and step size η/c² of the hidden layer leave A and v as they were."""
    pair = make_pair(PROBLEM)
    scaled = pair.training_set._replace(gram=scale**2 * pair.training_set.gram)
    other = trained(scaled, copied(pair), eta=0.05 / scale**2)
    plain = trained(pair.training_set, pair.network)
    assert_near(other.activations, plain.activations)
    assert_near(other.output, plain.output)


@pytest.mark.parametrize("scale", [0.2, 3.0])
def test_a_factor_moves_freely_between_the_layers_of_a_relu_network(scale: float) -> None:
    """Filters a·w and outputs v/a, with step sizes a²·η and η/a², give the same function throughout."""
    pair = make_pair(PROBLEM)
    other = copied(
        pair, activations=scale * pair.network.activations, output=pair.network.output / scale
    )
    other = trained(pair.training_set, other, eta=0.05 * scale**2, eta_output=0.05 / scale**2)
    plain = trained(pair.training_set, pair.network)
    assert_near(other.activations, scale * plain.activations)
    assert_near(other.output, plain.output / scale)


@pytest.mark.parametrize("ratio", [0.5, 1.0, 4.0])
def test_intertwined_sequences_settle_at_the_root_of_their_steps(ratio: float) -> None:
    """While outputs are small, s ← s + A v and v ← v + B s: s/v → √(A/B), growth 1 + √(AB) a step."""
    pair = make_pair(Problem(30, 200, mu_norm=3.0, p_flip=0.0))
    small = copied(pair, activations=1e-9 * pair.network.activations)
    small.output[:] = 1e-9
    steps = {"eta": 0.02, "eta_output": 0.02 / ratio}
    mu_norm = pair.problem.mu_norm
    first, second = (trained(pair.training_set, small, count, **steps) for count in (400, 401))
    before = first.activations[:4, 0].max() / mu_norm
    after = second.activations[:4, 0].max() / mu_norm
    filters = np.argmax(second.activations[:4, 0])
    assert after / second.output[0, filters] == pytest.approx(np.sqrt(ratio), rel=0.02)
    positive = np.mean(pair.training_set.observed > 0)
    pull = 0.5 * positive * mu_norm * np.sqrt(steps["eta"] * steps["eta_output"])
    assert after / before == pytest.approx(1 + pull, rel=1e-3)
    assert np.max(np.abs(second.output)) < 1e-2
