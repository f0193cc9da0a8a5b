"""The page as HTML: regions that are replaced one by one where they have changed."""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from jinja2 import Environment, StrictUndefined, Template

from analysis.report.html.card import duration
from analysis.watch.snapshot import Snapshot
from sweeps.declare.terminal import visible

REGIONS = ("progress", "pictures", "laws", "nodes", "failures")
"""Blocks of the template."""
QUIET_S = 60.0
"""Seconds without a new file, or twice those of a shard, after which a driver is not called training."""


class View(NamedTuple):
    """A dataset's state, seconds since its last file of rows came, and its position among all."""

    snapshot: Snapshot
    last_s: float | None
    position: int


def render_page(names: Sequence[str], shown: int | None, view: View) -> str:
    """The whole page.

    Args:
        names: of all datasets that are watched.
        shown: position of the one that was asked for; None where it is the newest.
        view: of the one that is shown.
    """
    return _template().render(names=names, shown=shown, **_state(view))


def render_regions(view: View) -> dict[str, str]:
    """What may have changed, region by region.

    Args:
        view: of the dataset.
    """
    template, state = _template(), _state(view)
    regions = {
        name: "".join(template.blocks[name](template.new_context(state))) for name in REGIONS
    }
    return regions | {"title": state["title"], "spoken": state["spoken"]}


def rate_words(runs_per_s: float) -> str:
    """A rate in whole runs, or in two digits where it is small."""
    return f"{runs_per_s:,.0f}" if runs_per_s >= 10 else f"{runs_per_s:.2g}"


def part(name: str) -> str:
    """A file of the page, by its name."""
    return (files("analysis.watch") / name).read_text(encoding="utf-8")


@cache
def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters["rate"] = rate_words
    return environment.from_string(part("watch.html"))


def _state(view: View) -> dict[str, Any]:
    snapshot, last_s, position = view
    return {
        "title": visible(snapshot.name),
        "snapshot": snapshot,
        "position": position,
        "percent": _percent(snapshot),
        "facts": _facts(snapshot, last_s),
        "words": _words(snapshot, last_s),
        "spoken": _spoken(snapshot, last_s),
    }


def _percent(snapshot: Snapshot) -> int | None:
    return 100 * snapshot.published // snapshot.planned if snapshot.planned else None


def _words(snapshot: Snapshot, last_s: float | None) -> str:
    """What goes on, in a few words."""
    if snapshot.problem:
        return "The rows cannot be shown now"
    if last_s is None:
        return "No run is published yet"
    if snapshot.is_complete:
        return "All runs are published"
    shard_s = snapshot.pace.shard_s if snapshot.pace else 0.0
    if last_s > max(QUIET_S, 2 * shard_s):
        return f"No file has come for {duration(last_s)}: its driver has ended, or waits"
    return "Training"


def _spoken(snapshot: Snapshot, last_s: float | None) -> str:
    """What is read aloud when it changes, which is seldom."""
    words, percent = _words(snapshot, last_s), _percent(snapshot)
    if percent is None or words != "Training":
        return words.partition(" for ")[0]
    return f"{words}, at least {percent // 10 * 10} % of the runs are published"


def _facts(snapshot: Snapshot, last_s: float | None) -> list[tuple[str, str]]:
    """Counts, rate and times, name by name."""
    of = "" if snapshot.planned is None else f" of {snapshot.planned:,}"
    facts = [("runs", f"{snapshot.published:,}{of}")]
    if snapshot.pace and not snapshot.is_complete:
        facts.append(("rate", f"{rate_words(snapshot.pace.runs_per_s)} runs/s"))
    if snapshot.left_s and not snapshot.is_complete:
        facts.append(("left", f"about {duration(snapshot.left_s)}"))
    failed = ", ".join(f"{count:,} {name}" for name, count in snapshot.failed.items())
    facts.append(("failed", failed or "none"))
    if last_s is not None:
        facts.append(("last file", f"{duration(last_s)} ago"))
    return facts
