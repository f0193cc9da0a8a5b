"""Numeric axes with readable ticks: linear, logarithmic, and over recorded steps."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter, NullLocator

from analysis.dataset.plane import Floats, PlaneAxis

MAX_FINE_DECADES = 2.5
"""Up to this many decades an axis is labelled at 1, 2 and 5 times powers of ten."""
STEP_MARGIN = 0.03
"""Space beside the first and the last recorded step, as a share of their distance on the axis."""
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def scale_axes(axes: Axes, x: PlaneAxis, y: PlaneAxis) -> None:
    """Gives the axes the plane's scales, limits at the outer cell edges, and readable ticks.

    Args:
        axes: of matplotlib.
        x: the plane's x axis.
        y: its y axis.
    """
    for axis, part in ((axes.xaxis, x), (axes.yaxis, y)):
        set_scale(axis, part.edges[[0, -1]], log=part.log)


def set_scale(axis: Axis, limits: Floats, *, log: bool) -> None:
    """A linear or logarithmic scale over the limits, with plain ticks and no minor labels.

    Args:
        axis: of matplotlib.
        limits: low and high end, shape (2,); > 0 on a logarithmic scale.
        log: whether the scale is logarithmic.
    """
    low, high = (float(v) for v in limits)
    name = axis.axis_name  # type: ignore[attr-defined]
    axes = axis.axes
    (axes.set_xscale if name == "x" else axes.set_yscale)("log" if log else "linear")
    (axes.set_xlim if name == "x" else axes.set_ylim)(low, high)
    if not log:
        return
    decades = np.log10(high) - np.log10(low)
    axis.set_major_locator(
        LogLocator(subs=(1.0, 2.0, 5.0) if decades < MAX_FINE_DECADES else (1.0,))
    )
    axis.set_minor_formatter(NullFormatter())
    axis.set_major_formatter(FuncFormatter(power_of_ten))
    if decades < MAX_FINE_DECADES:
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def scale_steps(axis: Axis, steps: Floats, *, log: bool) -> None:
    """A scale over recorded steps: linear, or logarithmic with step 0 beside its first decade.

    Args:
        axis: the axis of the steps.
        steps: rising, ≥ 0, shape (steps,).
        log: whether they are spaced on a logarithmic scale.
    """
    trained = steps[steps > 0]
    if not log or not len(trained):
        first, last = steps[0], max(steps[-1], steps[0] + 1)
        margin = STEP_MARGIN * (last - first)
        set_scale(axis, np.array([first - margin, last + margin]), log=False)
        return
    first, last = trained[0], max(trained[-1], trained[0] + 1)
    margin = (last / first) ** STEP_MARGIN
    set_scale(axis, np.array([first / margin, last * margin]), log=True)
    if steps[0] > 0:
        return
    # Linear up to the first step, over half a decade's length.
    axis.axes.set_xscale("symlog", linthresh=first, linscale=0.5)
    axis.axes.set_xlim(-STEP_MARGIN * first, last * margin)
    decades = 10.0 ** np.arange(np.ceil(np.log10(first)), np.floor(np.log10(last)) + 1)
    axis.set_major_locator(FixedLocator([0.0, *decades]))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(power_of_ten))


def power_of_ten(value: float, _: Any = None) -> str:
    """A power of ten as a label, 10⁻³: plain text, which is laid out many times faster than a formula."""
    power = float(np.log10(value)) if 0 < value < np.inf else np.nan
    if not np.isclose(power, np.rint(power)):
        return f"{value:g}"
    return f"10{str(round(power)).translate(SUPERSCRIPTS)}"
