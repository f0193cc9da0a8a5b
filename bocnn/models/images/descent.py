"""Gradient descent on both layers of the patch CNN, on the Gram matrices of images and of noise.

With A = W Zᵀ the pre-activations of a kind of patch, G = Z Zᵀ, and one image and one noise patch a sample,

    g_i = ∂ℓ/∂f_i / n,    U[k, i] = j_k v_k g_i φ′(A[k, i]),
    A ← A − η U G,        v_k ← v_k − η j_k Σ_i g_i φ(A[k, i]),

as in `bocnn.dynamics.gram_step`; what filters have gained is −η Σ U Z.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from scipy.special import expit

from bocnn.arrays import Array
from bocnn.models.images.draws import ImageProblem


class TrainedImages(NamedTuple):
    """The trained network: filters of images (2m, pixels) and of noise (2m, k), output weights (2m, 2).

    margins: y f of the training samples, (n,). loss: their mean logistic loss. steps: those taken.
    """

    filters: tuple[Array, Array]
    outputs: Array
    margins: Array
    loss: float
    steps: int


def class_signs(filters: int) -> Array:
    """j of 2m filters: +1 of the first m, −1 of the others."""
    return np.repeat([1.0, -1.0], filters // 2)


def descend_images(problem: ImageProblem, row: Mapping[str, Any]) -> TrainedImages:
    """Train until the loss is that of `loss_tol`, or for all steps; it ends early where it diverges.

    Args:
        problem: what was drawn.
        row: `v0`, `train`, `eta`, `steps` and `loss_tol`.
    """
    j = class_signs(len(problem.filters[0]))
    patches = problem.images, problem.noise
    gram = [z @ z.T for z in patches]
    a = [w @ z.T for w, z in zip(problem.filters, patches, strict=True)]
    gained = [np.zeros_like(part) for part in a]
    v = np.full((len(j), 2), float(row["v0"]))
    for step in range(int(row["steps"]) + 1):
        active = [np.maximum(part, 0.0) for part in a]
        f = sum((j * v[:, p]) @ active[p] for p in (0, 1))
        margins = problem.labels * f
        loss = float(np.mean(np.logaddexp(0.0, -margins)))
        if step == row["steps"] or (not loss > row["loss_tol"] and not np.isnan(row["loss_tol"])):
            break
        if not np.isfinite(loss):
            break
        pull = -problem.labels * expit(-margins) / len(margins)
        for p in (0, 1):
            points = (row["eta"] * j * v[:, p])[:, None] * pull * (a[p] > 0)
            gained[p] -= points
            a[p] -= points @ gram[p]
            if row["train"] == "both":
                v[:, p] -= row["eta"] * j * (active[p] @ pull)
    moved = (c @ z for c, z in zip(gained, patches, strict=True))
    filters = tuple(w + more for w, more in zip(problem.filters, moved, strict=True))
    return TrainedImages((filters[0], filters[1]), v, margins, loss, step)
