"""Where compiled code is kept, and what was compiled when."""

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest

from bocnn.simd.compiler import compiled
from bocnn.simd.compiler.compiling import compile_seconds, compiles_nothing

NOWHERE = Path("/proc/nowhere")
"""A folder that nobody can make, whatever the rights."""


@pytest.fixture
def no_usual_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Neither package nor home can be written; a folder for temporary files is there."""
    monkeypatch.setattr(compiled, "PACKAGE", NOWHERE)
    monkeypatch.setenv("HOME", str(NOWHERE))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_home_that_can_be_written_is_taken_before_a_temporary_folder(
    no_usual_folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("HOME", str(no_usual_folder / "home"))
    found = compiled._cache_folder()
    assert found is not None
    assert Path(found).parent == no_usual_folder / "home" / ".cache" / "bocnn"
    assert not caplog.text


def test_without_either_code_is_kept_in_a_private_temporary_folder(
    no_usual_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    found = compiled._cache_folder()
    assert found == compiled._cache_folder()
    assert found is not None and Path(found).parent.parent == no_usual_folder
    assert Path(found).parent.stat().st_mode & 0o777 == 0o700
    assert all("can be written: compiled code is kept in" in line for line in caplog.messages)
    assert all("\n" not in line for line in caplog.messages)


def test_a_temporary_folder_that_others_can_enter_is_not_taken(no_usual_folder: Path) -> None:
    """What is loaded from it would be run."""
    taken = no_usual_folder / f"bocnn-{os.geteuid()}"
    taken.mkdir(mode=0o755)
    assert compiled._temporary_folder() != taken
    taken.rmdir()
    (no_usual_folder / "theirs").mkdir(mode=0o700)
    taken.symlink_to(no_usual_folder / "theirs")
    assert compiled._temporary_folder() != taken


def test_where_nothing_can_be_written_functions_are_compiled_all_the_same(
    no_usual_folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(NOWHERE))
    assert compiled._cache_folder() is None
    assert "anew by every process" in caplog.text
    monkeypatch.setattr(compiled, "CACHE_FOLDER", None)
    assert compiled.compiled()(lambda x: x + 1)(1) == 2


def test_compiled_code_comes_from_no_file_that_its_cache_does_not_know() -> None:
    known = set(compiled.sources())
    package = compiled.PACKAGE
    for path in package.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if path not in known:
            assert "@compiled" not in text and "register_jitable" not in text, path
        elif path.name != "__init__.py":
            names = {
                name.removesuffix(".py").replace("/", r"\.")
                for name in compiled.UNCOMPILED
                if not name.endswith("__init__.py")
            }
            assert not re.findall(rf"^from bocnn\.({'|'.join(names)})\b", text, re.M), path


def test_caches_of_former_code_are_removed_but_the_latest(tmp_path: Path) -> None:
    for age in range(6):
        folder = tmp_path / f"compiled-{age}"
        folder.mkdir()
        (folder / "code").write_text("code")
        os.utime(folder, (1e9 - age, 1e9 - age))
    (tmp_path / "notes").write_text("somebody's")
    compiled._remove_old(tmp_path / "compiled-5")
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == ["compiled-0", "compiled-1", "compiled-2", "compiled-5", "notes"]


@pytest.mark.parametrize("home", ["HOME=/proc/nowhere", "-u HOME"])
def test_the_command_works_where_neither_package_nor_home_can_be_written(
    home: str, tmp_path: Path
) -> None:
    root = compiled.PACKAGE.parent
    command = f"{Path(sys.executable).parent / 'bocnn-sweep'} plan label-flip-plane --size smoke"
    environment = f"env {home} TMPDIR={tmp_path} PYTHONDONTWRITEBYTECODE=1 PYTHONPATH={root}"
    inside = (
        f"mount --bind {root}/bocnn {root}/bocnn && mount -o remount,bind,ro {root}/bocnn && "
        f"mkdir -p ~/.cache && mount -t tmpfs -o ro none ~/.cache && {environment} {command}"
    )
    if subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode != 0:
        pytest.skip("needs the right to mount")
    said = subprocess.run(["unshare", "-m", "sh", "-c", inside], capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    assert "compiles the engine" in " ".join(said.stdout.split())  # plan itself compiles nothing
    assert said.stderr.count("warning: ") == 1
    assert "Traceback" not in said.stderr


def make_sums() -> tuple[Any, Any]:
    """Sums by one function, of a caller that may reorder sums and of one that may not."""

    def total(values):  # type: ignore[no-untyped-def]
        found = 0.0
        for i in range(values.size):
            found += values[i]
        return found

    def fast(values):  # type: ignore[no-untyped-def]
        return inner(values)

    def strict(values):  # type: ignore[no-untyped-def]
        return inner(values)

    inner = compiled.compiled()(total)
    return compiled.compiled(fastmath=True)(fast), compiled.compiled()(strict)


def test_arithmetic_does_not_depend_on_who_is_compiled_first() -> None:
    values = np.random.default_rng(1).normal(size=1001)
    in_order = 0.0
    for value in values:
        in_order += value
    fast, strict = make_sums()
    assert (fast(values), strict(values)) == (in_order, in_order)
    fast, strict = make_sums()
    assert (strict(values), fast(values)) == (in_order, in_order)


def test_what_was_compiled_is_timed_once() -> None:
    inner = numba.njit(lambda x: x * 2)
    outer = numba.njit(lambda x: inner(x) + 1)
    assert not compiles_nothing(lambda: outer(1))
    assert not outer.overloads
    assert 0.0 < compile_seconds(lambda: outer(1)) < 300.0
    assert compile_seconds(lambda: outer(1)) == 0.0
    assert compiles_nothing(lambda: outer(1))


LOCKED = """
import sys, time
from pathlib import Path
from bocnn.simd.compiler import compiling

folder, seconds = Path(sys.argv[1]), float(sys.argv[2])
compiling.CACHE_FOLDER = str(folder)

def say(word):
    with (folder / "log").open("a") as log:
        print(word, file=log)

def compile_all():
    say("begin")
    time.sleep(seconds)
    say("end")

compiling.compile_seconds(compile_all)
"""


def locked(folder: Path, seconds: float) -> subprocess.Popen[bytes]:
    """A process that takes so long to compile."""
    return subprocess.Popen([sys.executable, "-c", LOCKED, str(folder), str(seconds)])


def wait_for(path: Path, word: str) -> None:
    """Return once a file holds a word."""
    deadline = time.monotonic() + 60
    while not (path.exists() and word in path.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_processes_that_share_a_cache_compile_one_at_a_time(tmp_path: Path) -> None:
    both = [locked(tmp_path, 0.5) for _ in range(2)]
    assert [process.wait(60) for process in both] == [0, 0]
    assert (tmp_path / "log").read_text().split() == ["begin", "end"] * 2


def test_a_process_that_is_killed_while_it_compiles_holds_nobody_off(tmp_path: Path) -> None:
    first = locked(tmp_path, 600)
    wait_for(tmp_path / "log", "begin")
    second = locked(tmp_path, 0)
    first.kill()
    first.wait(10)
    assert second.wait(60) == 0
    assert (tmp_path / "log").read_text().split() == ["begin", "begin", "end"]
