"""Curves along x: measured means with intervals, and the predicted curve as a line."""

from collections.abc import Iterable, Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.dataset.plane import Floats, PlaneAxis
from analysis.dataset.trajectories.files import STEP
from analysis.figures.canvas.axes import scale_steps, set_scale
from analysis.figures.canvas.style import COLUMN_WIDTH, GREY, Mark, dark, marks, theme, wrapped
from analysis.training.curves import Line

MAX_LINEAR_RATIO = 30.0
"""Ratio of the largest to the smallest value up to which the ordinate is linear."""
MAX_NAME_LETTERS = 26
"""Letters of a line's name beyond which two do not fit side by side below the axes."""
INSET_BOUNDS = (0.1, 0.56, 0.38, 0.41)
"""The small axes within the large ones: left, bottom, width and height, as shares."""


def draw_curves(lines: Sequence[Line], x: PlaneAxis, *, labels: tuple[str, str]) -> Figure:
    """Lines of one measure, colour by y and setting: dots are measured, lines predicted.

    Of several sizes the largest is shown; where their limit was taken it is a ring.

    Args:
        lines: of one measure, at least one.
        x: the abscissa.
        labels: of the measure, and of y.
    """
    shown = [line for line in lines if line.limit or _is_largest(line, lines)]
    groups = list(dict.fromkeys((line.y, line.setting) for line in shown))
    styles = marks(len(groups))
    with theme():
        wide = max(len(_name(line, labels[1])) for line in shown) > MAX_NAME_LETTERS
        rows = len(groups) if wide else -(-len(groups) // 2)
        figure = Figure(figsize=(COLUMN_WIDTH, 3.2 + 0.17 * rows), layout="constrained")
        axes = figure.subplots()
        parts = _with_inset(axes, shown)
        for part_axes, part in parts:
            if x.name == STEP:
                scale_steps(part_axes.xaxis, x.values, log=x.log)
            else:
                set_scale(part_axes.xaxis, x.edges[[0, -1]], log=x.log)
            for line in part:
                k = groups.index((line.y, line.setting))
                _draw(part_axes, line, styles[k], labels[1])
            _scale(part_axes, part)
        if any(line.judged.any() for line in shown):
            axes.plot([], [], color=GREY, lw=1.2, label="predicted")
        if any(line.limit for line in shown):
            what = f"limit over {shown[0].spec.limit}"
            axes.plot([], [], "o", color=GREY, mfc="none", ms=6, label=what)
        axes.set_xlabel(wrapped(x.label, 60))
        axes.set_ylabel(wrapped(labels[0]))
        figure.legend(
            *_keys(part_axes for part_axes, _ in parts),
            loc="outside lower center",
            fontsize="small",
            ncols=1 if wide else 2,
        )
    return figure


def _with_inset(axes: Axes, lines: Sequence[Line]) -> list[tuple[Axes, list[Line]]]:
    """The axes and the lines in them: all in one, or some in small axes within it."""
    inside = [line for line in lines if line.y == line.spec.inset]
    if not inside:
        return [(axes, list(lines))]
    small = axes.inset_axes(INSET_BOUNDS)
    small.tick_params(labelsize="x-small", pad=1)
    return [(axes, [line for line in lines if line not in inside]), (small, inside)]


def _keys(parts: Iterable[Axes]) -> tuple[list[Artist], list[str]]:
    """Handles and names of all lines, those in small axes too."""
    pairs = [axes.get_legend_handles_labels() for axes in parts]
    return [h for handles, _ in pairs for h in handles], [n for _, names in pairs for n in names]


def _is_largest(line: Line, lines: Sequence[Line]) -> bool:
    sizes = [other.size for other in lines if other.size is not None]
    return not line.limit and (not sizes or line.size == max(sizes))


def _draw(axes: Axes, line: Line, mark: Mark, y_name: str) -> None:
    """One line: points with intervals, and the closed form."""
    colour, marker = mark
    ok = np.isfinite(line.mean)
    error = np.where(np.isfinite(line.half), line.half, 0.0)[ok]
    if line.limit:
        axes.errorbar(
            line.x[ok],
            line.mean[ok],
            yerr=error,
            fmt=marker,
            ms=6,
            mfc="none",
            capsize=2,
            color=dark(colour),
        )
        return
    name = _name(line, y_name)
    axes.errorbar(
        line.x[ok], line.mean[ok], yerr=error, fmt=marker, ms=3.5, color=colour, label=name
    )
    if np.isfinite(line.predicted).any():
        axes.plot(line.x, line.predicted, color=dark(colour), lw=1.2)
    else:
        axes.plot(line.x[ok], line.mean[ok], ":", color=colour, lw=0.8)


def _name(line: Line, y_name: str) -> str:
    size = "" if line.size is None else f"{line.spec.limit} = {line.size:g}"
    return ", ".join(filter(None, (f"{y_name} = {line.y:g}", line.setting, size)))


def _scale(axes: Axes, lines: Sequence[Line]) -> None:
    """A scale that what was measured off the poles fills: logarithmic where it spans much."""
    judged = any(line.judged.any() for line in lines)
    shown = [line.judged if judged else np.isfinite(line.mean) for line in lines]
    values: Floats = np.concatenate([line.mean[ok] for line, ok in zip(lines, shown, strict=True)])
    if not values.size:
        return
    positive = values[values > 1e-9 * np.abs(values).max(initial=0.0)]
    low, high = positive.min(initial=np.inf), values.max()
    if positive.size and high > MAX_LINEAR_RATIO * low and values.min() > 1e-9 * high:
        set_scale(axes.yaxis, np.array([low / 1.5, high * 1.5]), log=True)
    else:
        axes.set_ylim(min(0.0, 1.1 * values.min()), 1.1 * high or 1.0)
