"""Real images as data of the kernel regime."""

import sys

import numpy as np
import pytest

from bocnn.kernel.draws import draw_data
from bocnn.kernel.images import two_digits
from tests.bocnn.kernel.test_model import row_of, run
from tests.tolerance import assert_near

DIGITS = {"data": "digits", "n": 60, "n_test": 500}


def test_images_are_unit_vectors_of_two_classes() -> None:
    x, signs = two_digits(8, 3)
    assert x.shape == (len(signs), 64) and len(x) > 300
    assert_near(np.linalg.norm(x, axis=1), np.ones(len(x)))
    assert set(signs) == {-1.0, 1.0} and abs(signs.mean()) < 0.1


def test_training_and_test_images_are_all_images_once() -> None:
    parts = [
        draw_data(row_of(**DIGITS), count, test=test) for count, test in ((60, False), (500, True))
    ]
    together = np.concatenate([part.x for part in parts])
    assert len(parts[0].x) == 60
    assert_near(np.sort(together.sum(1)), np.sort(two_digits(8, 3)[0].sum(1)))


def test_true_digits_are_learned_and_random_labels_are_not() -> None:
    true, random = (run(**DIGITS, m=256, eta=0.05, labels=word) for word in ("teacher", "random"))
    assert (true["test_error"] < 0.1).all() and (random["test_error"] > 0.25).all()
    assert (true["bound"] < random["bound"]).all()


def test_too_many_samples_and_one_digit_twice_are_told() -> None:
    with pytest.raises(ValueError, match="received n = 357; expected fewer than the 357 images"):
        run(1, **{**DIGITS, "n": 357})
    with pytest.raises(ValueError, match="received the digit 3 twice; expected two different"):
        run(1, **DIGITS, positive=3)


def test_a_missing_library_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ValueError, match=r"needs scikit-learn.*pip install 'bocnn\[images\]'"):
        two_digits(5, 6)
