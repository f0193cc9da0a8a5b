"""Provenance of a dataset's rows, from its files' metadata: whether it mixes code or machines.

Rows are the same bit by bit on one kind of processor with one state of the code, and only there.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

MADE_BY = {
    "engine": "engines",
    "device": "devices",
    "processor": "processors",
    "instruction_set": "instruction sets",
    "blas": "BLAS libraries",
    "code_digest": "states of the code",
    "numba": "versions of numba",
    "llvmlite": "versions of llvmlite",
    "numpy": "versions of numpy",
    "scipy": "versions of scipy",
}
"""Metadata keys that decide a row's last digits, and their plurals."""

NOT_STATED = "not stated"

_DIGITS = 16
"""Digits in the number of a file's rows, fewer than that."""


def mixtures(notes: Iterable[Mapping[str, str]]) -> list[str]:
    """Differences within a dataset: "instruction sets: generic (48 rows), znver4 (52 rows)".

    Args:
        notes: of each file, or part of a compacted one, with its `rows`.
    """
    counts: dict[str, Counter[str]] = {key: Counter() for key in MADE_BY}
    for note in notes:
        rows = note.get("rows", "")
        number = int(rows) if rows.isdecimal() and len(rows) < _DIGITS else 0
        for key, count in counts.items():
            count[note.get(key, NOT_STATED)] += number
    return [
        f"{MADE_BY[key]}: {', '.join(f'{value} ({count[value]:,} rows)' for value in sorted(count))}"
        for key, count in counts.items()
        if len(count) > 1
    ]


def unlike(one: list[dict[str, str]], other: list[dict[str, str]]) -> str:
    """In what two files differ that decides a row's last digits: "numpy 2.1 and 2.2", or nothing.

    Args:
        one: notes of what made a file's rows.
        other: those of another file.
    """
    values = ((key, together(one, key), together(other, key)) for key in MADE_BY)
    return ", ".join(f"{key} {mine} and {theirs}" for key, mine, theirs in values if mine != theirs)


def together(notes: Iterable[Mapping[str, str]], key: str) -> str:
    """One key of several notes: its different values, in one text.

    Args:
        notes: what made rows, file by file.
        key: one of the keys of MADE_BY.
    """
    return ", ".join(sorted({note.get(key, NOT_STATED) for note in notes})) or NOT_STATED
