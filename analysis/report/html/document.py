"""Fills the page's template; everything that comes from a dataset is escaped there."""

import base64
import hashlib
import platform
from collections.abc import Sequence
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, StrictUndefined
from matplotlib.figure import Figure

from analysis.figures import page_svg
from analysis.report.html.hover import cell_data, cell_places
from analysis.report.section import HoverMap, Picture, Section, Subject
from sweeps.declare.terminal import visible

MOST_NAMED = 4
"""Sweeps that a title names; more are counted, and the links below name them."""
VERSIONS = ("bocnn", "matplotlib", "numpy", "pyarrow", "scipy")


class Chapter(NamedTuple):
    """One dataset on the page; `folder` leads from the page to its files, "" or with a slash."""

    name: str
    subject: Subject
    sections: Sequence[Section]
    folder: str


def write_page(chapters: Sequence[Chapter], path: Path) -> Path:
    """Writes the page of one or several datasets.

    Returns:
        The path.
    """
    style, script = _part("page.css"), _part("page.js")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "allow_nan": False}
    text = environment.from_string(_part("page.html")).render(
        title=title_of([chapter.subject.findings.dataset.sweep.name for chapter in chapters]),
        chapters=[_chapter(chapter) for chapter in chapters],
        style=style,
        script=script,
        policy=_policy(style, script),
        versions=_versions(),
    )
    path.write_text(text, encoding="utf-8", errors="backslashreplace")
    return path


def title_of(names: Sequence[str]) -> str:
    """All names where these are few."""
    return ", ".join(names) if len(names) <= MOST_NAMED else f"{len(names)} sweeps"


def _part(name: str) -> str:
    return (files("analysis.report.html") / name).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    """Lets in the page's own style and script and pictures within it, and nothing else."""
    own = [
        base64.b64encode(hashlib.sha256(part.encode()).digest()).decode()
        for part in (style, script)
    ]
    return (
        f"default-src 'none'; img-src data:; style-src 'sha256-{own[0]}'; "
        f"script-src 'sha256-{own[1]}'; base-uri 'none'; form-action 'none'"
    )


def _versions() -> str:
    parts = [f"{name} {version(name)}" for name in VERSIONS]
    return ", ".join([*parts, f"Python {platform.python_version()}"])


def _chapter(chapter: Chapter) -> dict[str, Any]:
    subject = chapter.subject
    runs = subject.findings.runs
    failed = {k: v for k, v in runs.items() if k not in ("planned", "used", "ok") and v}
    return {
        "name": chapter.name,
        "title": subject.findings.dataset.sweep.name,
        "folder": chapter.folder,
        "description": visible(subject.provenance.description),
        "facts": [
            ("x", subject.findings.cells.plane.x.label),
            ("y", subject.findings.cells.plane.y.label),
            ("measure", subject.findings.cells.label),
            ("runs", f"{runs['used']:,} used of {runs['planned']:,} planned"),
            ("failed", ", ".join(f"{count:,} {name}" for name, count in failed.items()) or "none"),
            ("data", f"sha256 {subject.provenance.digest[:16]}…"),
        ],
        "sections": [
            _section(section, f"{chapter.name}.{k}") for k, section in enumerate(chapter.sections)
        ],
    }


def _section(section: Section, name: str) -> dict[str, Any]:
    return {
        "id": name,
        "record": section,
        "tables": [table for table in section.tables if table.header],
        "pictures": [_picture(p) for p in section.pictures if p.on_page],
        "files": [p.name for p in section.pictures if not p.on_page],
        "bare_tables": [t for t in section.tables if t.name and not t.header and t.rows],
        "map": _map(section.hover) if section.hover else None,
    }


def _picture(picture: Picture) -> dict[str, Any]:
    parts = picture.parts or (("", picture.figure),)
    images = [
        (f"{picture.caption}, {label}" if label else picture.caption, _image(figure))
        for label, figure in parts
    ]
    return {
        "name": picture.name,
        "caption": picture.caption,
        "images": images,
        "key": _image(picture.key) if picture.key else "",
    }


def _map(hover: HoverMap) -> dict[str, Any]:
    data = cell_data(hover.cells)
    panels = []
    for setting, views in zip(data["settings"], hover.panels, strict=True):
        images = [(name, _image(figure)) for name, figure in views]
        setting["places"] = [cell_places(figure, hover.cells) for _, figure in views]
        panels.append({"name": setting["name"], "images": images})
    return {
        "label": hover.cells.label,
        "views": [name for name, _ in hover.panels[0]],
        "panels": panels,
        "data": data,
    }


def _image(figure: Figure) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(page_svg(figure).encode()).decode()}"
