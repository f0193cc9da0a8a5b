"""Stages: records handed over as tables, stages that call stages, errors that reach Python."""

import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from filelock import FileLock, Timeout

from bocnn.simd.compiler import machine_code, stages
from bocnn.simd.compiler.compiled import compiled
from bocnn.simd.compiler.compiling import compile_seconds, compiles_nothing
from bocnn.simd.compiler.stages import Stage
from bocnn.simd.compiler.tables import table_of


class Inner(NamedTuple):
    """A record within a record."""

    matrix: Any
    flag: bool
    nothing: None


class Record(NamedTuple):
    """One of every kind of value."""

    vector: Any
    inner: Inner
    real: float
    whole: int
    out: Any


@compiled(_nrt=False)
def _first_stage_of_tests(record, row, scale):  # type: ignore[no-untyped-def]
    total = 0.0
    for j in range(record.inner.matrix.shape[1]):
        total += record.inner.matrix[row, j]
    if scale < 0:
        raise ValueError("a negative scale")
    record.out[0] = total + record.real * record.vector[row]
    return record.whole + scale + (100 if record.inner.flag else 0)


FIRST = Stage(_first_stage_of_tests, 2)
_first = FIRST.call


@compiled(_nrt=False)
def _second_stage_of_tests(record, table):  # type: ignore[no-untyped-def]
    return 2 * _first(table, (1, record.whole))


SECOND = Stage(_second_stage_of_tests, 0)


def record(whole: int = 7) -> Record:
    """A record."""
    matrix = np.arange(12, dtype=np.float32).reshape(3, 4)
    return Record(np.arange(3.0), Inner(matrix, True, None), 0.5, whole, np.zeros(1))


def test_a_stage_reads_a_record_and_writes_its_arrays() -> None:
    given = record()
    code, table = FIRST.prepare(given)
    assert stages.run(code, table, 2, 3) == 7 + 3 + 100
    assert given.out[0] == 8 + 9 + 10 + 11 + 0.5 * 2


def test_a_stage_calls_another_and_passes_on_what_it_raises() -> None:
    code, table = SECOND.prepare(given := record(), [(FIRST, given)])
    assert stages.run(code, table) == 2 * (7 + 7 + 100)
    code, table = SECOND.prepare(record(-1))
    with pytest.raises(ValueError, match="a negative scale"):
        stages.run(code, table)


def test_machine_code_is_compiled_once_and_kept() -> None:
    own = Stage(_first_stage_of_tests, 2)
    compile_seconds(lambda: own.prepare(record()))
    again = Stage(_first_stage_of_tests, 2)
    assert compiles_nothing(lambda: again.prepare(record()))
    assert compile_seconds(lambda: again.prepare(record())) == 0.0


def test_records_of_one_type_have_one_layout() -> None:
    (words, layout), (others, same) = table_of(record()), table_of(record(8))
    assert layout == same == "(f81,(f42,?-)dqf81,)"
    assert words.size == others.size == 2 + 3 + 1 + 1 + 1 + 2
    assert table_of(record()._replace(vector=np.arange(3)))[1] != layout


def test_arrays_whose_rows_are_not_in_order_are_refused() -> None:
    with pytest.raises(ValueError, match="expected rows in order"):
        table_of((np.zeros((3, 4)).T,))


HOLDER = """
import sys, time
from filelock import FileLock
lock = FileLock(sys.argv[1])
lock.acquire()
print("held", flush=True)
time.sleep(60)
"""


def test_a_process_that_dies_while_it_compiles_holds_up_nobody(tmp_path: Path) -> None:
    file = tmp_path / "stage.o"
    command = [sys.executable, "-c", HOLDER, f"{file}.lock"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        said = holder.stdout.readline()
        held = _is_held(f"{file}.lock")
        holder.kill()
    assert said == b"held\n" and held
    with machine_code._only_one(file):
        assert _is_held(f"{file}.lock")
    assert not _is_held(f"{file}.lock")


def _is_held(path: str) -> bool:
    """Whether a lock is held."""
    try:
        with FileLock(path, timeout=0):
            return False
    except Timeout:
        return True


@pytest.mark.parametrize(
    "file", [None, Path("/nowhere/stage.o"), Path(__file__) / "stage.o"], ids=str
)
def test_where_no_file_can_be_locked_compiling_goes_on(file: Path | None) -> None:
    with machine_code._only_one(file):
        went_on = True
    assert went_on


def test_what_another_process_has_compiled_meanwhile_is_not_compiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = iter([None, b"machine code of another process"])
    monkeypatch.setattr(machine_code, "CACHE_FOLDER", str(tmp_path))
    monkeypatch.setattr(machine_code, "_read", lambda file: next(read))
    monkeypatch.setattr(machine_code, "_load", lambda name, code: code)
    code = machine_code.address_of("stage", "", lambda: pytest.fail("compiled"))
    assert code == b"machine code of another process"
