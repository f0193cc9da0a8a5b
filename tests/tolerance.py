"""The one module that says how near is equal, by dtype."""

from typing import Any

import numpy as np

RELATIVE = {np.dtype(np.float32): 2e-4, np.dtype(np.float64): 1e-9}


def assert_near(actual: Any, expected: Any, dtype: Any = np.float64) -> None:
    """Fail unless two arrays agree relative to the largest entry, as their arithmetic allows."""
    actual, expected = np.asarray(actual, dtype=float), np.asarray(expected, dtype=float)
    scale = max(float(np.max(np.abs(expected), initial=0.0)), 1e-300)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=RELATIVE[np.dtype(dtype)] * scale)
