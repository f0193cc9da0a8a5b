"""A sweep checked against its model: the cells that follow, or every error of the file.

A cell and its columns are described in `sweeps.declare.cells.table`.
"""

import ast
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sweeps.declare import formula
from sweeps.declare.axis import Axis
from sweeps.declare.cells.draws import Draws, draws_of
from sweeps.declare.cells.names import check_names
from sweeps.declare.cells.table import Arrays, CellsError, CellTable, lattice
from sweeps.declare.cells.values import ColumnValueError, typed
from sweeps.declare.file.sweep_file import (
    FREE_SECTIONS,
    UNREAD,
    Given,
    SweepKeys,
    SweepSpec,
    read_keys,
    read_spec,
)
from sweeps.errors import FileError, Path, SweepError
from sweeps.models.images.check import IMAGE_COLUMNS, unusable
from sweeps.models.protocol import ChecksRuns, Model, NeedsImages, SharesDraws

MAX_CELLS = 20_000_000


@dataclass(frozen=True)
class ResolvedSweep:
    """A sweep without errors, its model and its cells; the model draws as the sweep says (`draws`)."""

    spec: SweepSpec
    model: Model
    cells: CellTable
    given: Given
    draws: Draws


def resolve(
    text: str,
    name: str,
    find_model: Callable[[str], Model],
    *,
    size: str | None = None,
    read_images: bool = False,
) -> ResolvedSweep:
    """Read a sweep file and check it against its model.

    Args:
        text: the sweep file's text (YAML or JSON).
        name: what to call it in messages.
        find_model: gives the model of a name, as `sweeps.models.installed.load_model` does.
        size: one of the file's sizes; None takes the file as it is.
        read_images: whether images that the runs name are read too, since they are to be trained on.
    Raises:
        SweepFileError: every error of the file; of one whose model is unknown, those of its form.
    """
    return resolve_keys(read_keys(text, name, size), find_model, read_images=read_images)


def resolve_keys(
    keys: SweepKeys, find_model: Callable[[str], Model], *, read_images: bool = False
) -> ResolvedSweep:
    """Check a sweep, whose keys were read, against its model.

    Args:
        keys: of a file, or made in Python.
        find_model: as for `resolve`.
        read_images: as for `resolve`.
    Raises:
        SweepFileError: as `resolve`.
    """
    spec, errors = read_spec(keys)
    source = keys.source
    if spec is None:
        raise source.error(errors)
    try:
        model = find_model(spec.model)
    except SweepError as error:
        raise source.error([*errors, FileError(("model",), str(error))]) from None
    unread = [
        key for key in FREE_SECTIONS if any(file_error.path == (key,) for file_error in errors)
    ]
    trees = _parse(spec, errors)
    errors = _together(errors, check_names(spec, model, trees, unread=unread))
    given = _given(spec, model, errors)
    cells = None if errors else _cells(spec, model, given, trees, errors)
    if cells is not None and not errors and read_images and isinstance(model, NeedsImages):
        errors += _images(spec, cells)
    if cells is None or errors:
        raise source.error(errors)
    try:
        model = _with_images(model, cells)
    except ValueError as error:
        key = "folder" if "folder" in spec.fixed else "data"
        raise source.error([FileError(("fixed", key), str(error))]) from None
    draws = draws_of(spec, model, cells)
    model = model.with_keyed(draws.keyed) if isinstance(model, SharesDraws) else model
    axes = {name: _with_values(axis, given[name]) for name, axis in spec.axes.items()}
    settings = {name: _with_values(axis, given[name]) for name, axis in spec.settings.items()}
    spec = spec._replace(axes=axes, settings=settings)
    return ResolvedSweep(spec, model, cells, keys.given, draws)


def meanings(resolved: ResolvedSweep) -> dict[str, str]:
    """Meaning of each auxiliary column: itself, and the formulas that read it."""
    formulas = resolved.spec.derived
    read = {name: formula.columns_of(formula.parse(text)) for name, text in formulas.items()}
    return {
        name: ", ".join([name, *(f"{to} = {formulas[to]}" for to in formulas if name in read[to])])
        for name in resolved.cells.auxiliary
    }


def _with_images(model: Model, cells: CellTable) -> Model:
    """The model that trains on the images that there are now, and on no others."""
    if not isinstance(model, NeedsImages):
        return model
    few = cells.take(cells.representatives(("data", "positive", "negative")))
    return model.with_contents(model.read_contents(few))


def _together(form: list[FileError], names: list[FileError]) -> list[FileError]:
    """Errors of the form and of names: one for each value.

    The substitute of an ill-typed value is no error of the file, but a name is wrong whatever its value.
    """
    ill_typed = {file_error.path: file_error for file_error in form}
    for file_error in names:
        if file_error.path in ill_typed and file_error.path[0] in FREE_SECTIONS:
            text = f"{ill_typed[file_error.path].text}; and {file_error.path[-1]} {file_error.text}"
            ill_typed[file_error.path] = FileError(file_error.path, text)
    of_the_file = [
        found
        for found in names
        if not _is_within(found.path, ill_typed) and not _is_item_of(found.path, ill_typed)
    ]
    return [*ill_typed.values(), *of_the_file]


