"""How the intervals of an adaptive sweep narrowed, over the runs that its rounds had."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from analysis.dataset.rounds_file import Round
from analysis.figures.canvas.style import COLUMN_WIDTH, GREY, colours, theme
from sweeps.declare.sampling_spec import SamplingSpec


def draw_rounds(rounds: Sequence[Round], target: SamplingSpec) -> Figure:
    """The widest half width after each round, the median, and the target's; both axes logarithmic.

    Rounds in which the widest is not bounded yet are open marks on the upper edge.

    Args:
        rounds: at least one.
        target: of the sweep.
    """
    known = [(one.runs, one.half_width) for one in rounds if one.half_width]
    middle = [(one.runs, one.middle_half_width) for one in rounds if one.middle_half_width]
    unknown = [one.runs for one in rounds if one.half_width is None]
    with theme():
        figure = Figure(figsize=(COLUMN_WIDTH, 2.8), layout="constrained")
        axes = figure.subplots()
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.axhline(target.half_width, color=GREY, ls="--", lw=1.0, label="target")
        colour, other = colours(2)
        if middle:
            axes.plot(*zip(*middle, strict=True), "s-", ms=3, lw=1.0, color=other, label="median")
        if known:
            axes.plot(*zip(*known, strict=True), "o-", ms=4, lw=1.0, color=colour, label="widest")
        if unknown:
            axes.plot(
                *(unknown, [1.0] * len(unknown)),
                "o",
                ms=4,
                mfc="none",
                color=colour,
                clip_on=False,
                transform=axes.get_xaxis_transform(),
                label="widest not bounded",
            )
        axes.set_xlabel("runs")
        axes.set_ylabel(f"half width, {target.target}")
        axes.legend(fontsize="small")
    return figure
