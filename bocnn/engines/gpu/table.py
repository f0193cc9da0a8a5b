"""Measures, counters, codes and statuses as Triton constants, by the names that the CPU engine gives them.

Nothing is numbered here: every constant is looked up by its name in the table that the CPU engine uses, so
that a column, counter or status that is moved there moves here.
"""

import triton.language as tl

from bocnn.data import draws, model
from bocnn.engines.cpu import stages
from bocnn.measure.measures import Measures

MEASURE_COUNT = tl.constexpr(len(Measures._fields))
"""Columns of a row of measures."""

(
    TRAIN_LOSS,
    TRAIN_ERROR,
    TEST_ERROR,
    TEST_ERROR_CLEAN,
    TEST_ERROR_SE,
    MAX_W_MU,
    MAX_W_XI,
    SIGNAL_TO_NOISE,
    MAX_V1,
    MAX_V2,
    W_NORM,
    V_NORM,
    STEPS_RUN,
) = (
    tl.constexpr(Measures._fields.index(name))
    for name in (
        "train_loss",
        "train_error",
        "test_error",
        "test_error_clean",
        "test_error_se",
        "max_w_mu",
        "max_w_xi",
        "signal_to_noise",
        "max_v1",
        "max_v2",
        "w_norm",
        "v_norm",
        "steps_run",
    )
)
"""Where each measure is in a row."""

LABEL = tl.constexpr(int(draws.LABEL))
FLIP = tl.constexpr(int(draws.FLIP))
SIGNAL = tl.constexpr(int(draws.SIGNAL))
FACTOR = tl.constexpr(int(draws.FACTOR))
CHI = tl.constexpr(int(draws.CHI))
TEST = tl.constexpr(int(draws.TEST))
CENTRE = tl.constexpr(int(draws.CENTRE))
NOISE = tl.constexpr(int(draws.NOISE))
FILTER_BIAS = tl.constexpr(int(draws.BIAS))
OUTPUT_WEIGHTS = tl.constexpr(int(draws.OUTPUT))
"""Counters of the quantities that are drawn; their table is in `bocnn.data.draws`."""

OK = tl.constexpr(stages.OK)
UNCONVERGED = tl.constexpr(stages.UNCONVERGED)
DIVERGED = tl.constexpr(stages.DIVERGED)
"""How a run ended."""

CONSTANT, NORMAL = tl.constexpr(model.CONSTANT), tl.constexpr(model.NORMAL)
"""How output weights are drawn."""
