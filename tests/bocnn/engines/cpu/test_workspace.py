"""The memory that is set aside for runs suffices, and is what the model states."""

from typing import Any

import pytest

from bocnn import MODEL
from bocnn.data.spectrum import coordinates
from bocnn.engines.cpu.stages import workspace_bytes
from tests.bocnn.run_columns import columns


@pytest.mark.parametrize(
    "given",
    [
        {"n": 1, "m": 1, "d": 2},
        {"n": 3, "m": 70, "n_test": 2_001},
        {"n": 131, "m": 2, "data": "xor", "noise": "isotropic", "bias": "trained"},
        {"n": 16, "m": 4, "output_init": "normal", "d": 10**9},
        {"n": 1, "m": 1, "d": 2, "n_test": 2_001, "noise_patches": 3},
        {"n": 30, "m": 2, "d": 10**12, "spectrum_decay": 0.5, "noise_patches": 2},
        {"n": 5, "m": 70, "n_test": 65, "spike": 9.0, "label_process": "asymmetric", "p_flip": 0.2},
    ],
)
def test_what_is_counted_suffices(given: dict[str, Any]) -> None:
    inputs = columns(3, **({"steps": 2, "n_test": 10} | given))
    for model in (MODEL, MODEL.with_details()):
        assert set(model.run(inputs)["status"]) <= {"ok", "unconverged"}
    patches = inputs["noise_patches"]
    shape = (inputs["n"], inputs["m"], inputs["n_test"], coordinates(inputs), patches)
    kept, scratch = workspace_bytes(*shape)
    assert (kept + scratch <= MODEL.memory_bytes(inputs)).all()
