"""The LLVM code that comes with the package is of these sources, or not used."""

import re

import llvmlite.binding as ll
import numpy as np
import pytest

from bocnn import MODEL
from bocnn.engines.cpu.measuring import MEASURE
from bocnn.engines.cpu.run_memory import DRAW
from bocnn.engines.cpu.training import TRAIN
from bocnn.simd.compiler import machine_code, shipped
from tests.bocnn.run_columns import columns

PACKAGE = shipped.PACKAGE

NOT_COMPILED = {
    "parameters.accepted",
    "registry.label_processes",
    "registry.noises",
    "registry.signals",
}
"""Imports of the compiled packages from others."""


def test_it_is_of_these_sources() -> None:
    if not ll.get_process_triple().startswith("x86_64-unknown-linux"):
        pytest.skip("it is made for Linux on x86-64")
    names = {name for name, _ in shipped._codes()}
    of_models = {"bocnn_descend_deep", "bocnn_run_limits"}
    assert (
        names
        == {"bocnn_draw", "bocnn_measure", "bocnn_train", "bocnn_train_coordinates"} | of_models
    ), "bocnn/simd/compiler/stages.xz is of other sources: python -m bocnn.engines.ship"
    assert len(shipped._codes()) == 10 + 2 + 2


def test_nothing_of_it_is_used_with_other_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped, "MADE_OF", "other sources")
    monkeypatch.setattr(shipped, "_codes", shipped._codes.__wrapped__)
    assert shipped.shipped_code("bocnn_draw", "") is None
    assert not shipped._codes()


def test_its_digest_covers_what_it_is_made_of() -> None:
    outside = set()
    for path in shipped.stage_sources():
        imported = re.findall(r"^from bocnn\.([\w.]+) import", path.read_text(), re.M)
        outside |= {name for name in imported if not SOURCE_NAMES.match(name)}
    assert outside == NOT_COMPILED
    for name in outside:
        path = (PACKAGE / name.replace(".", "/")).with_suffix(".py")
        assert "compiled" not in path.read_text().replace("compiled code", "")


SOURCE_NAMES = re.compile(
    rf"({'|'.join(source.removesuffix('.py').replace('/', '.') for source in shipped.SOURCES)})\b"
)


@pytest.mark.slow
def test_numba_makes_the_same_numbers_of_the_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    given = columns(19, activation="tanh", loss_tol=0.05)
    expected = MODEL.run(given)
    for stage in (DRAW, MEASURE, TRAIN):
        monkeypatch.setattr(stage, "_loaded", {})
    monkeypatch.setattr(machine_code, "CACHE_FOLDER", None)
    monkeypatch.setattr(machine_code, "shipped_code", lambda name, layout: None)
    found = MODEL.run(given)
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values)
