"""Which columns identify the cells of a sweep, and which rows the sweep plans."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from analysis.dataset.files import Dataset
from analysis.errors import AnalysisError
from sweeps.declare.document.document import SweepDocument


class Keys(NamedTuple):
    """Columns that identify cells: the plane's, and those of which the sweep plans certain values.

    Columns with one value in all files are left out: they distinguish nothing.
    """

    x: str
    y: str
    planned: Mapping[str, tuple[Any, ...]]

    @property
    def names(self) -> list[str]:
        """All of them, each once."""
        return list(dict.fromkeys([self.x, self.y, *self.planned]))

    @property
    def sql(self) -> str:
        """All of them, as a query lists them."""
        return ", ".join(map(quoted, self.names))


def quoted(name: str) -> str:
    """A column's name as a query writes it."""
    return '"{}"'.format(name.replace('"', '""'))


def literal(text: str) -> str:
    """A text as a query writes it."""
    return "'{}'".format(text.replace("'", "''"))


def identifying_columns(dataset: Dataset, x: str, y: str) -> Keys:
    """The columns that identify cells of the present sweep on the plane of columns x and y.

    Args:
        dataset: the runs.
        x: column along the plane's x axis.
        y: column along its y axis.
    Raises:
        AnalysisError: the footers show that no row belongs to the sweep.
    """
    planned = planned_values(dataset.sweep)
    for name, values in planned.items():
        if name in dataset.constant and dataset.constant[name] not in values:
            raise no_rows(dataset)
    varying = {
        name: values
        for name, values in planned.items()
        if name in dataset.schema.names and name not in dataset.constant
    }
    return Keys(x, y, varying)


def planned_values(sweep: SweepDocument) -> dict[str, tuple[Any, ...]]:
    """The values that the present sweep plans of each column: axes first, then settings and fixed ones."""
    planned: dict[str, tuple[Any, ...]] = {name: axis.values for name, axis in sweep.axes.items()}
    planned |= {name: tuple(values) for name, values in sweep.settings.items()}
    return planned | sweep.constants


def no_rows(dataset: Dataset) -> AnalysisError:
    """The error that no row belongs to the sweep."""
    return AnalysisError(
        f"None of the {dataset.rows} rows belongs to the present sweep '{dataset.sweep.name}': its "
        "axes, settings or fixed values were changed since. Run the sweep again."
    )
