"""Formulas over a dataset's columns: those of sweep files, by their one evaluator.

The grammar is `sweeps.declare.formula`'s, so that a formula that a sweep file may hold is one that a report
can compute.
"""

from collections.abc import Mapping
from typing import Any

from analysis.dataset.plane import Floats
from analysis.errors import AnalysisError, nearest
from sweeps.declare import formula


def names_in(text: str) -> set[str]:
    """The columns that a formula reads.

    Raises:
        AnalysisError: it is no formula.
    """
    try:
        return formula.names(formula.parse(text))
    except formula.FormulaError as error:
        raise _refused(text, error) from error


def evaluate(text: str, columns: Mapping[str, Any]) -> Floats:
    """A formula's value over columns, which broadcast; NaN or infinite where it is undefined.

    Args:
        text: a formula, as sweep files have them.
        columns: by name.
    Raises:
        AnalysisError: it is no formula, or names no such column.
    """
    for name in sorted(names_in(text) - columns.keys()):
        raise AnalysisError(f"'{text}': no column '{name}'.{nearest(name, columns)}")
    return formula.evaluate(formula.parse(text), columns)


def _refused(text: str, error: formula.FormulaError) -> AnalysisError:
    return AnalysisError(
        f"Received the formula '{text}' ({error}); expected numbers, column names, + - * / // % **, "
        f"parentheses and {', '.join(formula.FUNCTIONS)}. Write it as for 'n * mu_norm**4 / d'."
    )
