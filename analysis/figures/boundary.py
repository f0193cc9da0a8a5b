"""The boundary: crossings of all settings with intervals, fitted power laws, and theory's lines."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis.boundary.mean_crossing import Boundary
from analysis.dataset.plane import Floats, PlaneAxis, exact
from analysis.figures.canvas.axes import scale_axes
from analysis.figures.canvas.points import crossings, draw_points
from analysis.figures.canvas.style import (
    COLUMN_WIDTH,
    GREY,
    Colour,
    Mark,
    dark,
    marks,
    panels,
    theme,
    wrapped,
)
from analysis.scaling.broken_power_law import BrokenPowerLaw
from analysis.scaling.power_law import PowerLaw
from analysis.scaling.prediction import POOR_FIT, Comparison, is_poor_fit
from sweeps.declare.analysis_spec import PredictionSpec

LINE_ORDER = 4
"""Lines are drawn over the points."""
MAX_LEGEND_LETTERS = 60
MAX_NAMED_SETTINGS = 3
"""Settings beyond which lines have no words in the legend."""
LEGEND_ORDER = ("measured", "crosses", "fit", "broken power law", "theory", "predicted")


class _BoundaryLine(NamedTuple):
    """A line over the points: log y of log x within a range, its dashes, and the legend's words."""

    setting: int
    x_range: tuple[float, float] | None
    log_y: Callable[[Floats], Floats]
    dashes: str
    kind: str
    words: str


def draw_boundary(
    boundary: Boundary,
    laws: Sequence[PowerLaw],
    *,
    comparisons: Sequence[Comparison] = (),
    broken_laws: Sequence[BrokenPowerLaw] = (),
    predicted: Mapping[PredictionSpec, Floats] | None = None,
) -> Figure:
    """One panel: points with intervals, fitted lines (solid), theory (dashed, positions dotted).

    Axes are logarithmic where all their values are positive, so that power laws are straight.
    Censored columns are triangles at the edge of the grid beyond which they cross.

    Args:
        boundary: one level's boundary.
        laws: fitted power laws to draw; those not fitted are skipped.
        comparisons: theory's exponents with their fitted constants.
        broken_laws: broken power laws; drawn where they are preferred.
        predicted: y* of predictions that state one, in the values of y, shape (settings, x).
    """
    x, y = (
        replace(a, log=bool(np.all(a.values > 0))) for a in (boundary.plane.x, boundary.plane.y)
    )
    count = len(boundary.plane.settings)
    styles = marks(count)
    curves = [*map(_law, laws), *map(_theory, comparisons), *map(_regimes, broken_laws)]
    drawn = [curve for curve in curves if curve is not None]
    if count > MAX_NAMED_SETTINGS:
        # The tables say what so many lines are; a legend of them would hide the figure.
        drawn = [curve._replace(words="") for curve in drawn]
    with theme():
        named = sum(bool(curve.words) for curve in drawn)
        figure, grid = panels(COLUMN_WIDTH, 3.5 + 0.16 * (count + 2 * named))
        axes = grid[0, 0]
        scale_axes(axes, x, y)
        for s, mark in enumerate(styles):
            sideways = _sideways(x, s, count)
            _draw_crossings(axes, boundary, s, sideways=sideways, mark=mark)
            _draw_censored(axes, boundary, s, sideways=sideways, colour=mark.colour)
        for curve in drawn:
            _draw_curve(axes, boundary, curve, colour=dark(styles[curve.setting].colour))
        for theory, lines in (predicted or {}).items():
            _draw_predicted(axes, boundary, theory, lines=lines, styles=styles)
        axes.set(xlabel=wrapped(x.label, 56), ylabel=wrapped(y.label))
        axes.set_title(wrapped(f"{boundary.label} = {exact(boundary.level)}", 56))
        _add_legend(figure, axes, censored=bool(np.isinf(boundary.estimate).any()))
    return figure


def _sideways(x: PlaneAxis, s: int, count: int) -> Callable[[Floats], Floats]:
    """Moves a setting's points sideways a little, so that intervals do not hide each other."""
    width = np.min(np.diff(x.coordinates)) if len(x.values) > 1 else 0.0
    offset = 0.24 * width * (s - (count - 1) / 2) / count
    return lambda at: np.asarray(at * np.exp(offset) if x.log else at + offset)


def _draw_crossings(
    axes: Axes, boundary: Boundary, s: int, *, sideways: Callable[[Floats], Floats], mark: Mark
) -> None:
    points = crossings(boundary, s)
    label = f"measured{_of(boundary, s)}, {boundary.confidence:.0%} interval"
    draw_points(
        axes,
        points._replace(x=sideways(points.x)),
        columns=len(boundary.plane.x.values),
        fmt=mark.marker,
        color=mark.colour,
        label=label,
    )


