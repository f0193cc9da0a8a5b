"""Copies what this folder shows out of the report that `make papers` writes.

python docs/results/collect.py papers/paper/report
"""

import sys
from pathlib import Path

from PIL import Image

HERE = Path(__file__).parent
WIDTH = 1100
COLOURS = 128
FIGURES = (
    "shang-fig-2a/two-colour-level-0.05",
    "shang-fig-2b/two-colour-level-0.2",
    "shang-fig-2c/two-colour-level-0.2",
    "shang-fig-3/trajectories",
    "kou-published-script/map-level-0.11111",
    "kou-published-script/levels",
    "kou-heat-map/map-level-0.11111",
    "kou-heat-map/levels",
    "quarter-law-over-d/local-level-0.2",
    "small-v0-over-d/boundary-level-0.2",
    "small-v0-over-d/exponent-over-d",
    "small-v0-over-d/local-level-0.2",
    "kink-over-n/kink-over-n",
    "kink-over-m/kink-over-m",
    "kink-over-d/kink-over-d",
    "kink-over-sigma/kink-over-sigma_p",
    "flips-over-p/shift-over-p_flip",
    "training-length/boundary-level-0.2",
    "ratio-to-the-end/trajectories",
)


def main() -> None:
    """Copy the figures, in fewer dots and colours, and the table of predictions."""
    report = Path(sys.argv[1])
    for name in FIGURES:
        with Image.open(report / f"{name}.png") as picture:
            height = round(picture.height * WIDTH / picture.width)
            small = picture.convert("RGB").resize((WIDTH, height), Image.Resampling.LANCZOS)
            small.quantize(COLOURS).save(HERE / f"{name.replace('/', '-')}.png", optimize=True)
    for table in ("predictions.csv", "predictions.md"):
        (HERE / table).write_bytes((report / table).read_bytes())


if __name__ == "__main__":
    main()
