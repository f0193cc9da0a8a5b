"""The model `images` as a sweep sees it: the patch CNN on real images, beside a noise patch or alone.

A sample is an image of one of two classes and a patch of Gaussian noise. Test samples are all images that
are not trained on, each with fresh noise.
"""

from typing import Final

import numpy as np

from bocnn.arrays import Array
from bocnn.models.base import OVERHEAD, Columns, Row, generator_of, sizes
from bocnn.models.images.columns import (
    IMAGE_IDLE,
    IMAGE_MEASURES,
    IMAGE_PARAMETERS,
    IMAGE_WORDS,
)
from bocnn.models.images.descent import TrainedImages, class_signs, descend_images
from bocnn.models.images.draws import TEST_NOISE, ImageProblem, draw_images
from bocnn.models.images.reading import ReadsImages
from bocnn.parameters.columns import PARAMETERS
from bocnn.theory.predictions.named import MeasurePrediction, check_known, predict

_MOST_PIXELS = 3072.0
_DTYPES = {"string": object}


class ImagePatches(ReadsImages):
    """The two-layer patch CNN of `bocnn`, whose signal patch is a real image."""

    name = "images"
    numerics_version = 1
    parameters = IMAGE_PARAMETERS
    measures = IMAGE_MEASURES
    words = IMAGE_WORDS
    idle_rules = IMAGE_IDLE
    shape_columns = ("n", "m")
    predictions = (
        MeasurePrediction(
            "gradient_flow",
            "test_error_clean",
            "as if every image of a class were ±μ; small steps and start, many samples and filters",
            "bocnn.theory.predictions.error",
        ),
    )

    def predict(self, name: str, columns: Columns) -> Array:
        """What theory predicts of the network of `bocnn`, shape (runs,); NaN where it says nothing.

        Args:
            name: one of `predictions`.
            columns: every parameter, shape (runs,) each; NaN is null.
        Raises:
            ValueError: no such prediction.
        """
        check_known(name, self.predictions)
        noisy = columns["sigma_p"] > 0
        known = dict(columns) | {"sigma_p": np.where(noisy, columns["sigma_p"], 1.0)}
        network = {
            c.name: known[c.name]
            if c.name in known and c.name != "data"
            else np.full(
                noisy.size, np.nan if c.default is None else c.default, dtype=_DTYPES.get(c.type)
            )
            for c in PARAMETERS
        }
        return np.where(noisy, predict(name, network), np.nan)

    def flops(self, columns: Columns) -> Array:
        """Cost of each run in floating-point operations, shape (runs,); with the pixels of CIFAR-10."""
        n, m, steps, n_test = sizes(columns, "n", "m", "steps", "n_test")
        step = 8 * m * n**2 + 200 * m * n + 5e4
        test = 4 * m * _MOST_PIXELS * 2000 + 20 * m * n_test + 4 * m**2 * n_test
        return OVERHEAD + 10 * (n + 2 * m) ** 2 + steps * step + test

    def memory_bytes(self, columns: Columns) -> Array:
        """Working memory of each run in bytes, shape (runs,)."""
        n, m, n_test = sizes(columns, "n", "m", "n_test")
        tables = (n + 2 * m + 12000) * _MOST_PIXELS + 2 * (n + 2 * m) ** 2
        return 8 * (tables + 6 * n**2 + 16 * m * n + 4 * m * n_test)

    def measure(self, row: Row) -> Row:
        """The measures of one run.

        Raises:
            ValueError: nothing reads images, or they cannot be used.
        """
        if self._images is None:
            raise ValueError(
                f"received data: {row['data']}, and nothing reads images. Take the model images by its "
                "name: that one reads them."
            )
        problem = draw_images(row, self._images)
        with np.errstate(over="ignore", invalid="ignore"):
            trained = descend_images(problem, row)
        if not (np.isfinite(trained.loss) and np.isfinite(trained.outputs).all()):
            return {"status": "diverged"}
        clean, of_image = clean_errors(problem, trained, row)
        never = np.isnan(row["loss_tol"])
        p = row["p_flip"]
        return {
            "status": "ok" if never or trained.loss <= row["loss_tol"] else "unconverged",
            "train_loss": trained.loss,
            "train_error": float(np.mean(_wrong(trained.margins))),
            "test_error": p + (1 - 2 * p) * clean,
            "test_error_clean": clean,
            "excess_error": (1 - 2 * p) * clean,
            "image_error": of_image,
            "mu_share": problem.mu_share,
            "steps_run": trained.steps,
        }


def clean_errors(problem: ImageProblem, trained: TrainedImages, row: Row) -> tuple[float, float]:
    """Test error against true labels with fresh noise, each patch with every image, and of images alone."""
    images, signs = problem.test
    j = class_signs(len(trained.outputs))
    outputs = np.maximum(images @ trained.filters[0].T, 0.0) @ (j * trained.outputs[:, 0])
    margins = signs * outputs
    alone = float(np.mean(_wrong(margins)))
    if row["sigma_p"] == 0:
        return alone, alone
    values, vectors = np.linalg.eigh(trained.filters[1] @ trained.filters[1].T)
    root = row["sigma_p"] * vectors * np.sqrt(np.maximum(values, 0.0))
    normals = generator_of(row, TEST_NOISE).standard_normal((int(row["n_test"]), len(j)))
    noise = np.sort(np.maximum(normals @ root.T, 0.0) @ (j * trained.outputs[:, 1]))
    # Of a sample of class ŷ the output is wrong where ŷ times the noise is below the margin's opposite.
    below = np.searchsorted(noise, -outputs, "left") + np.searchsorted(noise, -outputs, "right")
    share = below / (2 * len(noise))
    return float(np.mean(np.where(signs > 0, share, 1 - share))), alone


def _wrong(margins: Array) -> Array:
    """Errors: 1 where a margin is negative, ½ where it is 0."""
    return (margins < 0) + (margins == 0) / 2


MODEL: Final = ImagePatches()
