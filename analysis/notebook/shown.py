"""Records that notebooks show as tables."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any, Self

from sweeps.declare.html_table import html_table


class ShownRecord:
    """A record that notebooks show as a table of its rows."""

    def _title(self) -> str:
        raise NotImplementedError

    def _rows(self) -> Sequence[Sequence[object]]:
        """Header and rows."""
        raise NotImplementedError

    @classmethod
    def _of(cls, record: Any, **more: Any) -> Self:
        """The record as one that shows itself."""
        values = {each.name: getattr(record, each.name) for each in fields(record) if each.init}
        return cls(**values, **more)

    def __repr__(self) -> str:
        lines = [[str(part) for part in row] for row in self._rows()]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        shown = ("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)
        return "\n  ".join([self._title(), *shown])

    def _repr_html_(self) -> str:
        header, *rows = self._rows()
        return html_table(self._title(), rows, header=header)
