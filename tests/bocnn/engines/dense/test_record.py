"""Records of the dense engine: those of the gram engine on the same draws, to rounding."""

from typing import Any

import numpy as np
import pytest

from bocnn import MODEL
from bocnn.engines.cpu.stages import DIVERGED
from bocnn.engines.dense.engine import Dense
from bocnn.engines.protocol import RecordingEngine
from bocnn.engines.registry import GRAM_CPU, GRAM_GPU
from bocnn.measure.trajectory import TrajectoryPoint
from tests.bocnn.engines.dense.kinds import KINDS, kind_id
from tests.bocnn.run_columns import columns
from tests.tolerance import RELATIVE

STEPS = np.array([0, 1, 7, 30])
EXACT = [name for name in TrajectoryPoint._fields if not name.startswith("test_error")]


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("kind", KINDS, ids=kind_id)
def test_records_are_those_of_the_gram_engine(kind: dict[str, Any], precision: str) -> None:
    inputs = MODEL.canonical(columns(2, precision=precision, n_test=10, **kind))
    gram, dense = GRAM_CPU.record(inputs, STEPS), Dense().record(inputs, STEPS)
    np.testing.assert_array_equal(dense.lengths, gram.lengths)
    np.testing.assert_array_equal(dense.status, gram.status)
    recorded = np.arange(STEPS.size + 1) < gram.lengths[:, None]
    points = zip(gram.trajectory[recorded].T, dense.trajectory[recorded].T, strict=True)
    tolerance = RELATIVE[np.dtype(precision)]
    least = 1e-6 if precision == "float32" else np.finfo(float).tiny  # slopes may underflow
    for name, (expected, found) in zip(TrajectoryPoint._fields, points, strict=True):
        if name in EXACT:
            np.testing.assert_allclose(
                found,
                expected,
                rtol=tolerance,
                atol=least,
                err_msg=name,
            )


@pytest.mark.parametrize("kind", KINDS, ids=kind_id)
def test_a_recorded_run_ends_as_an_unrecorded_one_bit_for_bit(kind: dict[str, Any]) -> None:
    inputs = MODEL.canonical(columns(2, n_test=10, **kind))
    recorded, run = Dense().record(inputs, STEPS), Dense().run(inputs)
    np.testing.assert_array_equal(recorded.measured, run.measures)
    np.testing.assert_array_equal(recorded.status, run.status)


def test_test_errors_along_the_training_agree_within_their_spread() -> None:
    inputs = MODEL.canonical(columns(3, precision="float64", n_test=4000, p_flip=0.1))
    gram, dense = GRAM_CPU.record(inputs, STEPS), Dense().record(inputs, STEPS)
    error = TrajectoryPoint._fields.index("test_error")
    spread = 0.8 * np.sqrt(0.25 / 4000)
    difference = gram.trajectory[:, :, error] - dense.trajectory[:, :, error]
    assert (np.abs(difference) < 4.5 * np.sqrt(2) * spread).all()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_diverged_run_ends_in_nulls_at_its_step() -> None:
    inputs = MODEL.canonical(columns(6, mu_norm=20.0, v0=5.0, eta=1000.0, steps=40))
    found = Dense().record(inputs, np.arange(40))
    diverged = np.flatnonzero(found.status == DIVERGED)
    assert diverged.size > 2
    for run in diverged:
        last = found.trajectory[run, found.lengths[run] - 1]
        assert last[0] == found.lengths[run] - 1
        assert np.isnan(last[1:]).all()
        assert np.isfinite(found.trajectory[run, 0, 1])


def test_the_gpu_alone_does_not_record() -> None:
    assert isinstance(GRAM_CPU, RecordingEngine) and isinstance(Dense(), RecordingEngine)
    assert not isinstance(GRAM_GPU, RecordingEngine)
