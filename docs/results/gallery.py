"""Draws the pictures of the gallery: of each shipped sweep that a folder has, its map or first curve.

python docs/results/gallery.py papers/paper [NAME…]
"""

import io
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from analysis.errors import AnalysisError
from analysis.figures.canvas.style import theme
from analysis.report.blocks import Draw
from analysis.report.results import ReportOptions, Results, analyse, quiet
from analysis.report.section import Section
from analysis.report.sections.boundary.plane_map import PlaneMap
from analysis.report.sections.training.curves import MeasuredCurves
from analysis.report.sections.training.trajectories import TrajectoriesOfLayers
from analysis.statistics.bootstrap import Resampling
from sweeps.declare.file.presets import preset_files

HERE = Path(__file__).parent.parent / "gallery"
SECTIONS: tuple[type[Section], ...] = (PlaneMap, MeasuredCurves, TrajectoriesOfLayers)
WIDTH, HEIGHT = 640, 400
"""Dots, at most."""
MAX_MAPS = 3
"""Settings whose maps are shown."""
COLOURS = 64
DRAWS = 200


def main() -> None:
    """Draw what is there, and say what is not."""
    for name in sys.argv[2:] or preset_files():
        folder = Path(sys.argv[1]) / name
        if not folder.is_dir():
            print(f"{name}: not trained")
            continue
        try:
            results = analyse(str(folder), ReportOptions(resampling=Resampling(draws=DRAWS)))
            draw = next(pictures(results), None)
        except AnalysisError as error:
            print(f"{name}: {error}")
            continue
        if draw is not None:
            with quiet():
                write(draw(), HERE / f"{name}.png")
        print(f"{name}: {'no picture' if draw is None else 'drawn'}", flush=True)


def pictures(results: Results) -> Iterator[Draw]:
    """The map of the first settings, or what else the card of the dataset shows, or its trajectories."""
    for section in (kind(results) for kind in SECTIONS):
        if all(need(results) for need in section.needs) and not section.is_empty():
            if isinstance(section, PlaneMap):
                yield partial(section.views[0].draw, section.settings[:MAX_MAPS])
            figures = list(section.figures())
            yield from (figure.draw for figure in figures if figure.on_card)
            yield from (figure.draw for figure in figures)


def write(figure: Figure, path: Path) -> None:
    """Write a figure as a small PNG of few colours."""
    stream = io.BytesIO()
    with theme():
        FigureCanvasAgg(figure).print_png(stream, metadata={"Software": None})
    with Image.open(stream) as picture:
        flat = picture.convert("RGB")
        flat.thumbnail((WIDTH, HEIGHT), Image.Resampling.LANCZOS)
    flat.quantize(COLOURS).save(path, optimize=True)


if __name__ == "__main__":
    main()
