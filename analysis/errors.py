"""The one exception for user errors, the nearest valid name, and other errors in its text."""

import difflib
from collections.abc import Iterable


class AnalysisError(Exception):
    """An error the user can fix: says what was received, what was expected, and the remedy."""


def nearest(word: str, valid: Iterable[str]) -> str:
    """A hint that names the valid word closest to a mistyped one.

    Args:
        word: what was received.
        valid: the names that would have been accepted.
    Returns:
        " Did you mean 'x'?" with a leading space, or all valid names where none is close.
    """
    names = sorted(valid)
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.5)
    return f" Did you mean '{close[0]}'?" if close else f" Valid names: {', '.join(names)}."


def one_line(error: BaseException) -> str:
    """An error of a library on one line, without control characters that a file may have put there."""
    words = " ".join(str(error).split()) or type(error).__name__
    return "".join(letter if letter.isprintable() else "�" for letter in words)
