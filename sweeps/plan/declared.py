"""The resolved sweep as a dataset states it: what was declared, how its cells draw, which images it has."""

import json
from typing import Any

from sweeps.declare.cells.resolve import ResolvedSweep
from sweeps.declare.file.sweep_file import to_json
from sweeps.models.protocol import NeedsImages


def declared(resolved: ResolvedSweep) -> dict[str, Any]:
    """The resolved sweep as JSON holds it, how its cells draw, and which images they are trained on."""
    found: dict[str, Any] = json.loads(to_json(resolved.spec))
    found["draws"] = {name: list(names) for name, names in resolved.draws._asdict().items()}
    if isinstance(resolved.model, NeedsImages) and resolved.model.contents:
        found |= {"images": dict(resolved.model.contents)}
        found |= {"locations": list(resolved.model.locations)}
    return found
