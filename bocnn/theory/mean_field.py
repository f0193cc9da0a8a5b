"""The hidden layer trained by steps of any size from a start of any size: a mean field over the samples.

The equations are those of `bocnn.models.limit.descent`, with many samples and filters. In units of its
√n the field ζ = z/√n of filter k on sample i is

    ζ_ki(t) = κ ξ_ki + n^−½ Σ_j U_kj(t) g_ji,    ξ, g ~ N(0, 1),

which for n → ∞ is Gaussian, given what the other samples have learned: with covariances over steps s, t

    ⟨ζ_ki(s) ζ_ki(t)⟩ = κ² + q(s, t),    ⟨ζ_ki(s) ζ_li(t)⟩ = c(s, t),    ⟨ζ_ki(s) ζ_ri(t)⟩ = c′(s, t)

for filters k ≠ l of one class and r of the other. For a sample let U_o be filters of its own class and
U_x of the other, and [·] the mean over a class's filters. One half of the samples are a filter's own, so

    q = ½ E[U_o(s) U_o(t)] + ½ E[U_x(s) U_x(t)],
    c = ½ E[U_o(s)][U_o(t)] + ½ E[U_x(s)][U_x(t)],    c′ = ½ E[U_o(s)][U_x(t)] + ½ E[U_x(s)][U_o(t)].

So samples are independent, and each sees the others through q, c and c′ alone. A sample's margin is yf =
[max(U_o, 0)] − [max(U_x, 0)], its ℓ = 1/(1 + e^yf), and a step adds ±hℓ to U where U > 0, or where U = 0
and ζ > 0. Here a number of samples is drawn, and with them q, c and c′ are followed step by step: a wide
network is trained without its n² inner products. At d < ∞ a pre-activation is U + √(n/d) ζ.

On a fresh sample class j's filters add up to ψ(A_j), ψ(a) = E max(a + √(q + κ² − c) N, 0), where A₊ and
A₋ are normal with variance c and covariance c′, at the last step; the signal adds √C L/2, L = h Σ_t E ℓ.
So the clean test error is P(ψ(A₋) − ψ(A₊) > √C L/2) for every C, from one training. One large step has q
= h²/8, c = −c′ = h²/16 and L = h/2: ψ(A₊) − ψ(A₋) = A₊, and the error is Φ(−√C).

**What is left out.** g is symmetric: what sample i learns moves the fields of the others, and they act
back on it through their ℓ. (Through their own activity they act back only where U_ki ≠ 0 already, where
ζ does not matter.) This lowers the active share, at κ = 1, h = 0.4 from 0.715 to 0.686;
docs/explanation/limit.md says how far positions are off.

Source:
    Derived here. Mean fields of this kind for gradient descent: Mignacco et al. 2020 (arXiv 2006.06098).
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

from bocnn.arrays import Array
from bocnn.theory.critical_ratio import Overlap

SAMPLES: Final = 150
FILTERS: Final = 40
"""Samples that are drawn, and filters of each class."""

MOST_STEPS: Final = 400
"""Steps that are followed at most; their cost grows as the square."""

_SMALLEST_DEVIATION: Final = 1e-5
"""Conditional standard deviation, over that without condition, from which on a field at a step is new."""
MOST_OPPOSED: Final = 0.999999
"""Correlation of the classes' fields that is told from −1."""


class MeanField(NamedTuple):
    """A trained mean field.

    Attributes:
        steps: that were taken.
        loss: mean logistic loss at the end.
        learned: L.
        noise: 2(q + κ²) and 2c, over (L/2)²: given to `critical_ratio.clean_error` for α and α₂, they make
            its value at R = √C the clean test error.
        own: the part of samples of a filter's own class in them.
        correlation: of the classes' fields, c′/c.
        overlap: active shares α and α₂ at the end.
        start_part: the part of the start in the first of `noise`.
    """

    steps: int
    loss: float
    learned: float
    noise: Overlap
    own: Overlap
    correlation: float
    overlap: Overlap
    start_part: float

    def noise_at(self, memorized: float) -> Overlap:
        """`noise` of a class of which s n/2 samples have the label: its own part grows, the other falls.

        Args:
            memorized: s, between 0 and 2.
        """
        parts = zip(self.noise, self.own, (self.start_part, 0.0), strict=True)
        return Overlap(
            *(
                memorized * own + (2 - memorized) * (all_ - own - start) + start
                for all_, own, start in parts
            )
        )


class Schedule(NamedTuple):
    """Sizes of a training.

    Attributes:
        step: h = η m v₀² σ_p² d / n.
        start: κ = σ₀ σ_p d m v₀ / √n.
        n_over_d: n/d, 0 for d = ∞.
        steps: at most, up to `MOST_STEPS`.
        loss_tol: training loss to stop at; negative for never.
    """

    step: float
    start: float
    n_over_d: float = 0.0
    steps: int = MOST_STEPS
    loss_tol: float = -1.0


