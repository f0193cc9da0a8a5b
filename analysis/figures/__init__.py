"""The figures: each takes results and returns a matplotlib Figure; nothing is computed here."""

from analysis.figures.boundary import draw_boundary
from analysis.figures.canvas.files import (
    FORMATS,
    SVG,
    figure_files,
    page_svg,
    save,
    save_and_show,
    warm_up,
)
from analysis.figures.plane_map import draw_failures, draw_map, draw_runs
from analysis.figures.shift import draw_shift
from analysis.figures.trajectory import (
    draw_trajectories,
    draw_trajectory,
    draw_trajectory_key,
)

__all__ = [
    "FORMATS",
    "SVG",
    "draw_boundary",
    "draw_failures",
    "draw_map",
    "draw_runs",
    "draw_shift",
    "draw_trajectories",
    "draw_trajectory",
    "draw_trajectory_key",
    "figure_files",
    "page_svg",
    "save",
    "save_and_show",
    "warm_up",
]
