"""Reads the file of predictions beside a dataset's rows: what theory says of the measure, cell by cell."""

import pyarrow as pa
import pyarrow.fs as pafs

from analysis.dataset.shards import check_content, decode, open_folder, texts
from analysis.errors import AnalysisError, nearest
from sweeps.declare.file_names import PREDICTIONS

_REMEDY = "Run the sweep again to write it: nothing is trained for it."


def read_predictions(location: str, name: str) -> pa.Table:
    """The cells of a sweep, and one prediction of its measure in each.

    Args:
        location: the dataset's folder or URI.
        name: of the prediction.
    Returns:
        The columns that vary between cells, and the prediction, null where theory says nothing.
    Raises:
        AnalysisError: no such file or prediction, or a damaged file.
    """
    table, found = _opened(location, name)
    if name not in found:
        path = f"{location.rstrip('/')}/{PREDICTIONS}"
        raise AnalysisError(f"{path} holds no prediction '{name}'.{nearest(name, found)} {_REMEDY}")
    return table.drop_columns([other for other in found if other != name])


def has_prediction(location: str, name: str) -> bool:
    """Whether the file of predictions holds one of a name.

    Args:
        location: the dataset's folder or URI.
        name: of the prediction.
    Raises:
        AnalysisError: no such file, or a damaged one.
    """
    return name in _opened(location, name)[1]


def _opened(location: str, name: str) -> tuple[pa.Table, list[str]]:
    """The whole file, and the names of its predictions."""
    files, folder = open_folder(location)
    path = f"{folder.rstrip('/')}/{PREDICTIONS}"
    if files.get_file_info(path).type != pafs.FileType.File:
        raise AnalysisError(f"There is no {path}, which holds the prediction '{name}'. {_REMEDY}")
    try:
        table = decode(files, path, lambda file: file.read())
    except FileNotFoundError:
        raise AnalysisError(f"{path} has gone. {_REMEDY}") from None
    check_content(table, path)
    found = [field.name for field in table.schema if b"measure" in (field.metadata or {})]
    return table, found


def predicted_measure(table: pa.Table, name: str) -> str:
    """The measure that a column of predictions is of."""
    return texts(table.schema.field(name).metadata)["measure"]
