"""Whether a sweep may be added to a dataset: same name, model, seed and constants; more of the rest.

Cells, replicates and settings may be gained. What was fixed may become an axis or a setting that holds
the old value. Anything else would put runs of two sweeps side by side, and is refused.
"""

from typing import Any

from sweeps.mistakes import SweepError

_ABSENT = object()


def check_extends(old: dict[str, Any], new: dict[str, Any], defaults: dict[str, Any]) -> None:
    """Refuse a sweep that is not an extension of the one in the folder.

    Args:
        old: the resolved sweep of the folder.
        new: the resolved sweep to be run.
        defaults: the model's defaults by parameter.
    Raises:
        SweepError: names each difference.
    """
    differences = [
        f"{key} was {old[key]!r} and is {new[key]!r}"
        for key in ("name", "model", "seed", "derived")
        if old[key] != new[key]
    ]
    differences += _changed_constants(old, new, defaults)
    differences += [
        f"{name} was varied and is not any more"
        for name in (*old["axes"], *old["settings"])
        if name not in new["axes"] and name not in new["settings"]
    ]
    if differences:
        raise SweepError(
            "the output folder holds another sweep: "
            + "; ".join(differences)
            + ". Name another --out, or another name in the sweep file; nothing was changed"
        )


def _changed_constants(
    old: dict[str, Any], new: dict[str, Any], defaults: dict[str, Any]
) -> list[str]:
    """Names that had one value and have another now, or none that contains it."""
    texts = []
    for name in dict.fromkeys([*old["fixed"], *new["fixed"], *new["axes"], *new["settings"]]):
        if name in old["axes"] or name in old["settings"]:
            continue
        before = old["fixed"].get(name, defaults.get(name, _ABSENT))
        after = _values(new, name, defaults)
        if before not in after:
            was = "absent" if before is _ABSENT else repr(before)
            texts.append(f"{name} was {was} and is {', '.join(map(repr, after))}")
    return texts


def _values(sweep: dict[str, Any], name: str, defaults: dict[str, Any]) -> list[Any]:
    """The values that a name takes in a sweep."""
    for section in ("axes", "settings"):
        if name in sweep[section]:
            return list(sweep[section][name]["values"])
    return [sweep["fixed"].get(name, defaults.get(name, _ABSENT))]