def _is_item_of(path: Path, others: Collection[Path]) -> bool:
    """Whether a path is of an item of a list in a section, and one of the others is of a part of it."""
    return len(path) > 2 and any(other[: len(path)] == path for other in others)


def _is_within(path: Path, others: Collection[Path]) -> bool:
    """Whether a path is one of the others, or of a part of one."""
    return any(path[:end] in others for end in range(1, len(path) + 1))


def _parse(spec: SweepSpec, errors: list[FileError]) -> dict[str, ast.expr]:
    """The trees of the formulas that parse."""
    trees = {}
    for name, text in spec.derived.items():
        try:
            trees[name] = formula.parse(text)
        except formula.FormulaError as error:
            errors.append(FileError(("derived", name), str(error)))
    return trees


def _given(spec: SweepSpec, model: Model, errors: list[FileError]) -> Arrays:
    """Values of axes, settings and fixed names in their columns' types."""
    columns = {column.name: column for column in model.parameters}
    fixed = {
        name: Axis(() if value is UNREAD else (value,), "list")
        for name, value in spec.fixed.items()
    }
    given = {}
    wrong = {file_error.path for file_error in errors}
    for section, axes in (("axes", spec.axes), ("settings", spec.settings), ("fixed", fixed)):
        for name, axis in axes.items():
            if axis.unread or (section, name) in wrong:
                continue
            try:
                given[name] = typed(axis, columns.get(name))
                _check_accepted(section, name, given[name], model)
            except ColumnValueError as error:
                errors.append(FileError((section, name), str(error)))
    defaults = {c.name: c.default for c in model.parameters if c.type == "string"}
    for name in defaults.keys() - spec.axes.keys() - spec.settings.keys() - spec.fixed.keys():
        try:
            _check_accepted("fixed", name, np.array([defaults[name]], dtype=object), model)
        except ColumnValueError as error:
            errors.append(FileError((), f"{name} by default: {error}"))
    return given


def _check_accepted(section: str, name: str, values: NDArray[Any], model: Model) -> None:
    """Refuse words that no engine of the model trains, and locations that are varied.

    Raises:
        ColumnValueError: says what is accepted.
    """
    if isinstance(model, NeedsImages) and name in model.locations and section != "fixed":
        raise ColumnValueError("says where files are, which decides no run; give it in fixed")
    if values.dtype != object:
        return
    accepted = model.words.get(name)
    unknown = [] if accepted == () else [word for word in values if word not in (accepted or ())]
    if unknown:
        raise ColumnValueError(
            f"received {unknown[0]!r}, which the model {model.name} ({model.engine}) does not train; "
            f"expected {', '.join(accepted) if accepted else 'no word: none is known for it'}"
        )


def _images(spec: SweepSpec, cells: CellTable) -> list[FileError]:
    """Images that cannot be used, at the first section that names them."""
    found = []
    for column, text in unusable(columns for _, columns in cells.blocks()):
        names = (column, *IMAGE_COLUMNS)
        given = (
            (key, name) for name in names for key in FREE_SECTIONS if name in getattr(spec, key)
        )
        found.append(FileError(next(given, ()), text))
    return found


def _with_values(axis: Axis, values: NDArray[Any]) -> Axis:
    """The axis with the values that its cells have: in the column's type, rounded where it is."""
    return Axis(tuple(None if value != value else value for value in values.tolist()), axis.scale)


def _cells(
    spec: SweepSpec,
    model: Model,
    given: Arrays,
    trees: dict[str, ast.expr],
    errors: list[FileError],
) -> CellTable | None:
    """The cells, if they are not too many and what formulas give is valid in all of them."""
    cells = lattice(spec, model, given, trees)
    if cells.number > MAX_CELLS:
        text = f"make {cells.number:,} cells; at most {MAX_CELLS:,} are planned at once: split the sweep"
        errors.append(FileError(("axes",), text))
        return None
    try:
        if trees:
            for _ in cells.blocks():
                pass
    except CellsError as error:
        errors += [FileError(("derived", name), text) for name, text in error.texts.items()]
    else:
        errors += _refused(spec, model, cells)
    return cells


def _refused(spec: SweepSpec, model: Model, cells: CellTable) -> list[FileError]:
    """The first runs that the model refuses, though it knows every word of theirs."""
    if not isinstance(model, ChecksRuns):
        return []
    recorded = spec.trajectory is not None
    try:
        for _, columns in cells.blocks():
            model.check_runs(columns, recorded)
    except ValueError as error:
        return [FileError(("trajectory",) if recorded else (), str(error))]
    return []
