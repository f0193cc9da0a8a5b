"""The predictions of its measures that a sweep can name, and those of the model `bocnn`.

What computes them is imported at the first prediction: a worker that trains needs no theory.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from numpy.typing import NDArray

from bocnn.arrays import Array


class MeasurePrediction(NamedTuple):
    """What theory says of a measure.

    Attributes:
        name: as sweeps name it.
        measure: the predicted measure.
        meaning: what is assumed.
        source: where it is from.
    """

    name: str
    measure: str
    meaning: str
    source: str


MEDIANS: Final = (
    MeasurePrediction(
        "gradient_flow_median",
        "test_error_clean",
        "the same, the median of runs over the counts of classes and flips",
        "bocnn.theory.predictions.counts",
    ),
    MeasurePrediction(
        "mean_field_median",
        "test_error_clean",
        "the same, the median of runs over the counts of classes and flips",
        "bocnn.theory.predictions.counts",
    ),
)
"""Medians of runs, beside the means of the same names."""

PREDICTIONS: Final = (
    MeasurePrediction(
        "gradient_flow",
        "test_error_clean",
        "small steps from a small start, many samples and filters, finite d; active shares at d = ∞",
        "bocnn.theory.predictions.error",
    ),
    MeasurePrediction(
        "frozen_activations",
        "test_error_clean",
        "small steps from a small start, many samples and filters, finite d; activations as at the start",
        "bocnn.theory.predictions.error",
    ),
    MeasurePrediction(
        "mean_field",
        "test_error_clean",
        "steps and start of any size, output weights as at the start, many filters, n/d to first order",
        "bocnn.theory.mean_field",
    ),
    MeasurePrediction(
        "one_large_step",
        "test_error_clean",
        "one step that is large beside the start, many samples and filters",
        "bocnn.theory.boundary.one_step_error",
    ),
    MeasurePrediction(
        "leaky_gradient_flow",
        "test_error_clean",
        "leaky ReLU, small steps from a small start, hidden layer alone, many samples and filters",
        "bocnn.theory.leaky",
    ),
    *MEDIANS,
)


OF_CLASSES: Final = tuple(
    MeasurePrediction(
        f"gradient_flow_{name}",
        f"test_error_{name}",
        f"the same, of class {label} with its share of the samples, no flips",
        "bocnn.theory.predictions.counts",
    )
    for name, label in (("positive", "+1"), ("negative", "−1"))
)
"""Of measures of `bocnn+details`."""


def predict(name: str, columns: Mapping[str, NDArray[Any]]) -> Array:
    """The predicted measure of runs.

    Args:
        name: of one of `PREDICTIONS`.
        columns: every parameter of the model, shape (runs,) each; NaN is null.
    Returns:
        Shape (runs,), NaN where theory says nothing.
    Raises:
        ValueError: no such prediction.
    """
    check_known(name, (*PREDICTIONS, *OF_CLASSES))
    from bocnn.theory.predictions.memory import with_whole_steps
    from bocnn.theory.predictions.noise import with_equal_eigenvalues
    from bocnn.theory.predictions.runs import OF_RUNS

    return OF_RUNS[name](with_whole_steps(with_equal_eigenvalues(columns)))


def check_known(name: str, predictions: Sequence[MeasurePrediction]) -> None:
    """Refuse a prediction that is not one of a model's.

    Args:
        name: of a prediction.
        predictions: the model's.
    Raises:
        ValueError: no such prediction.
    """
    known = [one.name for one in predictions]
    if name not in known:
        raise ValueError(f"received the prediction {name!r}; expected one of {', '.join(known)}")
