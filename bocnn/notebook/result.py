"""One trained network as a record that shows itself."""

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

from numpy.typing import NDArray

from bocnn.notebook.html import table

Value: TypeAlias = float | int | str | None


@dataclass(frozen=True, repr=False)
class TrainingResult:
    """One trained network.

    status: ok, unconverged (a stated `loss_tol` was not reached) or diverged. measures: by column; None is
    null. trajectory: recorded columns by name, shape (points,) each, NaN for null; None where nothing was
    recorded. parameters: every parameter of the run, by column; with `seed` and `replicate` they are the
    run. engine: what trained it.
    """

    status: str
    measures: dict[str, Value]
    parameters: dict[str, Value]
    engine: str
    trajectory: dict[str, NDArray[Any]] | None = None
    seed: int = 0
    replicate: int = 0

    def __repr__(self) -> str:
        """Every measure and parameter."""
        run = {"seed": self.seed, "replicate": self.replicate, **self.parameters}
        given = ", ".join(f"{name}={shown(value)}" for name, value in run.items())
        width = max(len(name) for name in self.measures)
        lines = [f"  {name:{width}}  {shown(value)}" for name, value in self.measures.items()]
        if self.trajectory is not None:
            lines.append(f"  trajectory of {len(self.trajectory['step'])} points")
        return "\n".join(
            [f"TrainingResult: {self.status}, trained by {self.engine}", *lines, f"  {given}"]
        )

    def _repr_html_(self) -> str:
        """The same as a table, for notebooks."""
        rows = [(name, shown(value)) for name, value in self.measures.items()]
        parts = [table(f"{self.status}, trained by {self.engine}", ("measure", "value"), rows)]
        if self.trajectory is not None:
            points = zip(*self.trajectory.values(), strict=True)
            cells = [tuple(shown(float(value)) for value in point) for point in points]
            parts.append(table("trajectory", tuple(self.trajectory), cells))
        given = [(name, shown(value)) for name, value in self.parameters.items()]
        return "".join([*parts, table("parameters", ("parameter", "value"), given)])


def shown(value: Value) -> str:
    """A value as a reader wants it: six digits, and the word null."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "null"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
