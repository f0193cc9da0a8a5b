"""The monotone cubic's zero: scipy's, whatever its slopes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.interpolate import CubicHermiteSpline
from scipy.optimize import brentq

from analysis.statistics.monotone_cubic import root

SIZES = st.floats(1e-9, 10.0) | st.just(0.0)


@given(rises=st.tuples(SIZES, st.floats(1e-6, 10.0), SIZES), share=st.floats(1e-9, 1.0))
def test_it_is_the_zero_of_the_cubic(rises: tuple[float, ...], share: float) -> None:
    """Beside flat parts and jumps, and at either end of the step."""
    steps = np.array([0.7, 1.0, 2.0])
    at = np.concatenate([[0.0], np.cumsum(steps)])
    values = np.concatenate([[0.0], np.cumsum(rises)])
    values -= values[1] + share * rises[1]
    secants = np.diff(values) / steps
    slopes = [
        0.0
        if min(one, other) <= 0
        else 3 * (left + right) / ((2 * right + left) / one + (right + 2 * left) / other)
        for one, other, left, right in zip(secants, secants[1:], steps, steps[1:], strict=False)
    ]
    cubic = CubicHermiteSpline(at[1:3], values[1:3], slopes)
    found = float(root(at[:, None], values[:, None])[0])
    assert at[1] <= found <= at[2]
    assert float(cubic(found)) == pytest.approx(0.0, abs=1e-9 * rises[1])
    if values[2] > 0:
        expected = brentq(cubic, at[1], at[2], xtol=1e-14)
        # Where the cubic is flat, its zero is known as well as its value.
        flat = float(cubic(expected, 1)) < 1e-3 * rises[1]
        assert found == pytest.approx(expected, abs=1e-3 if flat else 1e-9)


def test_without_neighbours_it_is_a_line() -> None:
    at = np.array([-1.0, 0.0, 2.0, 3.0])[:, None] * np.ones(3)
    values = np.array([[-np.inf] * 3, [-1.0, -1.0, -3.0], [3.0, 1.0, 0.0], [np.inf] * 3])
    np.testing.assert_allclose(root(at, values), [0.5, 1.0, 2.0], atol=1e-12)
