"""The engines in the order in which the model tries them, and which of them trains which runs."""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bocnn.engines.coordinates.engine import DenseCPU
from bocnn.engines.cpu.engine import GramCPU
from bocnn.engines.dense.engine import Dense
from bocnn.engines.gpu.engine import GramGPU
from bocnn.engines.packing import cells_of
from bocnn.engines.protocol import Columns, Engine, RecordingEngine
from bocnn.parameters.accepted import Words, check_words
from bocnn.parameters.invariance import PLAIN_DATA, fits_one_vector, has_plain_data

GRAM_GPU: Final = GramGPU()
GRAM_CPU: Final = GramCPU()
ENGINES: list[Engine] = [GRAM_GPU, GRAM_CPU, DenseCPU(), Dense()]
"""The first that can train here and accepts a run trains it."""


class Assignment(NamedTuple):
    """An engine and the runs that it trains, shape (rows,)."""

    engine: Engine
    rows: NDArray[np.intp]


def trained_words() -> dict[str, tuple[str, ...]]:
    """By parameter the words that some engine trains, those of the first engines first."""
    words: dict[str, tuple[str, ...]] = {}
    for engine in (GRAM_CPU, *ENGINES):
        for name, known in engine.words.items():
            words[name] = tuple(dict.fromkeys((*words.get(name, ()), *known)))
    return words


def check_known(columns: Columns) -> None:
    """Refuse runs with a word that no engine trains.

    Raises:
        ValueError: names the parameter, the word, and the words that some engine trains.
    """
    check_words(trained_words(), columns, " or ".join(engine.name for engine in ENGINES))


def assign(columns: Columns, *, anywhere: bool = False, recorded: bool = False) -> list[Assignment]:
    """Which engine trains which runs in this process, engines in order.

    Args:
        columns: canonical, of every run.
        anywhere: try engines too that cannot train in this process.
        recorded: try engines alone that record runs along their training.
    Raises:
        ValueError: a run that no engine accepts.
    """
    first, cell = cells_of(columns)
    cells = {name: column[first] for name, column in columns.items()}
    check_known(cells)
    return assign_cells(cells, cell, anywhere=anywhere, recorded=recorded)


def assign_cells(
    cells: Columns, cell: NDArray[np.intp], *, anywhere: bool = False, recorded: bool = False
) -> list[Assignment]:
    """As `assign`, of runs that are already sorted into cells, whose words some engine trains.

    Args:
        cells: canonical, of one run of each cell.
        cell: the cell of each run, shape (runs,).
        anywhere: try engines too that cannot train in this process.
        recorded: try engines alone that record runs along their training.
    Raises:
        ValueError: a cell that no engine accepts.
    """
    left, found = np.ones(cells["n"].size, dtype=bool), []
    engines = [engine for engine in ENGINES if not recorded or isinstance(engine, RecordingEngine)]
    for engine in engines:
        if not (left.any() and (anywhere or engine.device() is not None)):
            continue
        taken = left & engine.accepts(cells)
        if taken.any():
            found.append(Assignment(engine, np.flatnonzero(taken[cell])))
            left &= ~taken
    if left.any():
        what = "this combination of parameters" + (" and records it" if recorded else "")
        _refuse(cells, int(np.flatnonzero(left)[0]), what, engines)
    return found


def engines_of(columns: Columns, *, recorded: bool = False) -> Words:
    """Names of the engines that train runs here, in order, and their devices: `engine` and `device`.

    Args:
        columns: canonical, of every run.
        recorded: whether the runs are recorded along their training.
    """
    engines = [part.engine for part in assign(columns, recorded=recorded)] or [GRAM_CPU]
    return {
        "engine": tuple(engine.name for engine in engines),
        "device": tuple(dict.fromkeys(str(engine.device()) for engine in engines)),
    }


def _refuse(cells: Columns, c: int, what: str, engines: list[Engine]) -> None:
    """Refuse a cell whose words are all known, but which none of the engines accepts together."""
    row = {name: column[c : c + 1] for name, column in cells.items()}
    reasons = [f"{engine.name}: {_reason(engine, row)}" for engine in engines]
    raise ValueError(f"no engine trains {what} ({'; '.join(reasons)})")


def _reason(engine: Engine, row: Columns) -> str:
    """Why an engine does not train a run."""
    try:
        check_words(engine.words, row, engine.name)
    except ValueError as error:
        return str(error).split("; the engine")[0]
    if engine.accepts(row)[0]:
        return f"it needs {engine.needs}"
    if isinstance(engine, GramCPU) and not (
        row["input"][0] == "patches" or fits_one_vector(row)[0]
    ):
        return "input: sum takes train: hidden, one noise patch and samples of equal strength"
    if isinstance(engine, GramCPU) and row["gradient"][0] == "orthogonal":
        return "an orthogonal gradient takes train: hidden"
    if isinstance(engine, GramCPU):
        return "samples of different strength take a power of relu, or leaky_relu, without biases"
    if not has_plain_data(row)[0]:
        return "it draws no data with a " + ", ".join(PLAIN_DATA)
    if not np.isnan(row["error_tol"][0]) and not isinstance(engine, Dense):
        return "it does not stop at an error_tol"
    return "the run is beyond its sizes"
