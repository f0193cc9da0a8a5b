"""Whether the target of a sweep that samples adaptively is one that its plane can have."""

from collections.abc import Iterator

from sweeps.declare.file.sweep_file import SweepSpec
from sweeps.errors import FileError, listed

FEWEST_FOR_KINK = 6
"""Columns that a kink needs: two on each side of it, and two to judge by, as in `analysis`."""


def is_read(spec: SweepSpec, name: str) -> bool:
    """Whether a name is an axis that could be read."""
    return name in spec.axes and not spec.axes[name].unread


def check_sampling(spec: SweepSpec) -> Iterator[FileError]:
    """Errors in what a sweep samples for.

    Args:
        spec: the sweep.
    Returns:
        A target whose plane has no boundary, whose axes are no numbers, or whose columns are not there.
    """
    if spec.sampling is None:
        return
    if spec.analysis is None or not spec.analysis.levels:
        yield FileError(
            ("sampling",), "needs levels to look for; give analysis with x, y, measure, levels"
        )
        return
    for key in ("x", "y"):
        name = getattr(spec.analysis, key)
        values = spec.axes[name].values if is_read(spec, name) else ()
        numbers = [value for value in values if isinstance(value, int | float)]
        if len(numbers) < len(values):
            words = listed([value for value in values if value not in numbers])
            text = f"{name} takes {words}; the plane of sampling needs numbers"
            yield FileError(("analysis", key), text)
        elif key == "y" and len(values) == 1:
            yield FileError(("analysis", key), f"{name} has one value; a crossing needs several")
        elif key == "x" and values and (lacks := _lacks(spec, name, numbers)):
            text = f"received {spec.sampling.target!r}, and {lacks}"
            yield FileError(("sampling", "target"), text)
    yield from _range(spec)


def _lacks(spec: SweepSpec, name: str, x: list[float]) -> str:
    """What the plane has not that a target needs, in words; "" where it has all.

    Args:
        spec: the sweep.
        name: of the axis x.
        x: its values.
    """
    assert spec.sampling is not None and spec.analysis is not None
    target = spec.sampling.target
    if spec.sampling.strategy == "straddle" and target != "boundary":
        return "the strategy 'straddle' knows boundaries alone; take 'columns'"
    if target in ("exponent", "kink") and min(x) <= 0:
        return f"{name} takes {min(x):g}; a power of x needs x above 0"
    if target == "kink" and len(x) < FEWEST_FOR_KINK:
        return f"{name} takes {len(x)} values; a kink needs {FEWEST_FOR_KINK}"
    plane = (spec.analysis.x, spec.analysis.y)
    others = [axis for key, axis in {**spec.axes, **spec.settings}.items() if key not in plane]
    if target == "shift" and all(len(axis.values) < 2 for axis in others):
        return "there is one setting; a shift needs two"
    return ""


def _range(spec: SweepSpec) -> Iterator[FileError]:
    """Columns of a target that there are not, or that it does not take."""
    assert spec.sampling is not None and spec.analysis is not None
    bounds, path = spec.sampling.x_range, ("sampling", "x_range")
    if bounds is None:
        return
    if spec.sampling.target != "exponent":
        yield FileError(
            path, "is for the target exponent; take it out, or the target of the columns"
        )
        return
    x = spec.axes[spec.analysis.x].values if is_read(spec, spec.analysis.x) else ()
    count = sum(bounds[0] <= v <= bounds[1] for v in x if isinstance(v, int | float))
    if x and count < 2:
        yield FileError(
            path,
            f"received {list(bounds)}, which has {count} values of {spec.analysis.x}; "
            "an exponent needs two",
        )
