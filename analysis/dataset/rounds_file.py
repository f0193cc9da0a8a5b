"""Reads the file of rounds beside a dataset's rows: how the intervals of an adaptive sweep narrowed."""

from collections.abc import Sequence
from typing import NamedTuple

import pyarrow.fs as pafs

from analysis.dataset.shards import check_content, decode, open_folder
from sweeps.declare.file_names import ROUNDS


class Round(NamedTuple):
    """A target after a round.

    Attributes:
        round: its number, from 1.
        runs: of all rounds so far.
        half_width: the widest of its intervals' half widths; None while there is none.
        middle_half_width: their median; None where that has none.
        crossings: columns of all settings × levels.
        beyond_grid: those of them that cross beyond the grid for sure.
        level_off: those in columns that level off at the level.
        being_located: those that are not located yet.
        without_target: levels and settings in which too few columns cross for the target.
    """

    round: int
    runs: int
    half_width: float | None
    middle_half_width: float | None
    crossings: int
    beyond_grid: int
    level_off: int
    being_located: int
    without_target: int


def read_rounds(location: str) -> Sequence[Round]:
    """The rounds of a sweep that samples adaptively; none where no driver has written them.

    Args:
        location: the dataset's folder or URI.
    Raises:
        AnalysisError: a damaged file.
    """
    files, folder = open_folder(location)
    path = f"{folder.rstrip('/')}/{ROUNDS}"
    if files.get_file_info(path).type != pafs.FileType.File:
        return ()
    try:
        table = decode(files, path, lambda file: file.read(columns=list(Round._fields)))
    except FileNotFoundError:
        return ()
    check_content(table, path)
    return tuple(Round(**row) for row in table.to_pylist())
