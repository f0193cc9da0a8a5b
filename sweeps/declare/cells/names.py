"""Whether the names of a sweep mean something: to the model, to a formula, to each other."""

import ast
from collections.abc import Collection, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter

from sweeps.declare import formula
from sweeps.declare.analysis_spec import AnalysisSpec
from sweeps.declare.axis import Axis
from sweeps.declare.cells.sampling_names import check_sampling, is_read
from sweeps.declare.file.sweep_file import FREE_SECTIONS, SweepSpec
from sweeps.declare.file_names import MEDIAN_SUFFIX
from sweeps.errors import FileError, Path, listed, nearest
from sweeps.models.protocol import Model, PredictsMeasures, RecordsTrajectory

Trees = Mapping[str, ast.expr]


def check_names(
    spec: SweepSpec, model: Model, trees: Trees, *, unread: Collection[str] = ()
) -> list[FileError]:
    """Every error in the names of a sweep.

    Args:
        spec: the sweep.
        model: its model.
        trees: its derived values' formulas, those that parse.
        unread: sections that could not be read, whose names are not known: what may be given there is
            not said to be missing.
    """
    return [
        *_undeclared(spec, model, trees),
        *(() if unread else _missing(spec, model)),
        *(() if unread else _unknown(spec, model, trees)),
        *_circles(trees),
        *_zip(spec),
        *_analysis(spec, model),
        *(() if unread else _across(spec)),
        *(() if unread else _where(spec)),
        *(() if unread else _formulas(spec, model)),
        *_trajectory(spec, model),
        *check_sampling(spec),
    ]


def order(trees: Trees) -> list[str]:
    """The derived names, each after those that its formula reads.

    Raises:
        CycleError: formulas go in a circle.
    """
    reads = {name: formula.columns_of(tree) & trees.keys() for name, tree in trees.items()}
    return list(TopologicalSorter(reads).static_order())


def _sections(spec: SweepSpec) -> Iterator[tuple[str, str]]:
    """Every declared name with its section."""
    for section in FREE_SECTIONS:
        yield from ((section, name) for name in getattr(spec, section))


def _undeclared(spec: SweepSpec, model: Model, trees: Trees) -> Iterator[FileError]:
    """Names given twice, and names that nothing reads."""
    parameters = [column.name for column in model.parameters]
    known = {*parameters, *(name for tree in trees.values() for name in formula.columns_of(tree))}
    seen: dict[str, str] = {}
    taken = {"run_id", "seed", "replicate", *(column.name for column in model.measures)}
    for section, name in _sections(spec):
        if name in seen:
            yield FileError((section, name), f"is given in {seen[name]} already; give it once")
        elif name in taken:
            yield FileError(
                (section, name), "is a column that every dataset has; take another name"
            )
        elif name in formula.CONSTANTS:
            text = f"is {formula.CONSTANTS[name]:.6g} in every formula; take another name"
            yield FileError((section, name), text)
        elif name not in known:
            yield FileError(
                (section, name),
                f"is neither a parameter of {model.name} nor used by a formula; parameters: "
                f"{', '.join(parameters)}{nearest(name, parameters)}",
            )
        seen.setdefault(name, section)


def _missing(spec: SweepSpec, model: Model) -> Iterator[FileError]:
    """Parameters without a default that are not given."""
    given = {name for _, name in _sections(spec)}
    for column in model.parameters:
        if column.default == "required" and column.name not in given:
            yield FileError(
                (),
                f"parameter {column.name} ({column.meaning}) is missing; give it in axes, fixed, "
                "derived or settings",
            )


def _unknown(spec: SweepSpec, model: Model, trees: Trees) -> Iterator[FileError]:
    """Names in formulas that are given nowhere."""
    for name, tree in trees.items():
        for text in _given_nowhere(tree, spec, model):
            yield FileError(("derived", name), text)


def _given_nowhere(
    tree: ast.expr, spec: SweepSpec, model: Model, *, also: Collection[str] = ()
) -> Iterator[str]:
    """A message for each name of a formula that is neither declared nor a parameter nor in `also`."""
    valid = {name for _, name in _sections(spec)} | {column.name for column in model.parameters}
    valid |= set(also)
    for used in sorted(formula.columns_of(tree) - valid):
        hint = "; Euler's number is exp(1)" if used == "e" else nearest(used, valid)
        yield f"the formula names {used!r}, which is given nowhere{hint}"


