"""The key `sampling`: what it takes, what it refuses, and that a size may change it."""

import json
from typing import Any

import pytest

import sweeps
from sweeps.declare.cells.resolve import resolve
from sweeps.declare.sampling_spec import SamplingSpec
from sweeps.errors import SweepError
from tests.sweeps.small import errors_of, resolved
from tests.toy import TOY

SAMPLING: dict[str, Any] = {"target": "boundary", "half_width": 0.1, "at_most": 500}
SWEEP: dict[str, Any] = {
    "name": "sampled",
    "model": "toy",
    "replicates": 9,
    "axes": {"x": [1, 2, 4], "y": {"log": [0.1, 10, 33]}},
    "analysis": {"x": "x", "y": "y", "measure": "error", "levels": [0.25]},
    "sampling": SAMPLING,
    "sizes": {"smoke": {"sampling": {"half_width": 1}}},
}


def text_of(sampling: dict[str, Any] | None = None, **changes: Any) -> str:
    """The sweep with other keys; without those that are None."""
    keys = SWEEP | changes | {"sampling": SAMPLING | (sampling or {})}
    return json.dumps({key: value for key, value in keys.items() if value is not None})


def test_defaults_and_sizes() -> None:
    spec = resolved(text_of()).spec.sampling
    assert spec == SamplingSpec(target="boundary", half_width=0.1, at_most=500)
    assert (spec.round, spec.strategy, spec.x_range) == (400, "columns", None)
    smaller = resolve(text_of(), "t.yaml", lambda name: TOY, size="smoke").spec
    assert smaller.sampling == SamplingSpec(target="boundary", half_width=1, at_most=500)


def test_a_size_may_be_the_only_one_that_samples_or_the_only_one_that_does_not() -> None:
    only = {**SWEEP, "sizes": {"fine": {"sampling": SAMPLING}}}
    del only["sampling"]
    text = json.dumps(only)
    assert resolved(text).spec.sampling is None
    fine = resolve(text, "t.yaml", lambda name: TOY, size="fine").spec
    assert fine.sampling == SamplingSpec(**SAMPLING)
    text = text_of(sizes={"smoke": {"sampling": None}})
    assert resolve(text, "t.yaml", lambda name: TOY, size="smoke").spec.sampling is None


def test_a_size_without_a_target_is_refused_where_the_file_has_none() -> None:
    half = {**SWEEP, "sizes": {"fine": {"sampling": {"half_width": 1}}}}
    del half["sampling"]
    with pytest.raises(SweepError, match=r"sampling\.target: is missing"):
        resolve(json.dumps(half), "t.yaml", lambda name: TOY, size="fine")
    assert "sizes.smoke.sampling.rounds: is not among" in errors_of(
        text_of(sizes={"smoke": {"sampling": {"rounds": 2}}})
    )


def test_a_sweep_in_python_takes_the_record_or_its_keys() -> None:
    keys = {key: value for key, value in SWEEP.items() if key != "sizes"}
    one = sweeps.Sweep(**keys)
    other = sweeps.Sweep(**keys | {"sampling": SamplingSpec(**SAMPLING)})
    assert one.keys["sampling"] == SAMPLING
    assert resolved(one.text).spec.sampling == resolved(other.text).spec.sampling


@pytest.mark.parametrize(
    ("sampling", "message"),
    [
        (
            {"target": "corner"},
            r"sampling.target: received 'corner'; expected 'boundary', 'exponent', 'kink' or 'shift'",
        ),
        (
            {"strategy": "grid"},
            r"sampling.strategy: received 'grid'; expected 'columns' or 'straddle'",
        ),
        ({"half_width": 0}, r"sampling.half_width: received 0; expected greater than 0"),
        ({"at_most": 1.5}, r"sampling.at_most: received 1.5; expected a valid integer"),
        ({"rounds": 3}, r"sampling.rounds: unknown key; valid: .*did you mean 'round'"),
        ({"x_range": [1, 2]}, "x_range: is for the target exponent"),
        ({"target": "kink"}, "received 'kink', and x takes 3 values; a kink needs 6"),
        (
            {"target": "exponent", "strategy": "straddle"},
            "received 'exponent', and the strategy 'straddle' knows boundaries alone; take 'columns'",
        ),
        ({"target": "shift"}, "received 'shift', and there is one setting; a shift needs two"),
        (
            {"target": "exponent", "x_range": [3, 9]},
            r"received \[3.0, 9.0\], which has 1 values of x; an exponent needs two",
        ),
    ],
)
def test_what_a_target_does_not_take_is_refused(sampling: dict[str, Any], message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        assert not errors_of(text_of(sampling))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"analysis": None}, "sampling: needs levels to look for"),
        (
            {"axes": {"x": [1, 2], "y": [3]}},
            "analysis.y: y has one value; a crossing needs several",
        ),
        (
            {"axes": {"word": ["plain", "fancy"], "y": [1, 2]}, "fixed": {"x": 1}}
            | {"analysis": SWEEP["analysis"] | {"x": "word"}},
            "analysis.x: word takes 'plain', 'fancy'; the plane of sampling needs numbers",
        ),
    ],
)
def test_a_plane_without_a_boundary_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        assert not errors_of(text_of(None, **changes))


@pytest.mark.parametrize("target", ["kink", "exponent"])
def test_a_power_of_x_needs_x_above_zero(target: str) -> None:
    found = errors_of(text_of({"target": target}, axes={"x": [0, 1, 2], "y": [1, 2]}))
    assert f"received '{target}', and x takes 0; a power of x needs x above 0" in found


def test_a_shift_is_between_settings_or_axes_that_the_plane_does_not_show() -> None:
    for settings in ({"p_flip": [0, 0.1]}, {"noise": [0.1, 0.2]}):
        spec = resolved(text_of({"target": "shift"}, settings=settings)).spec.sampling
        assert spec is not None and spec.target == "shift"


def test_all_errors_are_reported_together() -> None:
    found = errors_of(text_of({"target": "corner", "half_width": "wide", "at_most": None}))
    assert all(f"sampling.{key}" in found for key in ("target", "half_width", "at_most"))
