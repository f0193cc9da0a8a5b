"""What made rows: code by its sources, machines by what decides rounding; a mixture of them is named."""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import bocnn
from sweeps import driver
from sweeps.driver import datasets
from sweeps.errors import SweepError
from sweeps.plan.cut import ShardSize
from sweeps.provenance import machine, source_code
from sweeps.provenance.mixtures import mixtures
from sweeps.provenance.source_code import Code, code_in, code_of, source_digest
from sweeps.store.dataset import DatasetFolder
from sweeps.train.shard import check_here
from tests.sweeps.small import TOY_SWEEP, planned, train
from tests.toy import TOY, Toy

ROOT = Path(__file__).parents[3]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An importable package of a few files, one of them in a folder below."""
    folder = tmp_path / "someones_model"
    (folder / "deep" / "deeper").mkdir(parents=True)
    for name in ("__init__.py", "deep/__init__.py", "deep/deeper/step.py"):
        (folder / name).write_text("a = 1\n")
    (folder / "notes.txt").write_text("no code")
    monkeypatch.syspath_prepend(str(tmp_path))
    return folder


def test_the_digest_is_of_every_source_of_a_package_and_of_nothing_else(package: Path) -> None:
    before = source_digest((package.name,))
    (package / "notes.txt").write_text("other notes")
    assert source_digest((package.name,)) == before
    (package / "deep" / "deeper" / "step.py").write_text("a = 2\n")
    assert source_digest((package.name,)) != before
    (package / "deep" / "deeper" / "step.py").write_text("a = 1\n")
    assert source_digest((package.name,)) == before
    (package / "deep" / "more.py").write_text("")
    assert source_digest((package.name,)) != before


def test_a_package_that_is_found_twice_counts_once(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a worker, where a folder is on the path twice."""
    (package / "__init__.py").unlink()
    once = source_digest((package.name,))
    monkeypatch.setattr(sys, "path", [*sys.path, str(package.parent)])
    importlib.invalidate_caches()
    assert source_digest((package.name,)) == once


def test_code_is_that_of_the_model_and_of_this_package() -> None:
    assert code_of(bocnn.MODEL).packages == ("bocnn", "sweeps")
    assert code_of(TOY).packages == ("sweeps", "tests")
    assert code_of(bocnn.MODEL).digest != code_of(TOY).digest
    named = {"code_version", "numba", "llvmlite", "numpy", "scipy"}
    assert dict(code_of(TOY).versions).keys() == named


def test_compiled_functions_are_of_all_sources_too() -> None:
    """A change in a sub-package must not run what was compiled before it."""
    code = (
        "import sys\nfrom pathlib import Path\n"
        "read = Path.read_bytes\n"
        "seen = []\n"
        "Path.read_bytes = lambda self: seen.append(self) or read(self)\n"
        "import bocnn.simd.compiler.compiled as compiled\n"
        "all = set(compiled.sources())\n"
        "assert any(p.parent != compiled.PACKAGE for p in all)\n"
        "assert all <= set(seen), all - set(seen)\n"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"digest": "0000"}, "code_digest [0-9a-f]{16} and 0000"),
        ({"versions": (("numpy", "1.0"),)}, r"numpy \d.* and 1\.0"),
        ({"versions": (("numba", "1.0"),)}, r"numba \d.* and 1\.0"),
    ],
)
def test_a_node_with_other_sources_or_libraries_is_refused(
    change: dict[str, object], says: str, out: Path
) -> None:
    plan, dataset = planned(TOY_SWEEP, out)
    code = driver.prepare(plan, dataset, ShardSize()).session.code
    check_here(str(out), code)
    with pytest.raises(
        SweepError, match=rf"has other code than the driver: .*{says}.*; install one"
    ):
        check_here(str(out), code._replace(**change))


