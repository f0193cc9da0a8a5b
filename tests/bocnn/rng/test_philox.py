"""Random numbers: published vectors, laws, and that no draw depends on another."""

import numpy as np
import pytest
from numba import njit
from scipy import stats

from bocnn.rng.chi import chi, fill_chis
from bocnn.rng.normals import CHUNK_NORMALS, fill_normals, fill_uniforms
from bocnn.rng.philox import Stream, philox, uniform
from tests.bocnn.arenas import NUMBERS

STREAM = Stream(np.uint64(12345), np.uint64(678), np.uint64(3), np.uint64(9))


@njit
def words(counter, key):
    stream = Stream(key[0], key[1], counter[1], counter[2])
    return philox(counter[0], counter[3], stream)


@njit
def draw_uniform(word):
    return uniform(word)


def as_words(text: str) -> np.ndarray:
    return np.array([int(word, 16) for word in text.split()], dtype=np.uint64)


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        (
            "00000000 00000000 00000000 00000000",
            "00000000 00000000",
            "6627e8d5 e169c58d bc57ac4c 9b00dbd8",
        ),
        (
            "ffffffff ffffffff ffffffff ffffffff",
            "ffffffff ffffffff",
            "408f276d 41c83b0e a20bc7c6 6d5451fd",
        ),
        (
            "243f6a88 85a308d3 13198a2e 03707344",
            "a4093822 299f31d0",
            "d16cfe09 94fdcceb 5001e420 24126ea1",
        ),
    ],
)
def test_philox_gives_the_published_vectors(counter: str, key: str, expected: str) -> None:
    assert [int(w) for w in words(as_words(counter), as_words(key))] == list(as_words(expected))


def test_uniforms_are_below_one_and_symmetric_at_the_sign_bit() -> None:
    lowest, highest = np.uint64(0), np.uint64(0xFFFFFFFF)
    assert draw_uniform(lowest) == draw_uniform(highest) == 0.0
    assert 0.999 < draw_uniform(np.uint64(0x7FFFFFFF)) < 1.0
    assert draw_uniform(np.uint64(0x80000000)) == draw_uniform(np.uint64(0x7FFFFFFF))


def test_vectors_of_uniforms_are_those_of_the_words() -> None:
    drawn = np.empty(70)
    fill_uniforms(drawn, NUMBERS, 5, STREAM)
    each = [words(np.array([block, 3, 9, 0], np.uint64), STREAM[:2]) for block in range(5, 23)]
    expected = [draw_uniform(np.uint64(word)) for block in each for word in block]
    np.testing.assert_array_equal(drawn, expected[:70])


def test_vectors_of_normals_are_box_muller_of_the_streams_uniforms() -> None:
    uniforms, drawn = np.empty(400_000), np.empty(400_000)
    fill_uniforms(uniforms, NUMBERS, 5, STREAM)
    fill_normals(drawn, NUMBERS, 5, STREAM)
    u = uniforms.reshape(-1, 2, 2)
    radius = np.sqrt(-2 * np.log(np.maximum(u[..., 0], 1e-7)))
    angle = 2 * np.pi * u[..., 1]
    expected = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)
    np.testing.assert_allclose(drawn, expected.reshape(-1), rtol=0, atol=6e-7)


@pytest.mark.parametrize(
    "size", [0, 1, 3, 4, 5, CHUNK_NORMALS - 1, CHUNK_NORMALS, CHUNK_NORMALS + 2]
)
def test_vectors_of_any_length_are_filled_and_no_more(size: int) -> None:
    whole, part = np.empty(2 * CHUNK_NORMALS), np.full(size + 3, 7.0)
    fill_normals(whole, NUMBERS, 0, STREAM)
    fill_normals(part[:size], NUMBERS, 0, STREAM)
    np.testing.assert_array_equal(part[:size], whole[:size])
    np.testing.assert_array_equal(part[size:], 7.0)


def test_uniforms_and_normals_have_their_laws() -> None:
    drawn = np.empty(40_000)
    fill_uniforms(drawn, NUMBERS, 0, STREAM)
    assert stats.kstest(drawn, "uniform").pvalue > 0.01
    fill_normals(drawn, NUMBERS, 0, STREAM)
    assert stats.kstest(drawn, "norm").pvalue > 0.01


def test_a_vector_is_the_beginning_of_a_longer_one() -> None:
    short, long = np.empty(7), np.empty(50)
    fill_normals(short, NUMBERS, 0, STREAM)
    fill_normals(long, NUMBERS, 0, STREAM)
    np.testing.assert_array_equal(short, long[:7])
    fill_normals(short, NUMBERS, 1, STREAM)
    np.testing.assert_array_equal(short, long[4:11])


@pytest.mark.parametrize("word", range(4))
def test_streams_that_differ_in_one_word_are_uncorrelated(word: int) -> None:
    other = list(STREAM)
    other[word] += np.uint64(1)
    first, second = np.empty(20_000), np.empty(20_000)
    fill_normals(first, NUMBERS, 0, STREAM)
    fill_normals(second, NUMBERS, 0, Stream(*other))
    assert abs(np.corrcoef(first, second)[0, 1]) < 4 / np.sqrt(first.size)


@pytest.mark.parametrize("degrees", [1.0, 2.0, 3.0, 7.0, 100.0, 1e6])
def test_chi_has_its_law(degrees: float) -> None:
    drawn = [chi(degrees, index, STREAM) for index in range(5_000)]
    assert stats.kstest(drawn, stats.chi(degrees).cdf).pvalue > 0.01


@pytest.mark.parametrize("degrees", [3, 40, 1000, 10**12])
def test_falling_chis_are_the_single_ones(degrees: int) -> None:
    drawn = np.empty(min(degrees, 40))
    fill_chis(drawn, NUMBERS, degrees, STREAM)
    expected = [chi(float(degrees - i), i, STREAM) for i in range(drawn.size)]
    np.testing.assert_allclose(drawn, expected, rtol=1e-6)
