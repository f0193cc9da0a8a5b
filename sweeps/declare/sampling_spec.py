"""Adaptive sampling: the key `sampling` of a sweep file, as a record that files and datasets share."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StrictInt
from pydantic.dataclasses import dataclass

from sweeps.declare.analysis_spec import Number, Range


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class SamplingSpec:
    """What a sweep is to find out, how precisely, and with how many runs at most.

    Attributes:
        target: "boundary": every crossing of a level on the grid; "exponent": the power of x that a law
            through them has, in each setting; "kink": where that power changes, in each setting; "shift":
            how far each setting but the first moves the boundary.
        half_width: of the 95 % interval that is enough, in the unit of log y (of y on a linear axis), of
            the exponent, or of log x for a kink.
        at_most: runs of the sweep.
        round: runs of a round, at least; a round has a quarter of those before where that is more.
        strategy: how runs are chosen: "columns", for boundaries that cross each column once; "straddle",
            for those that turn, split or close.
        x_range: the least and largest x of the columns that an exponent is fitted to.
    """

    target: Literal["boundary", "exponent", "kink", "shift"]
    half_width: Annotated[Number, Field(gt=0)]
    at_most: Annotated[StrictInt, Field(ge=1)]
    round: Annotated[StrictInt, Field(ge=1)] = 400
    strategy: Literal["columns", "straddle"] = "columns"
    x_range: Range | None = None
