"""A run on the dense network beside the engine that trains it: the same draws, and no arithmetic in common.

Its test errors are of drawn patches, those of a gram engine of their law: they agree to standard errors.
"""

import numpy as np

from bocnn.arrays import Ints
from bocnn.engines.cpu.runs import RunResults
from bocnn.engines.dense.engine import MOST_NUMBERS, Dense
from bocnn.engines.protocol import Columns
from bocnn.engines.registry import assign
from bocnn.parameters.accepted import check_words
from bocnn.parameters.invariance import PLAIN_DATA, has_plain_data


def train_oracle(columns: Columns, steps: Ints, keyed: tuple[str, ...] = ()) -> RunResults:
    """Train and record runs on the dense network.

    Args:
        columns: canonical, of every run, shape (runs,) each.
        steps: at which to record, rising; each run is recorded where its training ended too.
        keyed: as for `Engine.run`.
    Raises:
        ValueError: torch is missing; the network does not train such a run, or trains it already; or it
            would need more memory than the network takes.
    """
    dense = Dense()
    if dense.device() is None:
        raise ValueError(f"the dense network needs {dense.needs}")
    check_words(dense.words, columns, "dense")
    if not has_plain_data(columns).all():
        raise ValueError(f"the dense network draws no data with a {', '.join(PLAIN_DATA)}")
    if not dense.accepts(columns).all():
        needed, most = np.max(dense.cost(columns).memory_bytes) / 1e9, 48 * MOST_NUMBERS / 1e9
        raise ValueError(
            f"the dense network would need {needed:,.1f} GB for this run, and takes at most {most:.1f} GB; "
            "take a run of smaller n, m or n_test, or of smaller d if its noise or optimizer needs all of d"
        )
    if any(isinstance(part.engine, Dense) for part in assign(columns)):
        raise ValueError("the dense network itself trains this run: nothing is beside it")
    return dense.record(columns, steps, keyed)