def test_the_same_version_with_other_sources_is_another_code(
    monkeypatch: pytest.MonkeyPatch, out: Path
) -> None:
    """The version of the package stays as it is from commit to commit."""
    plan, dataset = planned(TOY_SWEEP, out)
    code = driver.prepare(plan, dataset, ShardSize()).session.code
    changed = Code(code.packages, "f" * 16, code.versions)
    monkeypatch.setattr("sweeps.train.shard.code_in", lambda packages: changed)
    with pytest.raises(SweepError, match=r"has other code than the driver: code_digest f{16} and"):
        check_here(str(out), code)


def test_each_file_states_what_made_it(out: Path) -> None:
    train(TOY_SWEEP, out, shard_size=ShardSize(runs=48))
    for path in out.glob("shard-*.parquet"):
        said = {k.decode(): v.decode() for k, v in pq.read_schema(path).metadata.items()}
        assert {key: said[key] for key in machine.stated()} == machine.stated()
        assert {key: said[key] for key in code_of(TOY).stated()} == code_of(TOY).stated()
        assert said["device"] == said["processor"] == machine.processor()
        assert said["engine"] == "formula"
        assert said["numerics_version"] == "1"


def test_the_instruction_set_is_the_one_that_numba_compiles_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES"):
        monkeypatch.delenv(name, raising=False)
    here = machine.instruction_set()
    monkeypatch.setenv("NUMBA_CPU_NAME", "generic")
    generic = machine.instruction_set()
    assert generic.startswith("generic (") and generic != here
    monkeypatch.setenv("NUMBA_CPU_FEATURES", "+avx2,-avx512f")
    some = machine.instruction_set()
    assert some.startswith("generic (avx2 ") and some != generic


def test_blas_kernels_are_named() -> None:
    """OPENBLAS_CORETYPE chooses others on the same processor, whose sums round otherwise."""
    code = "import numpy; from sweeps.provenance import machine; print(machine.stated()['blas'])"
    said = {
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"PYTHONPATH": str(ROOT), "OPENBLAS_CORETYPE": kind},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for kind in ("Haswell", "Nehalem")
    }
    if not any("openblas" in text for text in said):
        pytest.skip("NumPy has another BLAS here")
    assert len(said) == 2


def test_a_copy_of_blas_that_is_loaded_later_is_no_mixture() -> None:
    code = (
        "import numpy; from sweeps.provenance import machine; before = machine.stated(); "
        "import scipy.linalg; "
        "assert machine.stated() == before, (machine.stated(), before)"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)


def test_mixtures_are_counted_in_rows() -> None:
    notes = [
        {"rows": "3", "engine": "a", "numpy": "2"},
        {"rows": "4", "engine": "b", "numpy": "2"},
        {"rows": "many", "numpy": "2"},
    ]
    assert mixtures(notes) == ["engines: a (3 rows), b (4 rows), not stated (0 rows)"]
    assert mixtures(notes[:1]) == mixtures([]) == []


def test_status_says_that_a_dataset_was_made_by_several_states_of_the_code(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(TOY_SWEEP, out, shard_size=ShardSize(runs=48))
    assert datasets.read_status(DatasetFolder(str(out)), lambda name: TOY).mixed == ()
    before = code_of(TOY)
    later = Code(before.packages, "f" * 16, before.versions)
    monkeypatch.setattr("sweeps.driver.steps.code_of", lambda model: later)
    monkeypatch.setattr(source_code, "code_in", lambda packages: later)
    train(TOY_SWEEP.replace("replicates: 3", "replicates: 4"), out, shard_size=ShardSize(runs=48))
    found = datasets.read_status(DatasetFolder(str(out)), lambda name: TOY)
    shares = sorted([f"{before.digest} (96 rows)", f"{'f' * 16} (32 rows)"])
    assert found.mixed == (f"states of the code: {', '.join(shares)}",)


def test_a_program_of_ones_own_has_code_too() -> None:
    """A model that a script defines has no package: this package's sources alone are compared."""
    assert code_in(("__main__", "sweeps")).digest == source_digest(("sweeps",))
    assert json.dumps(code_of(Toy()).stated())
