"""The model `proportional` as a sweep sees it: its columns, the cost of a run, and `run`."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bocnn.arrays import Array
from bocnn.models.base import OVERHEAD, Columns, Row, RowModel, sizes
from bocnn.models.proportional.columns import (
    PROPORTIONAL_IDLE,
    PROPORTIONAL_MEASURES,
    PROPORTIONAL_PARAMETERS,
    PROPORTIONAL_WORDS,
)
from bocnn.models.proportional.descent import DescentOptions
from bocnn.models.proportional.draws import draw
from bocnn.models.proportional.students import Fit, train_first, train_first_linear, train_second
from bocnn.theory.proportional import closed_forms, equivalents
from bocnn.theory.proportional.closed_forms import Terms
from bocnn.theory.proportional.moments import INTEGRATED, moments

_LARGEST_INIT = 5.0


class Proportional(RowModel):
    """Fully connected two-layer networks on Gaussian inputs with a linear teacher, one layer trained."""

    name = "proportional"
    numerics_version = 3
    parameters = PROPORTIONAL_PARAMETERS
    measures = PROPORTIONAL_MEASURES
    words = PROPORTIONAL_WORDS
    idle_rules = PROPORTIONAL_IDLE

    def check_runs(self, columns: Columns, recorded: bool) -> None:
        """Refuse runs whose expectations would not be good to 10⁻⁶.

        Args:
            columns: every parameter, shape (runs,) each.
            recorded: whether the runs are to be recorded; the model records none.
        Raises:
            ValueError: says which parameters, and what is expected.
        """
        large = np.isin(columns["activation"], INTEGRATED) & (columns["init"] > _LARGEST_INIT)
        if large.any():
            raise ValueError(
                f"received activation: {columns['activation'][large][0]} with init: "
                f"{columns['init'][large][0]:g}; expected init up to {_LARGEST_INIT:g}, beyond which the "
                "integrals over fresh inputs do not converge"
            )

    def run(self, columns: Columns) -> dict[str, NDArray[Any]]:
        """As `RowModel.run`; what `check_runs` refuses is an error here too."""
        self.check_runs(columns, False)
        return super().run(columns)

    def flops(self, columns: Columns) -> Array:
        """Cost of each run in floating-point operations, shape (runs,).

        Steps until a tolerance are those that the slowest mode of the limit would take.
        """
        n, d, h = sizes(columns, "n", "d", "h")
        draws = 20 * (n + h) * d
        small = np.minimum(n, h)
        second = 2 * n * h * (d + h + 2 * small) + 2 * h**2 * d + 60 * h**2 + 12 * small**3
        linear = 14 * n * d * np.minimum(n, d)
        step = 4 * h * n * np.minimum(n, d) + 30 * h * n
        series = np.where(np.isin(columns["activation"], INTEGRATED), 3000.0, 500.0)
        descent = 2 * _steps(columns) * step + 18 * h**2 * d + series * h**2
        first = np.where(columns["activation"] == "linear", linear, descent)
        return OVERHEAD + draws + np.where(columns["train"] == "second", second, first)

    def memory_bytes(self, columns: Columns) -> Array:
        """Working memory of each run in bytes, shape (runs,)."""
        n, d, h = sizes(columns, "n", "d", "h")
        return 8 * (3 * n * d + 4 * h * d + 8 * h * n + 30 * h**2 + 4 * n**2)

    def measure(self, row: Row) -> Row:
        """The measures of one run."""
        fit = _train(row)
        if not np.isfinite(fit).all():
            return {"status": "diverged"}
        predicted = {
            name: float(term) if np.isfinite(term) else np.nan
            for name, term in _predict(row).items()
        }
        trained = {**fit._asdict(), "risk": fit.bias + fit.variance}
        return {"status": _status(row, fit), **trained, **predicted}


def _steps(columns: Columns) -> Array:
    """Steps of each run, as far as they are known beforehand, shape (runs,)."""
    gamma = columns["d"] / columns["n"]
    slope, rest = np.ones_like(gamma), np.ones_like(gamma)
    for name in set(columns["activation"].tolist()):
        runs = columns["activation"] == name
        scales, where = np.unique(columns["init"][runs], return_inverse=True)
        of = moments(name, scales)
        slope[runs], rest[runs] = of.slope[where], of.slope_variance[where]
    slowest = slope**2 * (1 - np.sqrt(gamma)) ** 2 + gamma * rest + columns["ridge"]
    with np.errstate(divide="ignore"):
        steps = np.log(1 + 100 / columns["grad_tol"]) / (2 * columns["eta"] * slowest)
    return np.fmin(columns["steps"], steps)


def _train(row: Row) -> Fit:
    """Draw and train."""
    problem, sigma = draw(row), float(row["sigma"])
    if row["train"] == "second":
        return train_second(problem, row["activation"], sigma, ridge=row["ridge"])
    tolerance = 0.0 if np.isnan(row["grad_tol"]) else row["grad_tol"]
    spread = float(row["h"]) ** (row["width_exponent"] - 0.5)
    options = DescentOptions(row["eta"], row["steps"], tolerance, row["ridge"], spread)
    with np.errstate(over="ignore", invalid="ignore"):
        if row["activation"] == "linear":
            return train_first_linear(problem, sigma, options)
        return train_first(problem, row["activation"], options)


def _status(row: Row, fit: Fit) -> str:
    """Whether a training by steps came to its end."""
    stopped = row["train"] == "second" or not fit.grad_norm > row["grad_tol"]
    return "ok" if stopped else "unconverged"


def _predict(row: Row) -> Row:
    """The limit of the run's γ₁ = d/n and γ₂ = h/n, infinite at its poles; NaN where there is none."""
    plain = row["ridge"] == 0 and row["spectrum_decay"] == 0
    terms = _closed_form(row) if plain else _equivalent(row)
    if row["width_exponent"] > 0.5:  # filters move too far for a kernel
        terms = Terms(np.array(np.nan), np.array(np.nan))
    bias = row["r"] ** 2 * terms.bias if row["r"] else 0.0
    variance = row["sigma"] ** 2 * terms.variance if row["sigma"] else 0.0
    return {
        "predicted_bias": bias,
        "predicted_variance": variance,
        "predicted_risk": bias + variance,
    }


def _closed_form(row: Row) -> Terms:
    """B and V without a ridge, of isotropic inputs."""
    gamma_1, gamma_2 = row["d"] / row["n"], row["h"] / row["n"]
    activation, scale = row["activation"], row["init"]
    if row["train"] == "first":
        return closed_forms.kernel_first_layer(gamma_1, activation=activation, scale=scale)
    if activation == "linear":
        return closed_forms.linear_second_layer(gamma_1, gamma_2)
    return closed_forms.random_features(gamma_1, gamma_2, activation=activation, scale=scale)


def _equivalent(row: Row) -> Terms:
    """B and V in any case."""
    ratios = equivalents.Ratios(row["d"] / row["n"], row["h"] / row["n"])
    of = moments(row["activation"], row["init"])
    eigenvalues = equivalents.power_law(int(row["d"]), row["spectrum_decay"])
    if row["train"] == "first":
        return equivalents.first_layer(
            ratios.gamma_1, of, ridge=row["ridge"], eigenvalues=eigenvalues
        )
    return equivalents.second_layer(ratios, of, ridge=row["ridge"], eigenvalues=eigenvalues)


MODEL: Final = Proportional()
