"""What a command says where a package that an extra brings is missing: one line, and nothing is started."""

import subprocess
import sys
from pathlib import Path

import pytest

from bocnn.engines import availability

HIDE = """
import sys
from importlib.machinery import PathFinder

find = PathFinder.find_spec

def find_others(name, *where):
    return None if name.partition(".")[0] in MISSING else find(name, *where)

PathFinder.find_spec = find_others
"""


def run_without(missing: tuple[str, ...], package: str, *arguments: str, cwd: Path) -> str:
    """What a command says and its exit status, where packages are not found."""
    program = (
        f"MISSING = {missing}{HIDE}"
        f"sys.argv = ['command', *{arguments}]\nfrom {package}.cli import main\nmain()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=cwd, capture_output=True, text=True, timeout=250
    )
    assert "Traceback" not in done.stderr, done.stderr
    return f"{done.returncode}: {' '.join((done.stdout + done.stderr).split())}"


def test_run_without_ray_names_the_extra_and_the_local_executor(tmp_path: Path) -> None:
    said = run_without(("ray",), "sweeps", "run", "label-flip-plane", cwd=tmp_path)
    assert said.startswith("2: error: ray is not installed: pip install 'bocnn[ray]'")
    assert "--executor local" in said
    assert not list(tmp_path.iterdir())


def test_plan_without_what_a_model_needs_names_the_package(tmp_path: Path) -> None:
    said = run_without(("numba",), "sweeps", "plan", "label-flip-plane", cwd=tmp_path)
    assert said.startswith("2: ")
    assert said.endswith("the model 'bocnn' needs numba, which is not installed")


def test_digits_without_scikit_learn_name_the_extra(tmp_path: Path) -> None:
    said = run_without(("sklearn",), "sweeps", "plan", "arora-digits", cwd=tmp_path)
    assert said.startswith("2: ")
    assert "pip install 'bocnn[images]'" in said


def test_training_and_report_need_neither_torch_nor_ray(tmp_path: Path) -> None:
    missing = ("torch", "triton", "ray", "sklearn")
    local = ("run", "ba-linear-network", "--size", "smoke", "--executor", "local", "--out", "ba")
    assert run_without(missing, "sweeps", *local, cwd=tmp_path).startswith("0: ")
    report = ("report", "ba", "--out", "report", "--draws", "100")
    missing += ("numba", "llvmlite")
    assert run_without(missing, "analysis", *report, cwd=tmp_path).startswith("0: ")
    assert (tmp_path / "report" / "report.html").exists()


def test_a_gpu_without_its_packages_is_named_once(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    request: pytest.FixtureRequest,
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    monkeypatch.setattr(availability, "_has_driver", lambda: True)
    monkeypatch.setattr(availability, "_has_node", lambda: True)
    monkeypatch.setattr(availability, "find_spec", lambda name: None)
    for one in (availability._found, availability._warn):
        one.cache_clear()
        request.addfinalizer(one.cache_clear)
    assert [availability.gpu_device(), availability.gpu_device()] == [None, None]
    assert caplog.text.count("pip install 'bocnn[gpu]'") == 1
    count, reason = availability.gpus_here()
    assert count == 0 and "for want of torch and Triton" in reason
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert availability.gpus_here() == (0, "")
