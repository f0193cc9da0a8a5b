"""Draws where the kernel bound says anything beside the boundary of the trained network.

python docs/results/beside.py papers/paper
"""

import sys
from pathlib import Path
from typing import NamedTuple

from collect import shrink
from matplotlib.axes import Axes

from analysis import Boundary, aggregate, find_boundary, open_dataset, save
from analysis.figures.canvas.axes import scale_axes
from analysis.figures.canvas.points import crossings, draw_points
from analysis.figures.canvas.style import colours, panels, theme

HERE = Path(__file__).parent


class Pair(NamedTuple):
    """The same plane twice: its kernel, its network, and the level of the network's error."""

    kernel: str
    network: str
    level: float
    title: str


PAIRS = (
    Pair("tangent-initialization", "shang-fig-2a", 0.05, "Shang et al., Fig. 2a"),
    Pair("tangent-heat-map", "kou-heat-map", 0.11111, "Kou et al., heat map"),
)


def main() -> None:
    """Draw both planes, side by side."""
    folder = Path(sys.argv[1])
    with theme():
        figure, _ = panels(7.6, 3.6)
        figure.clear()
        for axes, pair in zip(figure.subplots(1, 2), PAIRS, strict=True):
            draw(axes, folder, pair)
        figure.legend(
            *axes.get_legend_handles_labels(), loc="outside lower center", fontsize="small"
        )
        save(figure, HERE / "kernel-bound")
    (HERE / "kernel-bound.svg").unlink()
    shrink(HERE / "kernel-bound.png", HERE / "kernel-bound.png")


def draw(axes: Axes, folder: Path, pair: Pair) -> None:
    """One plane, clean labels: where the bound is 1, and where the network's error is the level."""
    bound = boundary(folder / pair.kernel, 1.0)
    network = boundary(folder / pair.network, pair.level)
    scale_axes(axes, bound.plane.x, bound.plane.y)
    for found, name, colour in zip(
        (bound, network),
        ("kernel bound = 1", "clean test error of the trained network as above"),
        colours(2),
        strict=True,
    ):
        setting = found.plane.settings.index("p_flip = 0")
        columns = len(found.plane.x.values)
        draw_points(
            axes, crossings(found, setting), columns=columns, fmt=".", color=colour, label=name
        )
    axes.set_title(f"{pair.title}: error {pair.level:.2g}")
    axes.set_xlabel(bound.plane.x.label)
    axes.set_ylabel(bound.plane.y.label)


def boundary(dataset: Path, level: float) -> Boundary:
    """The boundary of a dataset's own measure."""
    found = open_dataset(str(dataset))
    assert found.sweep.analysis is not None
    return find_boundary(aggregate(found, found.sweep.analysis), level)


if __name__ == "__main__":
    main()
