"""Tables of the reference that are written from the code when the site is built, so that they cannot drift.

A page names one on a line of its own: {{ parameters bocnn }}, {{ measures bocnn }}, {{ recorded bocnn }},
{{ predictions bocnn }},
{{ command sweeps.cli }}, {{ public analysis }}, {{ shipped }}, {{ gallery }}.
"""

import re
from collections.abc import Iterable, Iterator
from importlib import import_module
from inspect import cleandoc
from pathlib import Path
from typing import Any

import typer.main
import yaml

from sweeps.declare.file.presets import preset_files
from sweeps.models.installed import load_model

GALLERY = Path(__file__).parent / "gallery"
MARK = re.compile(r"^\{\{ (\w+) ?([\w.]*) \}\}$", re.MULTILINE)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Replace each mark by its table."""
    return MARK.sub(lambda mark: "\n".join(WRITERS[mark[1]](mark[2])), markdown)


def parameters(model: str) -> Iterator[str]:
    """Parameters of a model."""
    yield from table("parameter", "meaning", "values", "default")
    for column in load_model(model).parameters:
        default = column.default
        shown = "null" if default is None or default != default else f"{default}"
        yield row(f"`{column.name}`", column.meaning, values(column), shown)


def measures(model: str) -> Iterator[str]:
    """Measures of a model."""
    return meanings(load_model(model).measures)


def recorded(model: str) -> Iterator[str]:
    """Recorded columns of a model."""
    return meanings(load_model(model).trajectory_measures)  # type: ignore[attr-defined]


def predictions(model: str) -> Iterator[str]:
    """What a model predicts of its measures."""
    yield from table("prediction", "of", "assumes", "derived in")
    for one in load_model(model).predictions:  # type: ignore[attr-defined]
        yield row(f"`{one.name}`", f"`{one.measure}`", one.meaning, f"`{one.source}`")


def meanings(columns: Iterable[Any]) -> Iterator[str]:
    """Names of columns and what they mean."""
    yield from table("column", "type", "meaning")
    for column in columns:
        words = f": {', '.join(column.choices)}" if column.choices else ""
        yield row(f"`{column.name}`", column.type, column.meaning + words)


def values(column: Any) -> str:
    """The valid values of a parameter."""
    return ", ".join(column.choices) or f"{column.type} {column.interval}"


def command(module: str) -> Iterator[str]:
    """The commands of a command line, with their options."""
    group = typer.main.get_command(import_module(module).app)
    for name, one in group.commands.items():  # type: ignore[attr-defined]
        yield f"### {name}\n\n{cleandoc(one.help or '')}\n"
        rows = [
            option(parameter)
            for parameter in one.params
            if not parameter.hidden and parameter.name != "help"
        ]
        yield from [*table("argument, option", "meaning", "default"), *rows, ""] if rows else ()


def option(parameter: Any) -> str:
    """A row of an argument or option."""
    name = ", ".join(parameter.opts) if parameter.opts[0][0] == "-" else parameter.name.upper()
    default = "" if parameter.default in (None, ()) or parameter.required else parameter.default
    return row(f"`{name}`", getattr(parameter, "help", None) or "", f"{default}")


def shipped(_: str) -> Iterator[str]:
    """The shipped sweeps."""
    yield from table("sweep", "model", "what it maps")
    for name, file in preset_files().items():
        sweep = yaml.safe_load(file.read_text(encoding="utf-8"))
        yield row(f"`{name}`", f"`{sweep.get('model', 'bocnn')}`", sweep["description"])


def gallery(_: str) -> Iterator[str]:
    """The shipped sweeps with their pictures, paper by paper; those that have none are named at the end."""
    missing = []
    for name, file in preset_files().items():
        if not (GALLERY / f"{name}.png").exists():
            missing.append(name)
            continue
        sweep = yaml.safe_load(file.read_text(encoding="utf-8"))
        description = sweep["description"].replace("<", "&lt;")
        picture = f"![{alternative(sweep)}]({name}.png){{ loading=lazy }}"
        yield from (f"### {name}\n", f"{description}\n", f"    bocnn run {name}\n", f"{picture}\n")
    if missing:
        yield f"Without a picture yet: {', '.join(f'`{name}`' for name in missing)}."


def alternative(sweep: dict[str, Any]) -> str:
    """What a sweep's picture shows, in words."""
    view = sweep.get("analysis") or {}
    plane = " and ".join(str(view[axis]) for axis in ("x", "y") if axis in view)
    return f"{view.get('measure', 'the measure')} over {plane or 'the axes'}"


def public(package: str) -> Iterator[str]:
    """The public functions and classes of a package, where they are defined."""
    module = import_module(package)
    for name in sorted(module.__all__, key=str.lower):
        found = getattr(module, name)
        if callable(found):
            yield f"::: {found.__module__}.{found.__qualname__}\n"


def table(*heads: str) -> Iterator[str]:
    """The head of a table."""
    yield row(*heads)
    yield row(*("---" for _ in heads))


def row(*cells: str) -> str:
    """A row of a table."""
    escaped = (cell.replace("|", r"\|").replace("<", "&lt;") for cell in cells)
    return f"| {' | '.join(escaped)} |"


WRITERS = {
    "parameters": parameters,
    "measures": measures,
    "recorded": recorded,
    "predictions": predictions,
    "command": command,
    "shipped": shipped,
    "gallery": gallery,
    "public": public,
}
