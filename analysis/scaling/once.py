"""Fits are made once for each boundary, however many results read them."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

from analysis.boundary.mean_crossing import Boundary

Options = ParamSpec("Options")
Fitted = TypeVar("Fitted")


def once_per_boundary(
    fit: Callable[Concatenate[Boundary, Options], Fitted],
) -> Callable[Concatenate[Boundary, Options], Fitted]:
    """A fit whose results are kept, by its options, for as long as the boundary is.

    Args:
        fit: a pure function of a boundary, which is never changed, and of hashable options.
    """
    signature = inspect.signature(fit)
    kept: WeakKeyDictionary[Boundary, dict[Any, Fitted]] = WeakKeyDictionary()

    @wraps(fit)
    def shared(boundary: Boundary, /, *args: Options.args, **kwargs: Options.kwargs) -> Fitted:
        """The fit, made where it is not kept yet."""
        bound = signature.bind(boundary, *args, **kwargs)
        bound.apply_defaults()
        options = tuple(bound.arguments.values())[1:]
        results = kept.setdefault(boundary, {})
        if options not in results:
            results[options] = fit(boundary, *args, **kwargs)
        return results[options]

    return shared
