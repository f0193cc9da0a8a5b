"""Ticks of a figure that is finished: worked out once for a size, however often they are asked for.

A layout asks every axis for its ticks a dozen times, and each drawing anew; and a logarithmic axis makes
dozens of ticks of five artists each. Together they take half of a figure's time. Minor ticks have no words:
those of an axis are drawn as one line's marks.
"""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from matplotlib.axis import Axis, Tick
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter, NullLocator

TICK_PARTS = ("gridline", "tick1line", "tick2line", "label1", "label2")
"""The artists of a tick."""


class _KeptTicks:
    """An axis's ticks, updated where its view or its size is another than the last time."""

    def __init__(self, axis: Axis) -> None:
        self._axis = axis
        self._update = axis._update_ticks  # type: ignore[attr-defined]
        self._state: tuple[float, ...] = ()
        self._ticks: list[Tick] = []

    def __call__(self) -> list[Tick]:
        """The ticks to draw, as the axis's own method returns them."""
        axes = self._axis.axes
        figure = axes.get_figure(root=True)
        low, high = self._axis.get_view_interval()
        state = (low, high, axes.bbox.width, axes.bbox.height, figure.dpi)  # type: ignore[union-attr]
        if state != self._state:
            self._ticks, self._state = self._update(), state
        return list(self._ticks)


class _CopiedTicks:
    """Makes an axis's further ticks as copies of the first one, whose properties they have anyway."""

    def __init__(self, axis: Axis) -> None:
        self._axis = axis
        self._make = axis._get_tick  # type: ignore[attr-defined]

    def __call__(self, major: bool) -> Tick:
        """A tick, as the axis's own method returns it."""
        made = vars(self._axis).get("majorTicks" if major else "minorTicks")
        if not made:
            return self._make(major)  # type: ignore[no-any-return]
        tick = copy.copy(made[0])
        for part in TICK_PARTS:
            setattr(tick, part, copy.copy(getattr(tick, part)))
        return tick  # type: ignore[no-any-return]


class _MarkedMinors:
    """Draws an axis whose minor ticks are a line's marks, where these are wanted."""

    def __init__(self, axis: Axis) -> None:
        self._axis = axis
        self._draw = axis.draw
        self._locations = axis.get_minorticklocs
        self._wanted = isinstance(axis.get_minor_formatter(), NullFormatter) and not isinstance(
            axis.get_minor_locator(), NullLocator
        )

    def __call__(self, renderer: Any) -> None:
        """Draws the axis and the marks."""
        self._draw(renderer)
        if self._wanted and self._axis.get_visible():
            for line in self._marks():
                line.draw(renderer)

    def locations(self) -> Any:
        """Where minor ticks are made."""
        return [] if self._wanted else self._locations()

    def _marks(self) -> Iterator[Line2D]:
        low, high = sorted(self._axis.get_view_interval())
        at = self._locations()
        at = at[(at >= low) & (at <= high)]
        tick = self._axis.get_minor_ticks(1)[0]
        for side in (tick.tick1line, tick.tick2line):
            if side.get_visible() and len(at):
                line = copy.copy(side)
                across = self._axis.axis_name == "x"  # type: ignore[attr-defined]
                edge = np.full(
                    len(at), np.ravel(side.get_ydata() if across else side.get_xdata())[0]
                )
                line.set_data(*((at, edge) if across else (edge, at)))
                yield line


class _KeptBoxes:
    """Boxes of the labels of an axis's ticks, but of those that are empty, as minor ticks' are."""

    def __init__(self, axis: Axis) -> None:
        self._axis = axis
        self._measure = axis._get_ticklabel_bboxes  # type: ignore[attr-defined]
        self._state: tuple[Any, ...] = ()
        self._boxes: Any = None

    def __call__(self, ticks: list[Tick], renderer: Any) -> Any:
        """The boxes, as the axis's own method returns them."""
        axes = self._axis.axes
        dpi = axes.get_figure(root=True).dpi  # type: ignore[union-attr]
        state = (*self._axis.get_view_interval(), axes.bbox.bounds, dpi, type(renderer), ticks)
        if state != self._state:
            labelled = [one for one in ticks if one.label1.get_text() or one.label2.get_text()]
            self._boxes, self._state = self._measure(labelled, renderer), state
        return self._boxes


_REPLACED = (
    *("_update_ticks", "_get_tick", "_copy_tick_props", "_get_ticklabel_bboxes"),
    *("draw", "get_minorticklocs"),
)


@contextmanager
def ticks_kept(figure: Figure) -> Iterator[None]:
    """A context in which a figure's axes are laid out and drawn, and nothing of them is changed.

    Args:
        figure: whose ticks all have the properties of their axis, none its own.
    """
    every = [axes for outer in figure.axes for axes in (outer, *outer.child_axes)]
    axes_axes: list[Any] = [axis for axes in every for axis in (axes.xaxis, axes.yaxis)]
    for axis in axes_axes:
        minors = _MarkedMinors(axis)
        axis.draw, axis.get_minorticklocs = minors, minors.locations
        axis._update_ticks, axis._get_tick = _KeptTicks(axis), _CopiedTicks(axis)
        axis._copy_tick_props = lambda source, new: None
        axis._get_ticklabel_bboxes = _KeptBoxes(axis)
    try:
        yield
    finally:
        for axis in axes_axes:
            for name in _REPLACED:
                delattr(axis, name)
