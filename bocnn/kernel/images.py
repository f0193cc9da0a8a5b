"""Real images of two digits: the 8 × 8 pictures of the UCI digits that come with scikit-learn.

Source:
    Alpaydin & Kaynak 1998, "Optical recognition of handwritten digits" (UCI).
"""

from functools import lru_cache

import numpy as np

from bocnn.arrays import Array


@lru_cache(maxsize=16)
def two_digits(positive: int, negative: int) -> tuple[Array, Array]:
    """All images of two digits.

    Args:
        positive: digit of the label +1, 0 … 9.
        negative: digit of the label −1, another one.
    Returns:
        Images as vectors of unit length, (images, 64), and labels ±1, (images,).
    Raises:
        ValueError: the digits are the same, or scikit-learn, which brings the images, is missing.
    """
    if positive == negative:
        raise ValueError(f"received the digit {positive} twice; expected two different digits")
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise ValueError(
            "data: digits needs scikit-learn, which brings the images: pip install 'bocnn[images]'"
        ) from None
    pixels, digits = load_digits(return_X_y=True)
    kept = (digits == positive) | (digits == negative)
    x = pixels[kept]
    signs = np.where(digits[kept] == positive, 1.0, -1.0)
    return x / np.linalg.norm(x, axis=1, keepdims=True), signs
