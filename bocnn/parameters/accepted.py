"""Refusal by default: the words that an engine trains, and an error for every other.

An engine states its words itself, whatever choices the columns offer: a word that is added to a column
alone is refused, and never trained as another one.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Words = Mapping[str, Sequence[str]]
"""By parameter the words that are trained; none named means any text, such as a folder's name."""


def accepts(words: Words, columns: Mapping[str, NDArray[Any]]) -> NDArray[np.bool_]:
    """Which runs hold no word but those, shape (runs,); a parameter of words that is not named has none.

    Args:
        words: of an engine.
        columns: parameters, shape (runs,) each.
    Returns:
        Shape (runs,).
    """
    accepted = np.ones(len(next(iter(columns.values()))), dtype=bool)
    for name, column in columns.items():
        if column.dtype == object and (known := words.get(name)) != ():
            accepted &= is_one_of(column, known or ())
    return accepted


def check_words(words: Words, columns: Mapping[str, NDArray[Any]], engine: str) -> None:
    """Refuse runs with a word that an engine does not train.

    Args:
        words: of the engine.
        columns: parameters, shape (runs,) each.
        engine: its name.
    Raises:
        ValueError: names the parameter, the word, and the engine's words.
    """
    for name, column in columns.items():
        known = words.get(name)
        if column.dtype != object or known == ():
            continue
        unknown = column[~is_one_of(column, known or ())]
        if unknown.size:
            raise ValueError(
                f"received {name}: {unknown[0]}; the engine {engine} accepts "
                f"{', '.join(known) if known else 'no word for it'}"
            )


def codes(words: Words, name: str, column: NDArray[Any]) -> NDArray[np.int64]:
    """A column of accepted words as their positions among them, shape (runs,).

    Args:
        words: of an engine.
        name: of the parameter.
        column: its words, shape (runs,).
    Returns:
        Shape (runs,), int64.
    """
    known = list(words[name])
    if column.size > 0 and (column == column[0]).all():  # by far the most frequent, and the fastest
        return np.full(column.size, known.index(column[0]))
    return np.array([known.index(word) for word in column.tolist()], dtype=np.int64)


def is_one_of(column: NDArray[Any], known: Sequence[str]) -> NDArray[np.bool_]:
    """Which words are known, shape (runs,).

    Args:
        column: words, shape (runs,).
        known: some words.
    Returns:
        Shape (runs,).
    """
    if column.size > 0 and (column == column[0]).all():
        return np.full(column.size, column[0] in known)
    return np.array([word in known for word in column.tolist()], dtype=bool)
