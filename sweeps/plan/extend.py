"""Whether a sweep may be added to a dataset: same name, model, seed, constants, draws, images and steps to
record at; more of the rest.

Cells, replicates and settings may be gained. What was fixed may become a setting that holds the old value,
or an axis, unless published runs would then draw other random numbers. Images may be in another folder.
Anything else would put runs of two sweeps side by side, and is refused.
"""

from typing import Any

from sweeps.errors import SweepError

_NOT_GIVEN = object()


def check_extends(old: dict[str, Any], new: dict[str, Any], defaults: dict[str, Any]) -> None:
    """Refuse a sweep that is not an extension of the one in the folder.

    Args:
        old: the resolved sweep of the folder, as `sweeps.plan.declared.declared` gives it.
        new: the resolved sweep to be run, likewise.
        defaults: the model's defaults by parameter.
    Raises:
        SweepError: names each difference.
    """
    differences = [
        f"{key} was {old[key]!r} and is {new[key]!r}"
        for key in ("name", "model", "seed", "derived", "zip")
        if old[key] != new[key]
    ]
    differences += _changed_steps(*(_steps(sweep.get("trajectory")) for sweep in (old, new)))
    differences += _changed_constants(old, new, defaults)
    differences += _changed_draws(old, new, defaults)
    differences += _changed_images(old.get("images", {}), new.get("images", {}))
    differences += _lost_values(old, new)
    if new["replicates"] < old["replicates"]:
        differences.append(f"there were {old['replicates']} replicates, now {new['replicates']}")
    if differences:
        raise SweepError(
            "the output folder holds another sweep: "
            + "; ".join(differences)
            + ". Choose another folder (--out, or run(out=…) in Python) or another name for the sweep; "
            "nothing was changed"
        )


def _steps(form: Any) -> list[int] | None:
    """The steps to record at, whatever the scale on which they are spaced."""
    steps: list[int] | None = form["values"] if isinstance(form, dict) else form
    return steps


def _changed_steps(old: list[int] | None, new: list[int] | None) -> list[str]:
    """The message where other steps are to be recorded than those of the published runs."""
    if old == new:
        return []
    before, after = ("absent" if steps is None else _shown(steps) for steps in (old, new))
    return [f"trajectory was {before} and is {after}, and published runs are not trained again"]


def _changed_constants(
    old: dict[str, Any], new: dict[str, Any], defaults: dict[str, Any]
) -> list[str]:
    """Names that had one value and have another now, or none that contains it."""
    texts = []
    for name in dict.fromkeys([*old["fixed"], *new["fixed"], *new["axes"], *new["settings"]]):
        if name in old["axes"] or name in old["settings"] or name in new.get("locations", ()):
            continue
        before = old["fixed"].get(name, defaults.get(name, _NOT_GIVEN))
        after = _values(new, name, defaults)
        if before not in after:
            texts.append(f"{name} was {_shown([before])} and is {_shown(after)}")
    return texts


def _changed_draws(old: dict[str, Any], new: dict[str, Any], defaults: dict[str, Any]) -> list[str]:
    """Parameters that enter the keys of random numbers in one sweep alone; a default never enters."""
    before, after = (set(sweep.get("draws", {}).get("keyed", ())) for sweep in (old, new))
    texts = []
    for name in sorted(before ^ after):
        if name in old["derived"] or set(_values(old, name, defaults)) - {defaults.get(name)}:
            was, now = ("was an axis", "is none") if name in before else ("was no axis", "is one")
            texts.append(
                f"{name} {was} and {now}, so that published runs would draw other random numbers"
            )
    return texts


def _changed_images(old: dict[str, str], new: dict[str, str]) -> list[str]:
    """Sets of images whose content has changed."""
    return [
        f"the images {name} are others than those that published runs were trained on (their digest was "
        f"{old[name]} and is {new[name]})"
        for name in sorted(old.keys() & new.keys())
        if old[name] != new[name]
    ]


def _lost_values(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Names that were varied and have lost a value, or are not varied any more."""
    texts = []
    for name in (*old["axes"], *old["settings"]):
        if name not in new["axes"] and name not in new["settings"]:
            texts.append(f"{name} was varied and is not any more")
        elif lost := sorted(
            set(_values(old, name, {})) - set(_values(new, name, {})),
            key=_values(old, name, {}).index,
        ):
            texts.append(f"{name} has lost {_shown(lost)}")
    return texts


def _shown(values: list[Any]) -> str:
    """The first few values of a name, for a message."""
    texts = ["absent" if value is _NOT_GIVEN else repr(value) for value in values[:4]]
    return ", ".join(texts) + (", …" if len(values) > 4 else "")


def _values(sweep: dict[str, Any], name: str, defaults: dict[str, Any]) -> list[Any]:
    """The values that a name takes in a sweep."""
    if name in sweep["axes"]:
        return list(sweep["axes"][name]["values"])
    if name in sweep["settings"]:
        return list(sweep["settings"][name])
    return [sweep["fixed"].get(name, defaults.get(name, _NOT_GIVEN))]
