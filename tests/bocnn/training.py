"""The engine's training of one run, alone and in a lane beside others, for tests that look at each step."""

from typing import Any, NamedTuple

import numpy as np

from bocnn.cpu.bundle import (
    LEFT,
    REACHED,
    RUNNING,
    STOPPED,
    Stop,
    advance,
    fill,
    new_bundle,
    release,
    resume,
    take,
)
from bocnn.data.draws import Seed
from bocnn.dynamics import activation
from bocnn.dynamics.gram_step import How, Kind, Network, Points, is_finite
from bocnn.dynamics.losses import LOGISTIC, SQUARE
from bocnn.simd.lanes import lanes

SEED = Seed(np.uint64(1), np.uint64(2), np.uint64(3))


class Rule(NamedTuple):
    """How a run is trained: its step, and when it ends."""

    how: How
    loss_tol: float
    batch: int

    @property
    def kind(self) -> Kind:
        """The kind of network and step."""
        return self.how.kind

    def kept(self, mode: str) -> "Rule":
        """The rule with the layers of a mode alone."""
        eta = 0.0 if mode == "output" else self.how.eta
        eta_output = 0.0 if mode == "hidden" else self.how.eta_output
        return self._replace(how=self.how._replace(eta=eta, eta_output=eta_output))


def rule(**given: Any) -> Rule:
    """A rule: plain gradient descent but for what is given; words as the model's."""
    word = given.get("activation", "relu")
    kind = Kind(
        activation.NAMES.index(word),
        0.01,
        {"logistic": LOGISTIC, "square": SQUARE}[given.get("loss", "logistic")],
        given.get("nesterov", False),
    )
    eta, eta_output = given.get("eta", 0.05), given.get("eta_output", 0.05)
    momentum, decay = given.get("momentum", 0.0), given.get("decay", 0.0)
    leak = 0.01 if word == "leaky_relu" else 0.0
    how = How(kind, eta, eta_output, momentum, decay, leak)
    return Rule(how, given.get("loss_tol", -1.0), given.get("batch", 0))


class Training:
    """One run in training; with `wide` in the third lane, other runs in the others."""

    def __init__(self, points: Points, network: Network, rule: Rule, *, wide: bool) -> None:
        self.rule, self.start = rule, network
        self.wide = lanes(network.activations.dtype) if wide else None
        self.lane = 2 if wide else 0
        self.bundle = new_bundle(points, network, self.wide or 1)
        for lane in range(self.wide or 1):
            other = network._replace(activations=(1 + lane - self.lane) * network.activations)
            stop = Stop(0, rule.loss_tol if lane == self.lane else -1.0, rule.batch)
            own = rule.how._replace(eta=rule.how.eta / (1 + abs(lane - self.lane)))
            fill(self.bundle, lane, (points, other), own, (stop, SEED))
        self.until(0)

    def until(self, step: int) -> None:
        """Train until a step; the others rest where this run ends."""
        standing = self.bundle.clock.standing
        if standing[self.lane] in (LEFT, REACHED):
            return
        for lane in np.flatnonzero(standing == STOPPED):
            resume(self.bundle, lane, step)
        while standing[self.lane] == RUNNING:
            advance(self.bundle, self.rule.kind, self.wide)
            for lane in np.flatnonzero(standing > STOPPED):
                if lane != self.lane:
                    release(self.bundle, lane)

    @property
    def network(self) -> Network:
        """The network as it stands."""
        return self.network_in(self.lane)

    def network_in(self, lane: int) -> Network:
        """The network in a lane as it stands."""
        network = Network._make(part.copy() for part in self.start)
        take(self.bundle, lane, network)
        return network

    @property
    def output(self) -> np.ndarray:
        """f of the training samples as it stands, (n,)."""
        return self.bundle.output[:, self.lane].copy()

    @property
    def status(self) -> tuple[str, int]:
        """How it stands, in the words of the dataset, and its step."""
        clock, lane = self.bundle.clock, self.lane
        if clock.standing[lane] == LEFT or not is_finite(self.network):
            return "diverged", int(clock.step[lane])
        ended = clock.standing[lane] == REACHED or self.rule.loss_tol <= 0.0
        return "ok" if ended else "unconverged", int(clock.step[lane])
