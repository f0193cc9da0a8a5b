"""Copies what this folder shows out of the report that `make papers FORMAT=png` writes.

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
    "adam-over-d/boundary-level-0.2",
    "depth-plane/boundary-level-0.2",
    "spectrum-over-d/boundary-level-0.2",
    "ratio-to-the-end/trajectories",
    "ba-linear-network/curve-risk",
    "ba-random-features/curve-bias",
    "ba-random-features/curve-variance",
    "ba-first-layer-width/curve-risk",
    "ba-first-layer-dimension/curve-bias",
    "ba-first-layer-dimension/curve-variance",
    "ba-near-poles/curve-risk",
    "ba-vanishing/curve-risk",
    "arora-training-curves/curve-residual",
    "arora-width/curve-residual_gap",
    "arora-random-labels/curve-bound",
    "arora-random-labels/curve-test_l1",
    "arora-random-labels/curve-test_error",
    "arora-digits/curve-bound",
    "arora-digits/curve-test_error",
)


def main() -> None:
    """Copy the figures, in fewer dots and colours, and the table of predictions."""
    report = Path(sys.argv[1])
    for name in FIGURES:
        shrink(report / f"{name}.png", HERE / f"{name.replace('/', '-')}.png")
    for table in ("predictions.csv", "predictions.md"):
        (HERE / table).write_bytes((report / table).read_bytes())


def shrink(source: Path, target: Path) -> None:
    """Write a figure in fewer dots and colours."""
    with Image.open(source) as picture:
        height = round(picture.height * WIDTH / picture.width)
        small = picture.convert("RGB").resize((WIDTH, height), Image.Resampling.LANCZOS)
    small.quantize(COLOURS).save(target, optimize=True)


if __name__ == "__main__":
    main()
