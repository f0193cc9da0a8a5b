"""The engine's training of one run, alone and in a lane beside others, for tests that look at each step.

It is the machine code that trains all runs, in lanes that are filled here: none is compiled for it alone.
"""

from typing import Any, NamedTuple

import numpy as np

from bocnn.data.draws import Seed
from bocnn.dynamics import activation
from bocnn.dynamics.state import Network, StepParameters, StepType, TrainingSet, is_finite
from bocnn.engines.cpu.engine import new_results
from bocnn.engines.cpu.lane_state import (
    LANE_AT_LOSS,
    LANE_AT_STOP,
    LANE_DIVERGED,
    LANE_RUNNING,
    LaneRun,
    Stop,
    clear_lane,
    load_lane,
    new_lane_state,
    resume_lane,
    store_lane,
)
from bocnn.engines.cpu.measuring import MEASURE
from bocnn.engines.cpu.run_memory import DRAW, EngineBatch
from bocnn.engines.cpu.runs import WORDS
from bocnn.engines.cpu.training import TRAIN
from bocnn.engines.cpu.training import Training as EngineTraining
from bocnn.engines.packing import pack_runs
from bocnn.simd.arena import Workspace, new_arena
from bocnn.simd.compiler.stages import run
from bocnn.simd.lanes import lane_count
from tests.bocnn.run_columns import columns

SEED = Seed(np.uint64(1), np.uint64(2), np.uint64(3))


class Rule(NamedTuple):
    """How a run is trained: its step, and when it ends."""

    step: StepParameters
    loss_tol: float
    batch: int

    @property
    def step_type(self) -> StepType:
        """The kind of network and step."""
        return self.step.step_type

    def kept(self, mode: str) -> "Rule":
        """The rule with the layers of a mode alone."""
        eta = 0.0 if mode == "output" else self.step.eta
        eta_output = 0.0 if mode == "hidden" else self.step.eta_output
        return self._replace(step=self.step._replace(eta=eta, eta_output=eta_output))


def make_rule(**given: Any) -> Rule:
    """A rule: plain gradient descent but for what is given; words as the model's."""
    word = given.get("activation", "relu")
    step_type = StepType(
        activation.NAMES.index(word),
        0.01,
        WORDS["loss"].index(given.get("loss", "logistic")),
        given.get("nesterov", False),
    )
    eta, eta_output = given.get("eta", 0.05), given.get("eta_output", 0.05)
    momentum, decay = given.get("momentum", 0.0), given.get("decay", 0.0)
    leak = 0.01 if word == "leaky_relu" else 0.0
    step = StepParameters(step_type, eta, eta_output, momentum, decay, leak)
    return Rule(step, given.get("loss_tol", -1.0), given.get("batch", 0))


class Training:
    """One run in training; with `wide` in the third lane, other runs in the others."""

    def __init__(
        self, training_set: TrainingSet, network: Network, rule: Rule, *, wide: bool
    ) -> None:
        self.rule, self.start = rule, network
        self.vector_width = lane_count(network.activations.dtype) if wide else None
        self.lane = 2 if wide else 0
        self.state = new_lane_state(training_set, network, self.vector_width or 1)
        self.engine = self._engine()
        batch = self.engine.batch
        self.program = TRAIN.prepare(self.engine, [(DRAW, batch), (MEASURE, batch)])
        for lane in range(self.vector_width or 1):
            other = network._replace(activations=(1 + lane - self.lane) * network.activations)
            stop = Stop(0, rule.loss_tol if lane == self.lane else -1.0, -1.0, rule.batch)
            own = rule.step._replace(eta=rule.step.eta / (1 + abs(lane - self.lane)))
            load_lane(self.state, lane, LaneRun(training_set, other, own, stop, SEED))
        self.until(0)

    def _engine(self) -> EngineTraining:
        """What the engine trains: these lanes."""
        kind = self.rule.step.step_type
        plain = columns(
            1,
            activation=WORDS["activation"][kind.activation],
            leak=kind.leak,
            loss=WORDS["loss"][kind.loss],
            momentum_rule=WORDS["momentum_rule"][kind.nesterov],
        )
        batch = EngineBatch(
            pack_runs(plain, np.arange(1)),
            Workspace(new_arena(1, 64), new_arena(1, 64)),
            np.empty(0, np.int64),
            new_results(1, 0),
            self.state.output.dtype == np.float32,
        )
        return EngineTraining(batch, self.state, self.vector_width, None, True)

    def advance(self) -> None:
        """Train until a lane ends or stops."""
        run(*self.program)

    def until(self, step: int) -> None:
        """Train until a step; the others rest where this run ends."""
        status = self.state.clock.status
        if status[self.lane] in (LANE_DIVERGED, LANE_AT_LOSS):
            return
        for lane in np.flatnonzero(status == LANE_AT_STOP):
            resume_lane(self.state, lane, step)
        while status[self.lane] == LANE_RUNNING:
            self.advance()
            for lane in np.flatnonzero(status > LANE_AT_STOP):
                if lane != self.lane:
                    clear_lane(self.state, lane)

    @property
    def network(self) -> Network:
        """The network at its present step."""
        return self.network_in(self.lane)

    def network_in(self, lane: int) -> Network:
        """The network in a lane at its present step."""
        network = Network._make(part.copy() for part in self.start)
        store_lane(self.state, lane, network)
        return network

    @property
    def output(self) -> np.ndarray:
        """f of the training samples at the present step, (n,)."""
        return self.state.output[:, self.lane].copy()

    @property
    def status(self) -> tuple[str, int]:
        """Its status, in the words of the dataset, and its step."""
        clock, lane = self.state.clock, self.lane
        if clock.status[lane] == LANE_DIVERGED or not is_finite(self.network):
            return "diverged", int(clock.step[lane])
        ended = clock.status[lane] == LANE_AT_LOSS or self.rule.loss_tol <= 0.0
        return "ok" if ended else "unconverged", int(clock.step[lane])
