"""Fills the page's template; everything that comes from a dataset is escaped there."""

import base64
import hashlib
import platform
from collections.abc import Callable, Sequence
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, StrictUndefined

from analysis.report.blocks import TableBlock
from analysis.report.findings import Finding
from analysis.report.html.card import picture_of, run_facts
from analysis.report.html.packed import packed
from analysis.report.html.view import SectionView
from analysis.report.results import Results
from sweeps.declare.terminal import visible

MAX_NAMED_SWEEPS = 4
"""Sweeps that a title names; more are counted, and the links below name them."""
SCRIPTS = ("levels.js", "maps.js", "page.js")
VERSIONS = ("bocnn", "matplotlib", "numpy", "pyarrow", "scipy")


class Chapter(NamedTuple):
    """One dataset on the page; `folder` leads from the page to its files, "" or with a slash."""

    name: str
    results: Results
    sections: Sequence[SectionView]
    folder: str
    findings: Sequence[Finding]


def write_page(chapters: Sequence[Chapter], path: Path) -> Path:
    """Writes the page of one or several datasets.

    Args:
        chapters: one for each dataset.
        path: of the page.
    Returns:
        The path.
    """
    style, script = part("page.css"), "".join(map(part, SCRIPTS))
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.globals.update(packed=packed, pack_section=_pack_section)
    text = environment.from_string(part("page.html")).render(
        title=title_of([chapter.results.sweep for chapter in chapters]),
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
    return ", ".join(names) if len(names) <= MAX_NAMED_SWEEPS else f"{len(names)} sweeps"


def part(name: str) -> str:
    """A file of the page, by its name."""
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


def _pack_section(
    section: SectionView, levels: Any, folder: str, markup: Callable[[TableBlock, str], str]
) -> str:
    """What a section keeps packed; nothing where it has nothing of the kind.

    Args:
        section: its images, and what its map knows of the cells.
        levels: boundaries through which its map moves.
        folder: leads from the page to its files.
        markup: of a table, whose file is in that folder.
    """
    parts = {
        "images": [image.text for image in section.images],
        "cells": section.map.data if section.map else None,
        "levels": levels if section.map else None,
        "tables": [str(markup(table, folder)) for table in section.tables if table.is_packed],
    }
    return packed(parts) if any(parts.values()) else ""


def _chapter(chapter: Chapter) -> dict[str, Any]:
    results = chapter.results
    plane = results.cells.plane
    return {
        "name": chapter.name,
        "title": results.sweep,
        "folder": chapter.folder,
        "description": visible(results.provenance.description),
        "picture": picture_of(chapter.sections),
        "findings": chapter.findings,
        "runs": run_facts(results),
        "confidence": f"{results.resampling.confidence:.0%}",
        "facts": [
            ("x", plane.x.label),
            *[("y", plane.y.label)] * (len(plane.y.values) > 1),
            ("measure", results.cells.label),
            ("data", f"sha256 {results.provenance.digest[:16]}…"),
            *[("chosen", results.choice)] * bool(results.choice),
        ],
        "levels": next((one.levels for one in chapter.sections if one.levels), None),
        "sections": chapter.sections,
    }
