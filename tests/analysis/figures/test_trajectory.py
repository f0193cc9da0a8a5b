"""Trajectories, by their data: both layers and their ratio over the recorded steps."""

from dataclasses import replace

import numpy as np
import pytest

from analysis.figures import (
    draw_trajectories,
    draw_trajectory,
)
from analysis.training.trajectories import Trajectories
from tests.analysis.figures.drawn import legend


@pytest.fixture
def trajectories() -> Trajectories:
    steps = np.array([0.0, 1.0, 2.0, 4.0])
    median = np.arange(1.0, 49.0).reshape(3, 2, 2, 4)
    return Trajectories(
        panels=("v0 = 0.1", "v0 = 1"),
        settings=("p_flip = 0", "p_flip = 0.1"),
        fixed="",
        measures=("w", "v", "ratio"),
        labels=("hidden", "output", "hidden / output"),
        steps=steps,
        log_steps=False,
        median=median,
        low=median / 2,
        high=median * 2,
        runs=np.full((2, 2), 9),
        diverged=np.array([[0, 0], [3, 0]]),
    )


def test_trajectories_show_both_layers_left_and_their_ratio_right(
    trajectories: Trajectories,
) -> None:
    figure = draw_trajectories(trajectories)
    left, right = figure.axes[:4], figure.axes[4:]
    for k, (one, other) in enumerate(zip(left, right, strict=True)):
        s, p = divmod(k, 2)
        for line, measure in zip([*one.lines, *other.lines], range(3), strict=True):
            np.testing.assert_array_equal(line.get_xdata(), trajectories.steps)
            np.testing.assert_array_equal(line.get_ydata(), trajectories.median[measure, s, p])
        assert (one.get_yscale(), other.get_yscale()) == ("log", "linear")
        assert one.get_ylim() == left[0].get_ylim()
        assert other.get_ylim() == right[0].get_ylim()
    assert left[2].get_title() == "v0 = 0.1\np_flip = 0.1\n3 of 9 diverged"
    assert [text.split(":")[0] for text in legend(figure)] == ["left axis"] * 2 + ["right axis"]


def test_one_panel_keeps_the_scales_of_all(trajectories: Trajectories) -> None:
    whole, one = draw_trajectories(trajectories), draw_trajectory(trajectories, 1, 0)
    assert one.axes[0].get_ylim() == whole.axes[0].get_ylim()
    np.testing.assert_array_equal(one.axes[0].lines[0].get_ydata(), trajectories.median[0, 1, 0])
    assert not one.legends


def test_trajectories_without_a_number_or_a_second_step_still_draw(
    trajectories: Trajectories,
) -> None:
    nothing = np.full((3, 2, 2, 1), np.nan)
    draw_trajectories(
        replace(trajectories, steps=np.array([0.0]), median=nothing, low=nothing, high=nothing)
    )


def test_a_log_range_of_steps_keeps_its_scale_and_shows_step_0(trajectories: Trajectories) -> None:
    for steps, scale, ticks in (
        ([0.0, 1.0, 10.0, 100.0], "symlog", ["0", "10⁰", "10¹", "10²"]),
        ([1.0, 10.0, 100.0, 1000.0], "log", ["10⁰", "10¹", "10²", "10³"]),
    ):
        found = replace(trajectories, steps=np.array(steps), log_steps=True)
        axes = draw_trajectories(found).axes[0]
        assert axes.get_xscale() == scale
        assert axes.get_xlim()[0] < steps[0] and steps[-1] < axes.get_xlim()[1]
        within = [at for at in axes.get_xticks() if steps[0] <= at <= steps[-1]]
        assert [axes.xaxis.get_major_formatter()(at) for at in within] == ticks
        positions = axes.transData.transform([(step, 1.0) for step in steps])[:, 0]
        assert (np.diff(positions) > 10).all()  # of 72 an inch: each step has its own
