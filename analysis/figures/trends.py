"""Fitted quantities over a setting, and local exponents over x."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import ScaledTranslation

from analysis.boundary.mean_crossing import Boundary
from analysis.dataset.plane import Floats, exact
from analysis.figures.canvas.axes import set_scale
from analysis.figures.canvas.style import (
    COLUMN_WIDTH,
    GREY,
    Colour,
    Mark,
    dark,
    marks,
    theme,
    wrapped,
)
from analysis.scaling.power_law import Estimate
from analysis.scaling.sliding_exponent import LocalExponent
from analysis.scaling.trend import Trend
from sweeps.declare.analysis_spec import PredictionSpec
from sweeps.declare.axis import is_log

MAX_LINEAR_TICKS = 6
TREND_MARGIN = 0.06
"""Space beside the outermost points, as a share of the axis."""
MAX_POINTS_ASIDE = 4.0
"""Typographic points by which the intervals of two series at one x are set apart, at most."""
SERIES_WIDTH = 16.0
"""Typographic points over which all series at one x are spread, at most."""
QUANTITY_WORDS = {"kink": "break of the power law"}
"""What a quantity of a sweep file is called in figures, where that is another word."""


def draw_trends(trends: Sequence[Trend]) -> Figure:
    """One quantity over one setting, with intervals; its power law, and theory's limit or power.

    Args:
        trends: of the same quantity and setting, at least one.
    """
    spec = trends[0].spec
    styles = marks(len(trends))
    x = trends[0].values
    log = is_log(x, "list")
    with theme():
        figure = Figure(figsize=(COLUMN_WIDTH, 3.6), layout="constrained")
        axes = figure.subplots()
        set_scale(axes.xaxis, _limits(x, log), log=log)
        if not log:
            axes.xaxis.set_major_locator(MaxNLocator(MAX_LINEAR_TICKS))
        if spec.of == "kink":
            axes.set_yscale("log")
        if spec.limit is not None:
            axes.axhline(spec.limit, color=GREY, ls="--", lw=1.2, label=f"theory: {spec.limit:g}")
        for k, (trend, mark) in enumerate(zip(trends, styles, strict=True)):
            label = ", ".join(filter(None, (f"level {exact(trend.level)}", trend.others)))
            series = _Series(mark, label, aside=_aside(k, len(trends)))
            _draw_points(axes, trend.values, trend.estimates, series)
            _draw_powers(axes, trend, mark.colour)
        if spec.of == "kink":
            set_scale(axes.yaxis, np.array(axes.get_ylim()), log=True)
        axes.set_xlabel(spec.setting)
        axes.set_ylabel(QUANTITY_WORDS.get(spec.of, spec.of))
        figure.legend(loc="outside lower center", fontsize="small")
    return figure


def draw_local(
    boundary: Boundary, found: Sequence[LocalExponent], *, theories: Sequence[PredictionSpec] = ()
) -> Figure:
    """Local exponents over x, settings by colour, theory's exponents dashed over their ranges.

    Args:
        boundary: the boundary they are of.
        found: exponents; those that were not fitted are skipped.
        theories: what is predicted.
    """
    settings, x = boundary.plane.settings, boundary.plane.x
    styles = marks(len(settings))
    with theme():
        figure = Figure(figsize=(COLUMN_WIDTH, 3.6), layout="constrained")
        axes = figure.subplots()
        set_scale(axes.xaxis, x.edges[[0, -1]], log=x.log)
        for theory in theories:
            if theory.exponent is None:
                continue
            low, high = theory.x_range or (x.edges[0], x.edges[-1])
            label = wrapped(f"theory: {theory.exponent:g}, {theory.name}", 60)
            axes.plot([low, high], [theory.exponent] * 2, color=GREY, ls="--", lw=1.2, label=label)
        for s, setting in enumerate(settings):
            mine = [one for one in found if one.setting == s]
            at = np.array([one.at for one in mine])
            series = _Series(styles[s], setting or "measured", aside=_aside(s, len(settings)))
            _draw_points(axes, at, [one.law.slope for one in mine], series)
        axes.set_xlabel(wrapped(x.label, 60))
        axes.set_ylabel(f"local exponent of {boundary.plane.y.name}")
        axes.set_title(wrapped(f"{boundary.label} = {exact(boundary.level)}", 56))
        figure.legend(loc="outside lower center", fontsize="small")
    return figure


def _limits(x: Floats, log: bool) -> Floats:
    low, high = (np.log(x.min()), np.log(x.max())) if log else (x.min(), x.max())
    margin = TREND_MARGIN * (high - low) or 0.5
    ends = np.array([low - margin, high + margin])
    return np.exp(ends) if log else ends


class _Series(NamedTuple):
    """How the points of one series are drawn; `aside` is how far to the right, in typographic points."""

    mark: Mark
    label: str
    aside: float


def _aside(position: int, count: int) -> float:
    """How far a series is set aside, so that intervals at one x do not hide each other."""
    return min(MAX_POINTS_ASIDE, SERIES_WIDTH / count) * (position - (count - 1) / 2)


def _draw_points(axes: Axes, x: Floats, y: Sequence[Estimate | None], series: _Series) -> None:
    known = [(at, e) for at, e in zip(x, y, strict=True) if e is not None]
    if not known:
        return
    value = np.array([e.value for _, e in known])
    ends = np.array([[e.value - e.low, e.high - e.value] for _, e in known]).T
    error = np.where(np.isfinite(ends), np.maximum(ends, 0.0), 0.0)
    drawn = axes.errorbar(
        [at for at, _ in known],
        value,
        yerr=error,
        fmt=series.mark.marker,
        ms=4,
        capsize=3,
        color=series.mark.colour,
        label=series.label,
    )
    scale = axes.get_figure(root=True).dpi_scale_trans  # type: ignore[union-attr]
    aside = axes.transData + ScaledTranslation(series.aside / 72, 0, scale)
    # Afterwards, so that the limits of the axes are those of the data.
    for artist in drawn.get_children():
        artist.set_transform(aside)


def _draw_powers(axes: Axes, trend: Trend, colour: Colour) -> None:
    """The fitted power and theory's, both through the points' middle."""
    known = [e.value for e in trend.estimates if e is not None and e.value > 0]
    if trend.spec.of != "kink" or trend.power is None or not known:
        return
    x = trend.values
    centre, height = np.exp(np.mean(np.log(x))), np.exp(np.mean(np.log(known)))
    power = trend.power
    lines = [
        (power.value, "-", dark(colour), "measured"),
        (trend.spec.exponent, "--", GREY, "theory"),
    ]
    for slope, dashes, ink, who in lines:
        if slope is not None:
            label = f"{who}: {trend.spec.setting}^{slope:.3g}"
            axes.plot(x, height * (x / centre) ** slope, dashes, color=ink, lw=1.2, label=label)
