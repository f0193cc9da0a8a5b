"""What the page knows of a map's cells: their values, and where they are in its images."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from analysis.cells.cells import Cells
from analysis.dataset.plane import Floats, PlaneAxis

EDGE_DIGITS = 5
MEAN_DIGITS, ERROR_DIGITS = 4, 2
"""What the page shows of a mean and of its error."""


def cell_data(cells: Cells) -> dict[str, Any]:
    """The cells as plain values for JSON: axes, and by setting mean, error, runs and failures.

    Lists of cells are indexed [x][y]; null where there is no number.
    """
    failures = {
        **{k: v for k, v in cells.status.items() if k != cells.success},
        "missing": cells.missing,
    }
    return {
        "x": _axis(cells.plane.x),
        "y": _axis(cells.plane.y),
        "runs": int(cells.values.shape[-1]),
        "settings": [
            {
                "name": name or "all runs",
                "mean": _numbers(cells.mean[s], MEAN_DIGITS),
                "error": _numbers(cells.standard_error[s], ERROR_DIGITS),
                "used": cells.runs_used[s].tolist(),
                "failed": {kind: n[s].tolist() for kind, n in failures.items() if n[s].any()},
            }
            for s, name in enumerate(cells.plane.settings)
        ],
    }


def cell_edges(figure: Figure, cells: Cells) -> dict[str, list[float]]:
    """Edges of the cells in a saved map of one setting, as shares of its width and height.

    Args:
        figure: drawn and saved, so that its layout is settled; its first axes hold the map.
        cells: what it shows.
    Returns:
        "x" from the left and "y" from the top, each (cells + 1,), in the order of the values.
    """
    axes = figure.axes[0]
    x, y = cells.plane.x.edges, cells.plane.y.edges
    width, height = figure.bbox.width, figure.bbox.height
    across = axes.transData.transform(np.stack([x, np.full(len(x), y[0])], axis=1))[:, 0]
    up = axes.transData.transform(np.stack([np.full(len(y), x[0]), y], axis=1))[:, 1]
    return {
        "x": np.round(across / width, EDGE_DIGITS).tolist(),
        "y": np.round(1 - up / height, EDGE_DIGITS).tolist(),
    }


def _axis(axis: PlaneAxis) -> dict[str, Any]:
    return {"name": axis.name, "label": axis.label, "values": _numbers(axis.values)}


def _numbers(values: Floats, digits: int = 6) -> Any:
    """Nested lists of numbers to so many significant digits, null where there is none."""
    if values.ndim > 1:
        return [_numbers(part, digits) for part in values]
    return [float(f"{v:.{digits}g}") if np.isfinite(v) else None for v in values.tolist()]
