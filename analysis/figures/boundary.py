"""The boundary: crossings of all settings with intervals, fitted power laws, and theory's lines."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis.boundary import Boundary
from analysis.figures.style import bars, colours, marker_size, set_scale, theme, wrapped
from analysis.kink import Kink
from analysis.laws import Law
from analysis.plane import Floats, PlaneAxis
from analysis.theory import Comparison

# Lines lie over the points, in a darker shade, since many columns hide what is beneath.
LINES = 4
SHADE = 0.62
Colour = tuple[float, float, float]
KINDS = ("measured", "crosses", "fit", "two regimes", "theory")


def draw_boundary(
    boundary: Boundary,
    laws: Sequence[Law],
    *,
    comparisons: Sequence[Comparison] = (),
    kinks: Sequence[Kink] = (),
) -> Figure:
    """One panel: points with intervals, fitted lines (solid), theory's lines (dashed).

    Axes are logarithmic where all their values are positive, so that power laws are straight.
    Censored columns stand as triangles at the edge of the grid beyond which they cross.

    Args:
        boundary: one level's boundary.
        laws: fitted power laws to draw; those not fitted are skipped.
        comparisons: theory's exponents with their locked constants.
        kinks: two regimes; drawn where they are needed.
    """
    x, y = (
        replace(a, log=bool(np.all(a.values > 0))) for a in (boundary.plane.x, boundary.plane.y)
    )
    settings = boundary.plane.settings
    palette = colours(len(settings))
    entries = len(settings) + len(laws) + len(comparisons) + sum(k.chosen for k in kinks)
    with theme():
        figure = Figure(figsize=(7.6, 5.4 + 0.22 * entries), layout="constrained")
        axes = figure.subplots()
        for axis, part in ((axes.xaxis, x), (axes.yaxis, y)):
            set_scale(axis, part.edges[[0, -1]], log=part.log)
        for s, colour in enumerate(palette[: len(settings)]):
            at = _spread(x, s, len(settings))
            _draw_points(axes, boundary, s, at=at, colour=colour)
            _draw_censored(axes, boundary, s, at=at, colour=colour)
        for law in laws:
            _draw_law(axes, boundary, law, colour=_dark(palette[law.setting]))
        for comparison in comparisons:
            _draw_theory(axes, boundary, comparison, colour=_dark(palette[comparison.law.setting]))
        for kink in kinks:
            _draw_kink(axes, boundary, kink, colour=_dark(palette[kink.setting]))
        axes.set(xlabel=x.label, ylabel=y.label)
        axes.set_title(wrapped(f"{boundary.label} = {boundary.level:g}", 70), fontsize="medium")
        _add_legend(figure, axes, censored=bool(np.isinf(boundary.estimate).any()))
    return figure


def _spread(x: PlaneAxis, s: int, count: int) -> Floats:
    """x of a setting's points, moved aside a little so that intervals do not hide each other."""
    width = np.min(np.diff(x.coordinates)) if len(x.values) > 1 else 0.0
    return np.asarray(x.value(x.coordinates + 0.24 * width * (s - (count - 1) / 2) / count))


def _draw_points(axes: Axes, boundary: Boundary, s: int, *, at: Floats, colour: Colour) -> None:
    y = boundary.plane.y
    inside = np.isfinite(boundary.estimate[s])
    low, value, high = (
        np.asarray(y.value(part[s, inside]))
        for part in (boundary.low, boundary.estimate, boundary.high)
    )
    axes.errorbar(
        at[inside],
        value,
        yerr=bars(low, value, high, span=np.array(axes.get_ylim())),
        fmt="osD^v"[s % 5],
        ms=marker_size(len(at)),
        color=colour,
        capsize=marker_size(len(at)) / 2,
        elinewidth=1.3,
        label=f"measured{_of(boundary, s)}, {boundary.confidence:.0%} interval",
    )


def _draw_censored(axes: Axes, boundary: Boundary, s: int, *, at: Floats, colour: Colour) -> None:
    for infinity, edge, marker in ((-np.inf, 0, "v"), (np.inf, 1, "^")):
        there = boundary.estimate[s] == infinity
        if there.any():
            limit = np.full(int(there.sum()), axes.get_ylim()[edge])
            axes.plot(at[there], limit, marker, color=colour, mfc="white", ms=8, clip_on=False)


def _draw_law(axes: Axes, boundary: Boundary, law: Law, *, colour: Colour) -> None:
    if law.slope is None or law.intercept is None:
        return
    at = _line(axes, law.x_range)
    slope = law.slope
    axes.plot(
        at,
        np.exp(law.intercept.value) * at**slope.value,
        "-",
        color=colour,
        lw=1.8,
        zorder=LINES,
        label=f"fit{_of(boundary, law.setting)}: exponent {slope.value:.3f} "
        f"[{slope.low:.3f}, {slope.high:.3f}]",
    )


def _draw_theory(axes: Axes, boundary: Boundary, comparison: Comparison, *, colour: Colour) -> None:
    if comparison.constant is None:
        return
    theory = comparison.theory
    at = _line(axes, theory.x_range)
    axes.plot(
        at,
        np.exp(comparison.constant.value) * at**theory.exponent,
        "--",
        color=colour,
        lw=1.5,
        zorder=LINES,
        label=f"theory{_of(boundary, comparison.law.setting)}: exponent {theory.exponent:g}, "
        f"{theory.name} ({comparison.verdict})",
    )


def _draw_kink(axes: Axes, boundary: Boundary, kink: Kink, *, colour: Colour) -> None:
    if not kink.chosen or kink.below is None or kink.above is None or kink.at is None:
        return
    at = _line(axes, None)
    bend = (kink.above.value - kink.below.value) * np.log(np.maximum(at / kink.at.value, 1.0))
    axes.plot(
        at,
        np.exp(kink.log_constant + kink.below.value * np.log(at) + bend),
        "-",
        color=colour,
        lw=1.8,
        zorder=LINES,
        label=f"two regimes{_of(boundary, kink.setting)}: exponents {kink.below.value:.3f}, "
        f"{kink.above.value:.3f}, kink at {kink.at.value:.4g}",
    )


def _line(axes: Axes, x_range: tuple[float, float] | None) -> Floats:
    low, high = axes.get_xlim()
    if x_range is not None:
        low, high = max(low, x_range[0]), min(high, x_range[1])
    # On a linear axis a power law begins at zero, which a logarithmic spacing cannot.
    return np.geomspace(low if low > 0 else high / 1000, high, 100)


def _dark(colour: Colour) -> Colour:
    red, green, blue = (SHADE * part for part in colour)
    return red, green, blue


def _of(boundary: Boundary, setting: int) -> str:
    label = boundary.plane.settings[setting]
    return f", {label}" if label else ""


def _add_legend(figure: Figure, axes: Axes, *, censored: bool) -> None:
    handles, labels = axes.get_legend_handles_labels()
    if censored:
        mark = Line2D([], [], marker="^", ls="", color="0.3", mfc="white", ms=8)
        handles, labels = [*handles, mark], [*labels, "crosses beyond the grid"]
    pairs = sorted(
        zip(labels, handles, strict=True),
        key=lambda pair: [pair[0].startswith(kind) for kind in KINDS].index(True),
    )
    if pairs:
        figure.legend(
            [handle for _, handle in pairs],
            [label for label, _ in pairs],
            loc="outside lower center",
            fontsize="small",
        )
