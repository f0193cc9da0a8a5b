"""Train one network: `bocnn.train(n=20, d=1000, …)` → its measures and trajectory.

Numbers are those of the same run in a sweep, bit for bit. numba, and what else trains, is imported by the
first call.
"""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bocnn.notebook.arguments import complete, refuse_unknown
from bocnn.notebook.result import TrainingResult, Value

_DTYPES: dict[str, Any] = {"int64": np.int64, "float64": np.float64, "string": object}


def train(
    *,
    seed: int = 0,
    replicate: int = 0,
    trajectory: Sequence[int] | None = None,
    keyed: Collection[str] = (),
    **parameters: Value,
) -> TrainingResult:
    """Train and measure one network.

    Args:
        seed: of the sweep.
        replicate: which of a cell's runs.
        trajectory: steps ≥ 0 at which to record the run, beside its end; None records nothing. No
            run is recorded on a GPU.
        keyed: parameters with random numbers of their own for each value though they change nothing that is
            drawn, as a sweep has for its axes (`draws` in its file).
        parameters: by the names of the dataset's columns; `n`, `d`, `m`, `mu_norm`, `sigma_0`, `v0`, `eta`
            and `steps` have no default.
    Returns:
        Measures and, where requested, the trajectory.
    Raises:
        TypeError: a name that is no parameter, with the nearest that is one, or missing parameters.
        ValueError: a value outside its range, or a run that no engine trains.
    """
    from bocnn.models.cnn.model import MODEL

    values = complete({column.name: column for column in MODEL.parameters}, parameters)
    refuse_unknown("keyed", keyed, MODEL.undrawn)
    model = MODEL.with_keyed(keyed)
    columns = {
        column.name: _column(values[column.name], column.type) for column in model.parameters
    }
    columns |= {"seed": np.array([seed]), "replicate": np.array([replicate])}
    if trajectory is None:
        rows, recorded = model.run(columns), None
    else:
        steps = _steps(trajectory)
        rows, recorded = model.record(columns, steps)
        recorded.pop("run")
    engine = model.engine_of(columns, trajectory is not None)["engine"]
    whole = {column.name for column in model.measures if column.type == "int64"}
    measures = {
        name: _plain(found[0], whole=name in whole)
        for name, found in rows.items()
        if name != "status"
    }
    return TrainingResult(
        str(rows["status"][0]), measures, values, engine, recorded, seed, replicate
    )


def _column(value: Value, kind: str) -> NDArray[Any]:
    """A value as a column of one run."""
    return np.array([np.nan if value is None else value], dtype=_DTYPES[kind])


def _steps(trajectory: Sequence[int]) -> NDArray[np.int64]:
    """Steps to record at, rising, each once.

    Raises:
        ValueError: one is negative or not whole.
    """
    steps = np.unique(np.asarray(trajectory, dtype=np.float64))
    if (steps < 0).any() or (steps != np.floor(steps)).any():
        raise ValueError(f"received trajectory = {list(trajectory)}; expected whole steps ≥ 0")
    return steps.astype(np.int64)


def _plain(value: Any, *, whole: bool) -> Value:
    """A measure as a Python number, None for null."""
    if np.isnan(value):
        return None
    return int(value) if whole else float(value)