def _circles(trees: Trees) -> Iterator[FileError]:
    """Formulas that go in a circle."""
    try:
        order(trees)
    except CycleError as error:
        circle = error.args[1]
        yield FileError(("derived", circle[0]), f"formulas go in a circle: {' → '.join(circle)}")


def _zip(spec: SweepSpec) -> Iterator[FileError]:
    """Zipped names that are no axes, stand twice, or differ in length."""
    zipped: set[str] = set()
    for index, group in enumerate(spec.zip):
        if len(group) < 2:
            yield FileError(("zip", index), f"received {group}; expected two axes or more")
        for position, name in enumerate(group):
            path = ("zip", index, position)
            if name not in spec.axes:
                yield FileError(path, f"{name!r} is not an axis{nearest(name, spec.axes)}")
            elif name in zipped:
                yield FileError(path, f"{name!r} is zipped twice")
            zipped.add(name)
        lengths = {name: len(spec.axes[name].values) for name in group if is_read(spec, name)}
        if len(set(lengths.values())) > 1:
            texts = ", ".join(f"{name} has {length}" for name, length in lengths.items())
            yield FileError(("zip", index), f"zipped axes must be equally long: {texts}")


def _analysis(spec: SweepSpec, model: Model) -> Iterator[FileError]:
    """Names of the plane and the measure that are not in the dataset."""
    if spec.analysis is None:
        return
    plane = {spec.analysis.x, spec.analysis.y}
    if len(plane) == 1 or any(plane <= set(group) for group in spec.zip):
        yield FileError(("analysis", "y"), "x and y must be two axes that are not zipped together")
    measures = [column.name for column in model.measures if column.type != "string"]
    for key, valid in (("x", list(spec.axes)), ("y", list(spec.axes)), ("measure", measures)):
        received = getattr(spec.analysis, key)
        if received not in valid:
            what = "a measure" if key == "measure" else "an axis"
            text = f"received {received!r}; expected {what}: {', '.join(valid)}"
            yield FileError(("analysis", key), f"{text}{nearest(received, valid)}")
    if not spec.analysis.levels and not spec.analysis.curves:
        yield FileError(
            ("analysis", "levels"), "received []; expected a level, or curves beside it"
        )
    yield from _curves(spec, model, measures)
    yield from _theory(spec.analysis, model)


def _theory(analysis: AnalysisSpec, model: Model) -> Iterator[FileError]:
    """Predicted boundaries that predict nothing, twice the same, or what the model does not predict."""
    offered = model.predictions if isinstance(model, PredictsMeasures) else ()
    valid = [
        one.name
        for one in offered
        if one.measure == analysis.measure and not one.name.endswith(MEDIAN_SUFFIX)
    ]
    for index, theory in enumerate(analysis.theory):
        path = ("analysis", "theory", index)
        if theory.exponent is None and theory.line is None and theory.prediction is None:
            yield FileError(path, "predicts nothing; give an exponent, a line or a prediction")
        if theory.line is not None and theory.prediction is not None:
            text = "both state where the boundary is; give one of line and prediction"
            yield FileError((*path, "prediction"), text)
        if theory.prediction is not None and theory.prediction not in valid:
            names = ", ".join(valid) or "none"
            text = (
                f"received {theory.prediction!r}; predictions of {analysis.measure} that the model "
                f"{model.name} has: {names}{nearest(theory.prediction, valid)}"
            )
            yield FileError((*path, "prediction"), text)