def train_mean_field(schedule: Schedule, *, seed: int = 0) -> MeanField:
    """Train the mean field.

    Args:
        schedule: sizes of the training.
        seed: of the samples that are drawn; one seed for neighbouring schedules makes curves smooth.
    Returns:
        The trained field. Over seeds C at an error of 0.2 has a standard deviation of 2 %.
    Raises:
        ValueError: no step, or more than `MOST_STEPS`.
    """
    if not 1 <= schedule.steps <= MOST_STEPS:
        raise ValueError(f"received {schedule.steps} steps; expected 1 to {MOST_STEPS}")
    random = np.random.default_rng(seed)
    start = schedule.start * random.standard_normal((SAMPLES, 2, FILTERS))
    fields, history = _Fields(schedule.steps, random), _History(schedule.steps)
    u, field, learned = np.zeros_like(start), start, 0.0
    signs = np.array([1.0, -1.0])[:, None]
    for step in range(schedule.steps + 1):
        seen = u + np.sqrt(schedule.n_over_d) * field
        own, other = np.maximum(seen, 0.0).mean(axis=2).T
        loss = float(np.logaddexp(0.0, other - own).mean())
        if step == schedule.steps or loss <= schedule.loss_tol:
            break
        slope = 1.0 / (1.0 + np.exp(own - other))
        active = seen > 0 if schedule.n_over_d else (u > 0) | ((u == 0) & (field > 0))
        u = u + schedule.step * slope[:, None, None] * active * signs
        learned += schedule.step * float(slope.mean())
        field = start + fields.draw(history.add(u))
    unit = (learned / 2) ** 2
    noise, correlation = _noise_of(history.last(), schedule.start, unit)
    own = Overlap(*(2 * part / unit for part in _own_part(u[:, 0])))
    start_part = 2 * schedule.start**2 / unit
    active = _overlap(u[:, 0] > 0)
    return MeanField(step, loss, learned, noise, own, correlation, active, start_part)


class _Covariances(NamedTuple):
    """q, c and c′ of the last step with each step so far, shape (steps,) each."""

    one: Array
    same: Array
    other: Array


class _History:
    """U after every step."""

    def __init__(self, steps: int) -> None:
        """Room for so many steps."""
        self._steps = 0
        self._all = np.empty((steps, SAMPLES, 2, FILTERS), np.float32)
        self._means = np.empty((steps, SAMPLES, 2))

    def add(self, u: Array) -> _Covariances:
        """Add U, shape (samples, 2, filters): the covariances of the fields that it makes."""
        t = self._steps
        self._all[t], self._means[t] = u, u.mean(axis=2)
        self._steps += 1
        return self.last()

    def last(self) -> _Covariances:
        """The covariances of the last step with those so far; c without a filter's product with itself."""
        t = self._steps
        every, means = self._all[:t].reshape(t, -1), self._means[:t]
        one = (every @ every[-1]).astype(np.float64) / every.shape[1]
        pairs = np.einsum("tij,ij->t", means, means[-1]) / (2 * SAMPLES)
        crossed = np.einsum("tij,ij->t", means, means[-1][:, ::-1]) / (2 * SAMPLES)
        return _Covariances(one, (FILTERS * pairs - one) / (FILTERS - 1), crossed)


class _Fields:
    """The part of the fields that training makes: of each filter, and common to a class's filters."""

    def __init__(self, steps: int, random: np.random.Generator) -> None:
        """Nothing drawn yet."""
        self._own = _Process(steps, (SAMPLES, 2, FILTERS), random)
        self._sum = _Process(steps, (SAMPLES, 1, 1), random)
        self._difference = _Process(steps, (SAMPLES, 1, 1), random)

    def draw(self, given: _Covariances) -> Array:
        """The fields of the next step, shape (samples, 2, filters), given those before."""
        own = self._own.draw(given.one - given.same)
        total = self._sum.draw((given.same + given.other) / 2)
        difference = self._difference.draw((given.same - given.other) / 2)
        return own + np.concatenate([total + difference, total - difference], axis=1)


class _Process:
    """A Gaussian process over steps, many draws of it side by side."""

    def __init__(self, steps: int, shape: tuple[int, ...], random: np.random.Generator) -> None:
        """No step drawn yet."""
        self._random, self._shape, self._step = random, shape, 0
        self._factor = np.zeros((steps, steps))
        self._normals = np.empty((steps, int(np.prod(shape))), np.float32)

    def draw(self, covariance: Array) -> Array:
        """Values at the next step, given those before.

        Args:
            covariance: of the next step with each before, and its variance last, shape (step + 1,).
        """
        t, factor = self._step, self._factor
        known = np.flatnonzero(np.diag(factor)[:t] > 0)
        if known.size:
            factor[t, known] = solve_triangular(
                factor[np.ix_(known, known)], covariance[known], lower=True
            )
        left = covariance[t] - factor[t] @ factor[t]
        is_new = left > _SMALLEST_DEVIATION**2 * covariance[t]
        factor[t, t] = np.sqrt(left) if is_new else 0.0
        self._normals[t] = self._random.standard_normal(self._normals.shape[1], np.float32)
        self._step += 1
        weights = factor[t, : t + 1].astype(np.float32)
        return np.asarray(weights @ self._normals[: t + 1]).reshape(self._shape)


def _noise_of(last: _Covariances, start: float, unit: float) -> tuple[Overlap, float]:
    """`noise` and `correlation` of a trained field, from its last step; `unit` is (L/2)²."""
    one, same, other = (float(part[-1]) for part in last)
    noise = Overlap(2 * (one + start**2) / unit, 2 * same / unit)
    return noise, float(np.clip(other / same, -MOST_OPPOSED, MOST_OPPOSED))


def _own_part(u: Array) -> tuple[float, float]:
    """½ E[U_o²] and ½ E[U_o][U_o] of two filters, from U of own filters, shape (samples, filters)."""
    one = float(np.mean(u**2)) / 2
    means = float(np.mean(u.mean(axis=1) ** 2)) / 2
    return one, (FILTERS * means - one) / (FILTERS - 1)


def _overlap(active: NDArray[np.bool_]) -> Overlap:
    """Active shares, from where own filters are active, shape (samples, filters)."""
    count = active.sum(axis=1)
    pairs = count * (count - 1) / (FILTERS * (FILTERS - 1))
    return Overlap(float(active.mean()), float(pairs.mean()))
