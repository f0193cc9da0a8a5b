"""The record that measures read."""

from typing import NamedTuple

from bocnn.arrays import Array
from bocnn.data.model import DataParameters, Geometry
from bocnn.dynamics.state import Network, StepType, TrainingSet


class RunState(NamedTuple):
    """A run between draw and measure; `output` is f of the training samples at its present weights."""

    parameters: DataParameters
    step_type: StepType
    geometry: Geometry
    training_set: TrainingSet
    network: Network
    output: Array
