"""Which cells are shown along the training: panels over one axis, the others fixed."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from analysis.dataset.plane import text_of_value
from analysis.dataset.trajectories.files import Cell
from analysis.errors import AnalysisError, nearest
from sweeps.declare.document.document import SweepDocument

MAX_PANELS = 4


class Chosen(NamedTuple):
    """Cells to show, the axis and values of their panels, and the values of the other axes."""

    cells: list[Cell]
    over: str
    values: list[Any]
    fixed: dict[str, Any]
    settings: dict[str, tuple[Any, ...]]


def choose(cells: list[Cell], sweep: SweepDocument, *, over: str, at: Mapping[str, Any]) -> Chosen:
    """The cells of at most MAX_PANELS values of one axis, the other axes held fixed.

    Args:
        cells: all that have records.
        sweep: their sweep.
        over: the axis of the panels.
        at: values of other axes; those not named are held fixed in their middle.
    Raises:
        AnalysisError: no such axis, or no run there.
    """
    _check_axes(sweep, (over, *at), cells)
    values = _distinct(cells, over)
    if len(values) > MAX_PANELS:
        values = [values[round(k)] for k in np.linspace(0, len(values) - 1, MAX_PANELS)]
    cells = [cell for cell in cells if cell[over] in values]
    fixed: dict[str, Any] = {}
    for name in sweep.axes:
        kinds = {(cell[over], cell[name]) for cell in cells if name in cell}
        # An axis zipped with the panels' has one value in each and needs no holding.
        if name == over or (name not in at and len(kinds) <= len(values)):
            continue
        present = _distinct(cells, name)
        wanted = name in at
        fixed[name] = _recorded(name, at[name], present) if wanted else present[len(present) // 2]
        cells = [cell for cell in cells if cell[name] == fixed[name]]
    settings = {n: v for n, v in sweep.settings.items() if len(v) > 1 and n in cells[0]}
    return Chosen(cells, over, values, fixed, settings)


def _recorded(name: str, wanted: Any, present: list[Any]) -> Any:
    """The recorded value that reads as the wanted one does."""
    for value in present:
        if value == wanted or text_of_value(value) == text_of_value(wanted):
            return value
    raise AnalysisError(
        f"Received {name} = {text_of_value(wanted)} for trajectories; expected one of the recorded "
        f"values {', '.join(map(text_of_value, present))}."
    )


def _check_axes(sweep: SweepDocument, names: Iterable[str], cells: list[Cell]) -> None:
    valid = [name for name in sweep.axes if name in cells[0]]
    for name in names:
        if name not in valid:
            raise AnalysisError(
                f"Received the axis '{name}' for trajectories; expected an axis of the sweep "
                f"'{sweep.name}' that its rows hold.{nearest(name, valid)}"
            )


def _distinct(cells: list[Cell], name: str) -> list[Any]:
    return sorted({cell[name] for cell in cells}, key=lambda value: (value is None, value))
