"""The model `tangent` as a sweep sees it: the kernel at the start of `bocnn`'s network, on its data.

Data are drawn as the model `bocnn` draws them, by the same code and the same keys: a run's are those of the
run of `bocnn` with its seed, replicate and parameters, and with the defaults of what else
is drawn. Nothing is trained. A run whose kernel is singular has no bound: its status is `diverged`.
"""

from typing import Final

import numpy as np

from bocnn.arrays import Array
from bocnn.data.data_model import data_parameters
from bocnn.data.draws import Seed
from bocnn.data.geometry import draw_geometry
from bocnn.data.training_set import draw_training_set
from bocnn.engines.cpu.stages import workspace_bytes
from bocnn.models.base import OVERHEAD, Columns, Row, RowModel, sizes
from bocnn.models.tangent.columns import (
    TANGENT_IDLE,
    TANGENT_MEASURES,
    TANGENT_PARAMETERS,
    TANGENT_WORDS,
)
from bocnn.simd.arena import Workspace, new_arena
from bocnn.theory.kernel import complexity
from bocnn.theory.tangent import NetworkStart, ball_bound, tangent_gram


class Tangent(RowModel):
    """The tangent kernel of the two-layer CNN at its start: least eigenvalue and bound."""

    name = "tangent"
    numerics_version = 2
    parameters = TANGENT_PARAMETERS
    measures = TANGENT_MEASURES
    words = TANGENT_WORDS
    idle_rules = TANGENT_IDLE

    def _start(self, columns: Columns) -> None:
        """Draw the training set of the first run: others call the same compiled functions."""
        first = self.keyed_runs({name: column[:1] for name, column in columns.items()})
        draw_patches({name: column.tolist()[0] for name, column in first.items()})

    def flops(self, columns: Columns) -> Array:
        """Cost of each run in floating-point operations, shape (runs,)."""
        n, m = sizes(columns, "n", "m")
        return OVERHEAD + 30 * n**3 + 300 * n**2 + 10 * (n + 2 * m) ** 2

    def memory_bytes(self, columns: Columns) -> Array:
        """Working memory of each run in bytes, shape (runs,)."""
        n, m = sizes(columns, "n", "m")
        return 8 * (50 * n**2 + 3 * (n + 2 * m) ** 2)

    def measure(self, row: Row) -> Row:
        """The measures of one run."""
        patches, labels = draw_patches(row)
        start = NetworkStart(2 * int(row["m"]), row["sigma_0"], row["v0"], row["train"])
        gram = tangent_gram(patches, start)
        least = float(np.linalg.eigvalsh(gram)[0])
        bound = ball_bound(gram, labels)
        if not (np.isfinite(bound) and least > 0):
            return {"status": "diverged"}
        return {
            "status": "ok",
            "lambda_min": least,
            "diagonal": float(np.trace(gram)) / len(labels),
            "complexity": complexity(gram, labels),
            "bound": bound,
            "informative": float(bound < 1),
            "below_chance": float(bound < 0.5),
        }


def draw_patches(row: Row) -> tuple[Array, Array]:
    """The training set of a run: inner products of its patches, and labels with flips.

    Args:
        row: parameters, `key0`, `key1` and `replicate`.
    Returns:
        Shapes (2, n, 2, n), the signal patch first, and (n,).
    """
    n, parameters = int(row["n"]), data_parameters(row)
    seed = Seed(*(np.uint64(row[name]) for name in ("key0", "key1", "replicate")))
    workspace = Workspace(*(new_arena(1, size) for size in workspace_bytes(n, parameters.m, 0)))
    training_set = draw_training_set(
        parameters, draw_geometry(parameters, seed, workspace), seed, np.float64, workspace
    )
    # Rows of both patches of every sample among the distinct points: centres, then noise.
    shared = training_set.shared
    rows = np.concatenate([shared.argmax(axis=0), len(shared) + np.arange(n)])
    gram = training_set.gram[np.ix_(rows, rows)].reshape(2, n, 2, n)
    return gram, training_set.observed.copy()


MODEL: Final = Tangent()
