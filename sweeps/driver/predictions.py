"""What theory predicts of a sweep's measure, cell by cell, published beside the rows.

One row a cell: its axes, settings and derived numbers, and a column for each prediction that the sweep's
`analysis` names, null where theory says nothing. It is computed from the sweep alone, so that a prediction
that is added later needs no training.
"""

import numpy as np
import pyarrow as pa

from sweeps.declare.cells.resolve import ResolvedSweep
from sweeps.declare.file_names import MEDIAN_SUFFIX, PREDICTIONS
from sweeps.models.protocol import PredictionProtocol, PredictsMeasures
from sweeps.store.dataset import DatasetFolder, Writer
from sweeps.store.schema import plain_table


def publish_predictions(resolved: ResolvedSweep, dataset: DatasetFolder, writer: Writer) -> None:
    """Write the file of predictions, or remove it where the sweep names none.

    Args:
        resolved: the sweep.
        dataset: its folder.
        writer: publishes files of the sweep.
    Raises:
        SweepError: the folder is not writable.
    """
    wanted = _wanted(resolved)
    if not wanted:
        dataset.store.drop(PREDICTIONS)
        return
    writer.put_table(PREDICTIONS, cell_predictions(resolved, wanted), {})


def cell_predictions(
    resolved: ResolvedSweep, predictions: tuple[PredictionProtocol, ...]
) -> pa.Table:
    """Predictions of all cells.

    Args:
        resolved: the sweep, whose model makes the predictions.
        predictions: those of the model that are wanted.
    Returns:
        One row a cell, in the order of cells.
    """
    model = resolved.model
    assert isinstance(model, PredictsMeasures)
    cells = resolved.cells
    varying = [name for name in cells.names if name not in cells.constant]
    columns: dict[str, list[np.ndarray]] = {
        name: [] for name in (*varying, *(one.name for one in predictions))
    }
    for _, block in cells.blocks():
        for name in varying:
            columns[name].append(block[name])
        for one in predictions:
            columns[one.name].append(model.predict(one.name, block))
    kinds = {column.name: (column.type, column.meaning) for column in model.parameters}
    fields = [
        pa.field(name, pa.type_for_alias(kind), metadata={"meaning": meaning})
        for name in varying
        for kind, meaning in [kinds.get(name, ("float64", name))]
    ]
    fields += [
        pa.field(
            one.name,
            pa.float64(),
            metadata={"meaning": one.meaning, "measure": one.measure, "source": one.source},
        )
        for one in predictions
    ]
    return plain_table(
        pa.schema(fields), {name: np.concatenate(parts) for name, parts in columns.items()}
    )


def _wanted(resolved: ResolvedSweep) -> tuple[PredictionProtocol, ...]:
    """The model's predictions that the sweep names, each once, and those of the medians beside them."""
    if resolved.spec.analysis is None or not isinstance(resolved.model, PredictsMeasures):
        return ()
    named = {theory.prediction for theory in resolved.spec.analysis.theory}
    return tuple(
        one for one in resolved.model.predictions if one.name.removesuffix(MEDIAN_SUFFIX) in named
    )
