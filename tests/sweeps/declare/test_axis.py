"""Axes: every form a file may give, and what is said of those it may not."""

from typing import Any

import numpy as np
import pytest

from sweeps.declare.axis import Axis, AxisError, read_axis


@pytest.mark.parametrize(
    ("form", "axis"),
    [
        ([3, 1, 2], Axis((3, 1, 2), "list")),
        (["a", None, 0.5], Axis(("a", None, 0.5), "list")),
        ({"values": [1, 2]}, Axis((1, 2), "list")),
        ({"values": [1, 2], "scale": "log"}, Axis((1, 2), "log")),
        ({"lin": [0, 1, 3]}, Axis((0.0, 0.5, 1.0), "lin", True)),
        ({"lin": [1, -1, 2]}, Axis((1.0, -1.0), "lin", True)),
        ({"log": [0.01, 100, 5]}, Axis((0.01, 0.1, 1.0, 10.0, 100.0), "log", True)),
        ({"log": [100, 1, 3]}, Axis((100.0, 10.0, 1.0), "log", True)),
        ({"lin": [2, 2, 1]}, Axis((2.0,), "lin", True)),
    ],
)
def test_forms(form: Any, axis: Axis) -> None:
    assert read_axis(form) == axis


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ([], "no values; an axis needs at least one"),
        ({"values": []}, "no values"),
        ([1, 2, 1], "holds 1 more than once"),
        ([1, 1.0], "more than once"),
        ([True], "received True; expected finite numbers, words or null"),
        ([[1]], r"received \[1\]; expected finite numbers"),
        ([float("nan")], "received nan"),
        (3, r"received 3; expected a list of values, \{lin: "),
        ({"log": [0, 1, 3]}, r"a log range needs positive ends; use lin"),
        ({"log": [-1, 1, 3]}, "positive ends"),
        ({"lin": [0, 1]}, r"expected \[first, last, count\]"),
        ({"lin": [0, "1", 2]}, r"expected \[first, last, count\]"),
        ({"lin": [0, 1, 0]}, "received a count of 0; expected a whole number"),
        ({"lin": [0, 1, 2.5]}, "received a count of 2.5"),
        ({"lin": [0, 1, 10**9]}, "received a count of 1000000000"),
        ({"lin": [-1e308, 1e308, 3]}, "received (nan|inf|-inf)"),
        ({"lin": [1, 1, 2]}, "holds 1.0 more than once"),
        ({"lin": [0, 1, 2], "log": [1, 2, 2]}, "expected a list"),
        ({"values": [1], "scale": "cubic"}, "expected a list"),
        ({"values": 1}, "expected a list"),
    ],
)
def test_what_is_no_axis(form: Any, message: str) -> None:
    with pytest.raises(AxisError, match=message):
        read_axis(form)


@pytest.mark.parametrize("count", [2, 7, 60])
@pytest.mark.parametrize("scale", ["lin", "log"])
def test_ranges_are_even_and_hold_their_ends(scale: str, count: int) -> None:
    values = np.array(read_axis({scale: [0.25, 64, count]}).values, dtype=float)
    assert (values[0], values[-1]) == (0.25, 64.0)
    steps = np.diff(np.log(values) if scale == "log" else values)
    np.testing.assert_allclose(steps, steps.mean(), rtol=1e-9)


def test_ends_may_be_whole_numbers_beyond_64_bits() -> None:
    assert read_axis({"log": [1, 10**30, 3]}).values == (1.0, 1e15, 1e30)


def test_ranges_hold_the_numbers_that_a_person_would_write() -> None:
    assert read_axis({"lin": [0.1, 1.0, 10]}).values == tuple(k / 10 for k in range(1, 11))
    assert read_axis({"lin": [-0.3, 0.3, 7]}).values == (-0.3, -0.2, -0.1, 0.0, 0.1, 0.2, 0.3)