def _draw_censored(
    axes: Axes, boundary: Boundary, s: int, *, sideways: Callable[[Floats], Floats], colour: Colour
) -> None:
    for infinity, edge, marker in ((-np.inf, 0, "v"), (np.inf, 1, "^")):
        at = sideways(boundary.plane.x.values[boundary.estimate[s] == infinity])
        if len(at):
            limit = np.full(len(at), axes.get_ylim()[edge])
            axes.plot(at, limit, marker, color=colour, mfc="white", ms=6, clip_on=False)


def _law(law: PowerLaw) -> _BoundaryLine | None:
    if law.slope is None or law.intercept is None:
        return None
    slope, start = law.slope, law.intercept.value
    words = f"exponent {slope.value:.3f} [{slope.low:.3f}, {slope.high:.3f}]"
    words += f" ({POOR_FIT})" if is_poor_fit(law) else ""
    return _BoundaryLine(
        law.setting, law.x_range, lambda u: start + slope.value * u, "-", "fit", words
    )


def _theory(comparison: Comparison) -> _BoundaryLine | None:
    if comparison.constant is None:
        return None
    theory, start = comparison.theory, comparison.constant.value
    words = f"exponent {comparison.exponent:g}, {theory.name} ({comparison.words})"
    return _BoundaryLine(
        comparison.law.setting,
        theory.x_range,
        lambda u: start + comparison.exponent * u,
        "--",
        "theory",
        words,
    )


def _regimes(law: BrokenPowerLaw) -> _BoundaryLine | None:
    if not law.preferred or law.below is None or law.above is None or law.break_x is None:
        return None
    below, above, at = law.below.value, law.above.value, law.break_x.value

    def log_y(u: Floats) -> Floats:
        change = (above - below) * np.maximum(u - np.log(at), 0.0)
        return np.asarray(law.log_constant + below * u + change)

    words = f"exponents {below:.3f}, {above:.3f}, break at {at:.4g}"
    return _BoundaryLine(law.setting, None, log_y, "-", "broken power law", words)


def _draw_curve(axes: Axes, boundary: Boundary, curve: _BoundaryLine, *, colour: Colour) -> None:
    low, high = axes.get_xlim()
    if curve.x_range is not None:
        low, high = max(low, curve.x_range[0]), min(high, curve.x_range[1])
    # On a linear axis a power law begins at zero, which a logarithmic spacing cannot.
    at = np.geomspace(low if low > 0 else high / 1000, high, 100)
    text = f"{curve.kind}{_of(boundary, curve.setting)}: {curve.words}"
    axes.plot(
        at,
        np.exp(curve.log_y(np.log(at))),
        curve.dashes,
        color=colour,
        lw=1.4,
        zorder=LINE_ORDER,
        label=wrapped(text, MAX_LEGEND_LETTERS) if curve.words else "_unnamed",
    )


def _draw_predicted(
    axes: Axes,
    boundary: Boundary,
    theory: PredictionSpec,
    *,
    lines: Floats,
    styles: Sequence[Mark],
) -> None:
    """Where theory puts the boundary at the sizes of the sweep, a line for each setting."""
    label = wrapped(f"predicted position: {theory.prediction or theory.line}", MAX_LEGEND_LETTERS)
    for line, mark in zip(lines, styles, strict=True):
        colour = dark(mark.colour)
        axes.plot(
            *(boundary.plane.x.values, line),
            ":",
            color=colour,
            lw=1.6,
            zorder=LINE_ORDER,
            label=label,
        )
        label = "_unnamed"


def _of(boundary: Boundary, setting: int) -> str:
    label = boundary.plane.settings[setting]
    return f", {label}" if label else ""


def _add_legend(figure: Figure, axes: Axes, *, censored: bool) -> None:
    handles, labels = axes.get_legend_handles_labels()
    if censored:
        mark = Line2D([], [], marker="^", ls="", color=GREY, mfc="white", ms=6)
        handles, labels = [*handles, mark], [*labels, "crosses beyond the grid"]
    pairs = sorted(
        zip(labels, handles, strict=True),
        key=lambda pair: [pair[0].startswith(kind) for kind in LEGEND_ORDER].index(True),
    )
    if pairs:
        figure.legend(
            [handle for _, handle in pairs],
            [label for label, _ in pairs],
            loc="outside lower center",
            fontsize="small",
        )
