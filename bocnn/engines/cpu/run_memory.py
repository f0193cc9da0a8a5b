"""Stage 1: draws a run into the memory of its lane. The record that every stage reads.

All is drawn in float64, whatever a run is trained in, so that one stage serves every precision: a lane
takes the numbers over in its own.
"""

from typing import NamedTuple

import numpy as np

from bocnn.arrays import Ints
from bocnn.data.geometry import draw_geometry, new_geometry
from bocnn.data.network import draw_network, new_network
from bocnn.data.training_set import draw_training_set, new_training_set
from bocnn.engines.cpu.runs import RunResults, Runs, data_parameters_of, seed_of, step_type_of
from bocnn.measure.run_state import RunState
from bocnn.simd.arena import Workspace, allocate, arena_part, reset
from bocnn.simd.compiler.compiled import compiled
from bocnn.simd.compiler.stages import Stage


class EngineBatch(NamedTuple):
    """Runs of one shape and step type, and all that their stages share.

    runs: their parameters. workspace: arenas, with a part for each lane to keep its run in.
    recorded_steps: at which to record, rising. results: written. in_single: whether runs are trained in
    float32.
    """

    runs: Runs
    workspace: Workspace
    recorded_steps: Ints
    results: RunResults
    in_single: bool


@compiled(_nrt=False)
def workspace_of(batch: EngineBatch, lane: int) -> Workspace:
    """The memory of a lane's run; scratch is that of whoever runs.

    Args:
        batch: the runs.
        lane: index of the lane.
    """
    kept, scratch = batch.workspace.kept, batch.workspace.scratch
    return Workspace(arena_part(kept, lane), arena_part(scratch, 0))


@compiled(_nrt=False)
def drawn_run(batch: EngineBatch, r: int, lane: int) -> RunState:
    """The arrays of run r where `_draw` has put them, as they are now.

    Args:
        batch: the runs.
        r: index of the run.
        lane: that keeps it.
    """
    kept = workspace_of(batch, lane).kept
    reset(kept)
    parameters = data_parameters_of(batch.runs, r)
    geometry = new_geometry(parameters, kept)
    training_set = new_training_set(parameters, np.float64, kept)
    network = new_network(parameters, np.float64, kept)
    output = allocate(kept, training_set.observed.shape, np.float64)
    return RunState(
        parameters, step_type_of(batch.runs, r), geometry, training_set, network, output
    )


@compiled(_nrt=False)
def _draw(batch: EngineBatch, r: int, lane: int) -> int:
    """Run r before training, into the memory of a lane."""
    workspace = workspace_of(batch, lane)
    reset(workspace.kept)
    reset(workspace.scratch)
    seed, parameters = seed_of(batch.runs, r), data_parameters_of(batch.runs, r)
    geometry = draw_geometry(parameters, seed, workspace)
    draw_training_set(parameters, geometry, seed, np.float64, workspace)
    draw_network(parameters, geometry, seed, np.float64, workspace)
    return 0


DRAW = Stage(_draw, 2)
"""Of a `EngineBatch`: the run, and the lane that keeps it."""
