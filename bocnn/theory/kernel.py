"""What the kernel regime predicts of a wide ReLU network on unit vectors, first layer trained.

f(x) = m^(−1/2) Σ a_r ReLU(⟨w_r, x⟩), a_r = ±1 fixed, w ~ N(0, κ² I), gradient descent on w with the loss
½ Σ (y − f)². As m grows the network trains as its tangent kernel H∞ does.

Source:
    Arora, Du, Hu, Li & Wang 2019 (arXiv 1901.08584).
"""

import numpy as np

from bocnn.arrays import Array, Ints


def limit_gram(x: Array) -> Array:
    """H∞ of ReLU, ⟨xᵢ, xⱼ⟩ (π − arccos ⟨xᵢ, xⱼ⟩) / 2π.

    Args:
        x: unit vectors, shape (n, d).
    Returns:
        Shape (n, n), symmetric, 1/2 on the diagonal; positive definite where no two are parallel.
    Source:
        Arora et al. 2019, equation 4.
    """
    cosine = np.clip(x @ x.T, -1.0, 1.0)
    np.fill_diagonal(cosine, 1.0)
    return cosine * (np.pi - np.arccos(cosine)) / (2 * np.pi)


def predicted_residual(gram: Array, y: Array, *, eta: float, steps: Ints) -> Array:
    """‖(I − η H∞)ᵏ y‖ = √(Σ (1 − η λᵢ)²ᵏ ⟨vᵢ, y⟩²), the norm of y − f after k steps.

    Args:
        gram: H∞, shape (n, n), eigenvalues λ and eigenvectors v.
        y: labels less the outputs at the start, shape (n,).
        eta: step size, > 0; below 2/λ_max it falls.
        steps: k ≥ 0, shape (steps,).
    Returns:
        Shape (steps,).
    Source:
        Arora et al. 2019, Theorem 4.1.
    """
    values, vectors = np.linalg.eigh(gram)
    shares = (vectors.T @ y) ** 2
    factors = (1 - eta * values) ** (2 * np.asarray(steps)[:, None])
    return np.sqrt(factors @ shares)


def complexity(gram: Array, y: Array) -> float:
    """yᵀ H∞⁻¹ y: how much the kernel must move for the labels.

    Args:
        gram: H∞ of the training inputs, shape (n, n).
        y: labels, shape (n,).
    Returns:
        ≥ 0, infinite where H∞ is singular.
    """
    try:
        half = np.linalg.solve(np.linalg.cholesky(gram), y)
    except np.linalg.LinAlgError:
        return float("inf")
    return float(half @ half)


def distance_bound(gram: Array, y: Array) -> float:
    """√(yᵀ H∞⁻¹ y), which ‖W(k) − W(0)‖_F stays below, up to what vanishes with the width.

    Args:
        gram: H∞ of the training inputs, shape (n, n).
        y: labels, shape (n,).
    Source:
        Arora et al. 2019, Lemma 5.3.
    """
    return float(np.sqrt(complexity(gram, y)))


def generalization_bound(gram: Array, y: Array) -> float:
    """√(2 yᵀ H∞⁻¹ y / n), which the population's loss stays below, for any 1-Lipschitz loss in [0, 1].

    The bound holds with probability 1 − δ up to O(√(log(n / (λ₀ δ)) / n)), which is left out here.

    Args:
        gram: H∞ of the training inputs, shape (n, n).
        y: labels, shape (n,).
    Source:
        Arora et al. 2019, Theorem 5.1.
    """
    return float(np.sqrt(2 * complexity(gram, y) / len(y)))
