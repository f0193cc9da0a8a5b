"""YAML with line numbers: safe types only, numbers as people write them, no key twice.

PyYAML's nodes have the lines. ruamel.yaml has them too, but raises at the first key that is given twice,
where here all errors of a file are reported together; what is refused beyond that would be the same code.
"""

import re
import sys
from typing import Any

import yaml

from sweeps.errors import FileError, Path, shown

_ODD_NUMBER = re.compile(r":|^[-+]?0[0-9bx_]", re.IGNORECASE)
"""Numbers that YAML 1.1 reads as octal, hexadecimal or base 60, and a person does not."""


class _Loader(yaml.SafeLoader):
    """The safe loader, which reads 1e-3 as a number as YAML 1.2 does, and takes no aliases."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Refuse an alias: a few lines of them can expand to gigabytes."""
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(problem="aliases (*name) are not taken", problem_mark=mark)
        return super().compose_node(parent, index)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Refuse what its tag does not fit (the 99th of May), and numbers beyond the floats."""
        try:
            value = super().construct_object(node, deep)
            if type(value) in (int, float) and _ODD_NUMBER.search(node.value):
                raise ValueError
            if type(value) is int and abs(value) > sys.float_info.max:
                raise ValueError
            if type(value) is str:
                # JSON escapes large characters as surrogate pairs; half a pair is no character.
                value = value.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
        except (ValueError, LookupError, AttributeError):
            raise yaml.MarkedYAMLError(
                problem=f"{shown(node.value)} is not a valid {node.tag.rpartition(':')[2]}",
                problem_mark=node.start_mark,
            ) from None
        return value


class _Dumper(yaml.SafeDumper):
    """Writes what `_Loader` reads back to the same values, without aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write a value that occurs twice out twice."""
        return True


for _class in (_Loader, _Dumper):
    _class.add_implicit_resolver(
        "tag:yaml.org,2002:float",
        re.compile(r"^[-+]?(\d[\d_]*)(\.[\d_]*)?[eE][-+]?\d+$"),
        list("-+0123456789"),
    )


def from_json(text: str) -> str:
    """JSON text with those characters escaped that YAML refuses, or takes for the end of a line."""
    return re.sub(
        "[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]", lambda found: f"\\u{ord(found[0]):04x}", text
    )


def write(values: dict[str, Any]) -> str:
    """Plain values as YAML that `read` reads back to them."""
    options: dict[str, Any] = {"default_flow_style": None, "allow_unicode": True, "width": 100}
    return str(yaml.dump(values, Dumper=_Dumper, sort_keys=False, **options))


def read(text: str) -> tuple[Any, dict[Path, int], list[FileError]]:
    """Parse YAML text.

    Returns:
        The value (None where the text is not YAML), the line of every key and item (from 1), and
        the errors found: syntax, duplicate keys, tags that are not plain data.
    """
    lines: dict[Path, int] = {}
    errors: list[FileError] = []
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            return None, lines, errors
        _walk(node, (), lines, errors)
        return loader.construct_document(node), lines, errors
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        lines[("YAML",)] = mark.line + 1 if mark else 1
        errors.append(FileError(("YAML",), f"not valid YAML: {getattr(error, 'problem', error)}"))
    except RecursionError:
        errors.append(FileError(("YAML",), "is nested too deeply"))
    return None, lines, errors


def _walk(node: yaml.Node, path: Path, lines: dict[Path, int], errors: list[FileError]) -> None:
    """Note the line of a node and of all below it, and keys that are given twice."""
    lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _walk(item, (*path, index), lines, errors)
    elif isinstance(node, yaml.MappingNode):
        for key, item in node.value:
            below = (*path, str(key.value))
            if below in lines:
                errors.append(FileError(below, f"given twice, first on line {lines[below]}"))
            lines[below] = key.start_mark.line + 1
            _walk(item, below, lines, errors)
