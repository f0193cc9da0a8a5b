"""The dense engine on the gram engine's draws: the same runs to rounding, test errors to their spread."""

import weakref
from typing import Any

import numpy as np
import pytest

from bocnn import MODEL
from bocnn.engines.cpu.stages import DIVERGED
from bocnn.engines.dense import run
from bocnn.engines.dense.engine import Dense
from bocnn.engines.registry import GRAM_CPU
from bocnn.measure.measures import Measures
from bocnn.simd.arena import Arena, new_arena
from tests.bocnn.engines.dense.kinds import KINDS, kind_id
from tests.bocnn.run_columns import columns
from tests.tolerance import RELATIVE

EXACT = [
    name
    for name in Measures._fields
    if name not in ("test_error", "test_error_clean", "test_error_se")
]


def both(runs: int, **given: Any) -> tuple[dict[str, Any], dict[str, Any], np.ndarray, np.ndarray]:
    """Measures of runs by the gram engine and by the dense one, and their statuses."""
    inputs = MODEL.canonical(columns(runs, **given))
    gram, dense = GRAM_CPU.run(inputs), Dense().run(inputs)
    named = (dict(zip(Measures._fields, part.measures.T, strict=True)) for part in (gram, dense))
    return (*named, gram.status, dense.status)


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("kind", KINDS, ids=kind_id)
def test_rows_are_those_of_the_gram_engine(kind: dict[str, Any], precision: str) -> None:
    gram, dense, gram_status, dense_status = both(2, precision=precision, n_test=10, **kind)
    np.testing.assert_array_equal(dense_status, gram_status)
    tolerance = RELATIVE[np.dtype(precision)]
    for name in EXACT:
        np.testing.assert_allclose(
            dense[name],
            gram[name],
            rtol=tolerance,
            atol=1e-6 * (precision == "float32"),
            err_msg=name,
        )


@pytest.mark.parametrize("kind", KINDS[:4], ids=kind_id)
def test_test_errors_agree_within_their_standard_errors(kind: dict[str, Any]) -> None:
    gram, dense, *_ = both(3, precision="float64", n_test=4000, p_flip=0.1, **kind)
    spread = np.hypot(gram["test_error_se"], dense["test_error_se"])
    assert (np.abs(gram["test_error"] - dense["test_error"]) < 4.5 * spread).all()
    np.testing.assert_allclose(dense["test_error"], 0.1 + 0.8 * dense["test_error_clean"])


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_divergence_is_a_status_and_nulls() -> None:
    _, dense, gram_status, dense_status = both(6, mu_norm=20.0, v0=5.0, eta=1000.0, steps=400)
    assert (gram_status == dense_status).all() and (dense_status == DIVERGED).sum() > 2
    assert all(np.isnan(values[dense_status == DIVERGED]).all() for values in dense.values())


def test_runs_too_large_for_its_tensors_are_not_accepted() -> None:
    assert Dense().accepts(columns(1, d=10**15)).all()
    assert not Dense().accepts(columns(1, n=100_000, d=10**6)).any()


@pytest.mark.parametrize("noise", ["orthogonal", "isotropic"])
def test_vectors_are_copied_before_their_memory_is_given_back(
    noise: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Arrays of an arena hold no reference to it: here its memory is overwritten when it is given back."""

    def overwritten_arena(parts: int, size: int) -> Arena:
        arena = new_arena(parts, size)
        storage = arena.storage.view()
        weakref.finalize(storage, arena.storage.fill, 255)
        return Arena(storage, arena.used)

    given = MODEL.canonical(columns(3, noise=noise, bias="trained", precision="float64"))
    expected = Dense().run(given)
    monkeypatch.setattr(run, "new_arena", overwritten_arena)
    np.testing.assert_array_equal(Dense().run(given).measures, expected.measures)