def _curves(spec: SweepSpec, model: Model, measures: list[str]) -> Iterator[FileError]:
    """Curves of what is no measure or is not recorded, and limits over what is no setting."""
    assert spec.analysis is not None
    recorded: list[str] = []
    if spec.trajectory is not None and isinstance(model, RecordsTrajectory):
        recorded = [column.name for column in model.trajectory_measures if column.name != "step"]
    for index, curve in enumerate(spec.analysis.curves):
        named, kind = (
            (recorded, "a recorded measure") if curve.recorded else (measures, "a measure")
        )
        for key, valid in (
            ("measure", named),
            ("predicted", named),
            ("limit", list(spec.settings)),
        ):
            received = getattr(curve, key)
            if received is not None and received not in valid:
                what = "a setting" if key == "limit" else kind
                names = ", ".join(valid) or "the sweep has none"
                if curve.recorded and not recorded and key != "limit":
                    names = "the sweep records none; give steps under trajectory"
                text = f"received {received!r}; expected {what}: {names}"
                path = ("analysis", "curves", index, key)
                yield FileError(path, f"{text}{nearest(received, valid)}")
        sizes = spec.settings[curve.limit].values if curve.limit in spec.settings else ()
        wrong = [size for size in sizes if not isinstance(size, int | float) or size <= 0]
        if wrong:
            text = f"{curve.limit} takes {listed(wrong)}; expected sizes, numbers above 0"
            yield FileError(("analysis", "curves", index, "limit"), text)


def _across(spec: SweepSpec) -> Iterator[FileError]:
    """Quantities that are followed over what is no setting, and so would be shown nowhere."""
    if spec.analysis is None:
        return
    valid = _compared(spec)
    for index, across in enumerate(spec.analysis.across):
        if across.setting not in valid:
            names = ", ".join(valid) or "the sweep has none"
            text = f"received {across.setting!r}; expected a setting: {names}"
            path = ("analysis", "across", index, "setting")
            yield FileError(path, f"{text}{nearest(across.setting, valid)}")


def _where(spec: SweepSpec) -> Iterator[FileError]:
    """Predictions for what is no setting, or a value that it has not: they would be for no run."""
    if spec.analysis is None:
        return
    valid = _compared(spec)
    for index, theory in enumerate(spec.analysis.theory):
        path = ("analysis", "theory", index, "where")
        for name, values in theory.where.items():
            if name not in valid:
                names = ", ".join(valid) or "the sweep has none"
                text = f"received {name!r}; expected a setting: {names}"
                yield FileError(path, f"{text}{nearest(name, valid)}")
            elif missing := [value for value in values if value not in valid[name].values]:
                text = f"received {name} = {listed(missing)}; expected of its values: "
                yield FileError(path, f"{text}{listed(valid[name].values)}")


def _compared(spec: SweepSpec) -> dict[str, Axis]:
    """What is compared on the plane: settings, and axes that it does not show."""
    assert spec.analysis is not None
    shown = (spec.analysis.x, spec.analysis.y)
    return {
        **spec.settings,
        **{name: axis for name, axis in spec.axes.items() if name not in shown},
    }


def _formulas(spec: SweepSpec, model: Model) -> Iterator[FileError]:
    """Order parameters and predicted lines that are no formulas, or read what is no column."""
    if spec.analysis is None:
        return
    formulas: list[tuple[Path, str]] = []
    for index, theory in enumerate(spec.analysis.theory):
        if theory.line is not None:
            formulas.append((("analysis", "theory", index, "line"), theory.line))
    if collapse := spec.analysis.collapse:
        path: Path = ("analysis", "collapse", "order")
        one = isinstance(collapse.order, str)
        formulas += [
            (path if one else (*path, k), text) for k, text in enumerate(collapse.formulas)
        ]
    for path, text in formulas:
        try:
            problems = _no_columns(formula.parse(text), spec, model)
        except formula.FormulaError as error:
            yield FileError(path, str(error))
            continue
        yield from (FileError(path, problem) for problem in problems)


def _no_columns(tree: ast.expr, spec: SweepSpec, model: Model) -> Iterator[str]:
    """A message for each name of a formula that is no column of numbers of the dataset."""
    columns = {column.name for column in (*model.parameters, *model.measures)}
    for name in sorted(formula.columns_of(tree) & spec.derived.keys() - columns):
        text = f"the formula names {name!r}, which is derived and no column of the dataset; write"
        yield f"{text} {spec.derived[name]} instead"
    measures = {column.name for column in model.measures if column.type != "string"}
    yield from _given_nowhere(tree, spec, model, also=measures)


def _trajectory(spec: SweepSpec, model: Model) -> Iterator[FileError]:
    """Steps to record at, of a model that does not record."""
    if spec.trajectory is not None and not isinstance(model, RecordsTrajectory):
        text = f"the model {model.name} does not record trajectories; take this key out"
        yield FileError(("trajectory",), text)
