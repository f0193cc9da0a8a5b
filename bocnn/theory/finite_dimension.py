"""How the gradient flow's boundary moves with d: the two classes' noise is correlated at order √(n/d).

In the gradient flow a filter is not active on samples of the other class: where what it has memorized
would push its pre-activation above 0, the gradient pushes it back. With z/√d what memorized samples add,
z = Σ U g ~ N(0, α n u²/2) in the notation of `bocnn.models.limit.descent`,

    A_li = min(z, 0)/√d,    E A_li = −u √(α n / (4π d)),

and what has pushed it back is a coefficient −max(z, 0)/√d of that sample. Two filters k and l of opposite
classes have ⟨w_k, w_l⟩ = Σᵢ c_ki A_li with c_ki the coefficients: on the α n/2 samples that k has memorized
c_ki = u, and A_li is as above; on those that l has memorized A_li = u, and c_ki has the same mean. Filters
of a class share the variance α₂ n u²/2, so Z₊ and Z₋ have the correlation

    ρ = −(α/α₂) √(α/π) √(n/d).

At d = ∞ with a step h kept, those pre-activations end at −h/2 and are never pushed again: ρ = 0. Which of
the two holds depends on h beside z/√d, that is on h √(d/n).

Source:
    Derived here.
"""

import math

from bocnn.theory.critical_ratio import GRADIENT_FLOW, Overlap, critical_ratio

_HALF_WIDTH = 0.01
"""Of ρ, over which log C is differentiated."""


def class_correlation(overlap: Overlap = GRADIENT_FLOW) -> float:
    """ρ / √(n/d) = −(α/α₂) √(α/π): correlation of what the filters of either class share.

    Args:
        overlap: shares of active samples.
    """
    return -overlap.active / overlap.shared * math.sqrt(overlap.active / math.pi)


def correlation_coefficient(level: float, overlap: Overlap = GRADIENT_FLOW) -> float:
    """What the correlation adds to c in C(d) = C(∞) (1 + c √(n/d)): ρ/√(n/d) · ∂ log R_c² / ∂ρ.

    Args:
        level: clean test error on the boundary, 0 < level < 0.5.
        overlap: shares of active samples.
    Raises:
        ValueError: the level is not between 0 and 0.5.
    """
    high, low = (
        2 * math.log(critical_ratio(level, overlap, correlation=by))
        for by in (_HALF_WIDTH, -_HALF_WIDTH)
    )
    return class_correlation(overlap) * (high - low) / (2 * _HALF_WIDTH)
