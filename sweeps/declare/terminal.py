"""Printing: names as words that no terminal obeys, and output that fails without ending the command.

A sweep of hours must not end because its log cannot be written: the pipe is closed, the disk is full, the
encoding has no letter for σ.
"""

import errno
import os
import re
import sys
from collections.abc import Iterable
from typing import Any, TextIO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)
"""Characters that move the cursor, change colours or the direction of writing, or are no character."""


def visible(text: str) -> str:
    """A text whose control characters, new lines and tabs apart, are written out: ESC becomes \\x1b."""
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


class WordConsole(Console):
    """A console that prints what it is given as words: nothing in it is a command to the terminal."""

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """The segments of a renderable, with the text of each made visible."""
        for segment in super().render(renderable, options):
            text, style, control = segment
            yield segment if control else Segment(visible(text), style)


class Lenient:
    """A text stream that loses what it cannot write, and says so once on stderr.

    It behaves as the stream that it wraps in everything but errors.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._failed = False
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write, or lose, a text."""
        try:
            return self._stream.write(text)
        except (OSError, ValueError) as error:
            self._lose(error)
            return len(text)

    def flush(self) -> None:
        """Write, or lose, what is buffered."""
        try:
            self._stream.flush()
        except (OSError, ValueError) as error:
            self._lose(error)

    def _lose(self, error: OSError | ValueError) -> None:
        """Send all further output nowhere; a reader that has gone away needs no word of it."""
        if self._failed:
            return
        self._failed = True
        number = self._stream.fileno() if not self._stream.closed else -1
        if number in (1, 2):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, number)
            os.close(nowhere)
        if number != 2 and getattr(error, "errno", None) != errno.EPIPE:
            print(f"output is lost from here on: {error}", file=sys.stderr)


def guard_streams() -> None:
    """Make stdout and stderr lenient, those that are closed too; call it first in a command.

    A closed descriptor would be given to the next file that is opened, and prints would land in it.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
    sys.stdout = Lenient(sys.stdout or open(os.devnull, "w"))  # noqa: SIM115
    sys.stderr = Lenient(sys.stderr or open(os.devnull, "w"))  # noqa: SIM115
