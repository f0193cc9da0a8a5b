"""How a dataset is to be read: the key `analysis` of a sweep file, as records that files and reports share.

Each field is a key of the file. Values are checked where a record is made, from a file or in Python.
"""

import math
from collections.abc import Mapping
from dataclasses import field
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
)
from pydantic.dataclasses import dataclass

Number = Annotated[
    StrictInt | Annotated[StrictFloat, Field(allow_inf_nan=False)], AfterValidator(float)
]
Power = Annotated[
    StrictInt | Annotated[StrictFloat, Field(allow_inf_nan=False)],
    Field(ge=-100, le=100),
    AfterValidator(float),
]
"""An exponent: beyond a hundred, no line of it can be drawn over a range of positive numbers."""

Range = tuple[Number, Number]

Values = dict[str, list[str | int | float | None]]
"""Values of settings, by name."""

_STRICT = ConfigDict(extra="forbid")


def _listed(given: Any) -> Values:
    """Values of settings from {name: value} or {name: [value, …]}."""
    if not isinstance(given, dict) or not all(isinstance(name, str) for name in given):
        raise ValueError("expected settings with their values: {p_flip: [0, 0.1]}")
    found = {
        name: list(values) if isinstance(values, list | tuple) else [values]
        for name, values in given.items()
    }
    for name, values in found.items():
        if not values or not all(_is_value(value) for value in values):
            raise ValueError(f"expected of {name} a value or a list of values")
    return found


def _is_value(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or (isinstance(value, str | int) and not isinstance(value, bool))


@dataclass(frozen=True, config=_STRICT)
class PredictionSpec:
    """A predicted boundary over `x_range` (None: everywhere): a power of x, its position, or both.

    Where both are given, the exponent is for n, d → ∞, and the position for the sizes of the sweep.

    Attributes:
        name: the law, as a person writes it.
        exponent: y ∝ x^exponent.
        x_range: the least and largest x for which it is predicted.
        source: where it is from.
        line: y* itself, constant and all, as a column or a formula of columns.
        prediction: the model's prediction of the measure, whose crossings of a level are y*.
        within: the relative accuracy that is claimed for y*, 0.05 for 5 %.
        where: of settings, the values for which it is predicted, one or a list; {}: for all.
    """

    name: StrictStr
    exponent: Power | None = None
    x_range: Range | None = None
    source: StrictStr = ""
    line: StrictStr | None = None
    prediction: StrictStr | None = None
    within: Annotated[Number, Field(ge=0, lt=1)] = 0.0
    where: Annotated[Values, BeforeValidator(_listed)] = field(default_factory=dict, hash=False)

    def is_for(self, setting: Mapping[str, Any]) -> bool:
        """Whether it is predicted for a setting, the values of the columns that make it."""
        return all(setting.get(name) in values for name, values in self.where.items())

    @property
    def states_position(self) -> bool:
        """Whether it says where the boundary is, and not only along which power."""
        return self.line is not None or self.prediction is not None


@dataclass(frozen=True, config=_STRICT)
class TrendSpec:
    """A fitted quantity that is followed over a setting or another axis, and its prediction, if any.

    Attributes:
        setting: what it is followed over.
        of: the quantity.
        exponent: the predicted power of the setting.
        limit: the predicted limit.
        x_range: the range of x over which the quantity is fitted.
        source: where the prediction is from.
    """

    setting: StrictStr
    of: Literal["exponent", "kink", "shift"]
    exponent: Power | None = None
    limit: Number | None = None
    x_range: Range | None = None
    source: StrictStr = ""


@dataclass(frozen=True, config=_STRICT)
class CollapseSpec:
    """Order parameters that the measure may depend on alone: one formula of columns, or several."""

    order: StrictStr | Annotated[tuple[StrictStr, ...], Field(min_length=1)]

    @property
    def formulas(self) -> tuple[str, ...]:
        """The formulas, one or several."""
        return (self.order,) if isinstance(self.order, str) else self.order


@dataclass(frozen=True, config=_STRICT)
class CurveSpec:
    """A measure to show along x.

    Attributes:
        measure: of each run; with `recorded`, of each recorded step.
        predicted: the measure that predicts it, shown beside it.
        limit: a setting that is a size, over which both go to a limit.
        power: the predicted power of x.
        recorded: whether it is shown along the training, over the recorded steps, instead of x.
        inset: a value of y at which the curve is shown too, in small axes of its own.
        source: where the prediction is from.
    """

    measure: StrictStr
    predicted: StrictStr | None = None
    limit: StrictStr | None = None
    power: Power | None = None
    recorded: StrictBool = False
    inset: Number | None = None
    source: StrictStr = ""


@dataclass(frozen=True, config=_STRICT)
class AnalysisSpec:
    """The plane, the measure on it, the levels at which it has boundaries, and what is predicted.

    Without levels there is no boundary, and curves are all that is shown.

    Attributes:
        x: the axis along which boundaries are followed.
        y: the axis along which the measure crosses a level.
        measure: a measured column.
        levels: of the measure.
        theory: predicted boundaries.
        collapse: order parameters to try.
        across: quantities to follow over settings.
        curves: measures to show along x.
    """

    x: StrictStr
    y: StrictStr
    measure: StrictStr
    levels: tuple[Number, ...]
    theory: tuple[PredictionSpec, ...] = ()
    collapse: CollapseSpec | None = None
    across: tuple[TrendSpec, ...] = ()
    curves: tuple[CurveSpec, ...] = ()

    def theory_for(self, setting: Mapping[str, Any]) -> tuple[PredictionSpec, ...]:
        """What is predicted for a setting, the values of the columns that make it."""
        return tuple(theory for theory in self.theory if theory.is_for(setting))

    @property
    def orders(self) -> tuple[str, ...]:
        """Order parameters of collapses, as formulas of columns."""
        return self.collapse.formulas if self.collapse else ()
