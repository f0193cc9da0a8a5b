"""The exponent against the level at which the plane is cut."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.boundary.mean_crossing import MEAN
from analysis.cells.cells import Cells
from analysis.figures.canvas.style import COLUMN_WIDTH, GREY, Mark, marks, theme, wrapped
from analysis.scaling.exponent_by_level import LevelExponent
from sweeps.declare.analysis_spec import PredictionSpec

# Definitions are drawn side by side at a level, this share of the levels' span apart.
DEFINITION_OFFSET = 0.008


def draw_levels(
    cells: Cells, found: Sequence[LevelExponent], *, theories: Sequence[PredictionSpec] = ()
) -> Figure:
    """Exponents with intervals by level, a mark a setting, hollow for the median boundary; theory dashed.

    Args:
        cells: the aggregated measure.
        found: exponents; those not fitted are skipped.
        theories: those without a range are drawn.
    """
    settings = cells.plane.settings
    styles = marks(len(settings))
    with theme():
        figure = Figure(figsize=(COLUMN_WIDTH, 4.6), layout="constrained")
        axes = figure.subplots()
        for theory in theories:
            if theory.x_range is None and theory.exponent is not None:
                label = wrapped(f"theory: {theory.exponent:g}, {theory.name}", 60)
                axes.axhline(theory.exponent, color=GREY, ls="--", lw=1.2, label=label)
        series = list(dict.fromkeys((one.definition, one.setting) for one in found))
        span = np.ptp([one.level for one in found]) if found else 0.0
        for k, (definition, s) in enumerate(series):
            part = [one for one in found if (one.definition, one.setting) == (definition, s)]
            label = ", ".join(filter(None, (definition, settings[s])))
            offset = DEFINITION_OFFSET * float(span) * (k - (len(series) - 1) / 2)
            _draw_series(axes, part, mark=styles[s], label=label, offset=offset)
        axes.set_xlabel(wrapped(f"level of {cells.label}", 60))
        axes.set_ylabel(f"exponent of {cells.plane.y.name} in {cells.plane.x.name}")
        figure.legend(loc="outside lower center", fontsize="small")
    return figure


def _draw_series(
    axes: Axes,
    part: Sequence[LevelExponent],
    *,
    mark: Mark,
    label: str,
    offset: float,
) -> None:
    fitted = [(one.level + offset, one.law.slope) for one in part if one.law.slope is not None]
    if not fitted:
        return
    value = np.array([slope.value for _, slope in fitted])
    ends = np.array([[slope.low, slope.high] for _, slope in fitted])
    error = np.maximum(np.stack([value - ends[:, 0], ends[:, 1] - value]), 0.0)
    mean = part[0].definition == MEAN
    axes.errorbar(
        [at for at, _ in fitted],
        value,
        yerr=np.where(np.isfinite(error), error, 0.0),
        fmt=mark.marker,
        ls="-" if mean else ":",
        mfc=mark.colour if mean else "none",
        color=mark.colour,
        capsize=3,
        lw=1.2,
        label=label,
    )
