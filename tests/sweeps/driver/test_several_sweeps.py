"""Several sweeps in one start of a driver: planned together, trained one after the other on one Ray."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from bocnn.models.proportional.model import MODEL
from sweeps.driver.options import RunOptions
from sweeps.driver.ray_session import RaySession
from sweeps.train.stop import StopSignal
from tests.sweeps.small import PROPORTIONAL_SWEEP, bocnn_sweep, bocnn_sweep_process, planned, rows


@pytest.fixture
def two_files(tmp_path: Path) -> list[Path]:
    """Two sweeps of their own names."""
    paths = []
    for name in ("first", "second"):
        paths.append(tmp_path / f"{name}.yaml")
        text = PROPORTIONAL_SWEEP.replace("small-networks", name)  # compiles nothing
        paths[-1].write_text(text, encoding="utf-8")
    return paths


@pytest.mark.parametrize("executor", ["local", pytest.param("tune", marks=pytest.mark.slow)])
def test_each_has_a_folder_by_its_name(
    two_files: list[Path], out: Path, executor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (two_files[0].parent / "bocnn").mkdir()  # a clone, which workers must not take for the package
    monkeypatch.chdir(two_files[0].parent)
    command = bocnn_sweep_process if executor == "tune" else bocnn_sweep
    done = command("run", *two_files, "--out", out, "--executor", executor, "--workers", 2)
    assert done.returncode == 0, done.stderr
    assert [rows(out / name).num_rows for name in ("first", "second")] == [24, 24]
    for name in ("first", "second"):
        assert f"{name}: 24 of 24 runs published" in " ".join(done.stdout.split())
    assert done.stdout.count("starting Ray") == (executor == "tune")


def test_an_error_of_the_last_starts_none(two_files: list[Path], out: Path) -> None:
    two_files[1].write_text("name: second\naxis: {}\n", encoding="utf-8")
    done = bocnn_sweep("run", *two_files, "--out", out, "--executor", "local")
    assert done.returncode == 2 and "second.yaml:2: axis: unknown key" in done.stderr
    assert not out.exists()


def test_sweeps_of_one_name_are_refused(two_files: list[Path], out: Path) -> None:
    done = bocnn_sweep("run", two_files[0], *two_files, "--out", out, "--executor", "local")
    assert done.returncode == 2
    assert "several sweeps named first, which would share a folder" in done.stderr
    assert not out.exists()


def test_when_the_time_is_over_the_others_are_not_trained(two_files: list[Path], out: Path) -> None:
    options = ("--out", out, "--executor", "local", "--time-budget", 0)
    done = bocnn_sweep("run", *two_files, *options)
    assert done.returncode == 3 and done.stderr.count("the time is over") == 2
    done = bocnn_sweep("run", *two_files, "--out", out, "--executor", "local")
    assert done.returncode == 0
    assert rows(out / "second").num_rows == 24


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (RunOptions(), True),
        (RunOptions(executor="local"), False),
        (RunOptions(address="auto"), False),
        (RunOptions(gpus=1.0), False),
    ],
)
def test_a_sweep_shorter_than_rays_start_says_so(
    out: Path, options: RunOptions, said: bool
) -> None:
    plan, _ = planned(PROPORTIONAL_SWEEP, out, MODEL)
    with ExitStack() as stack:
        hint = RaySession(options, StopSignal(), stack).hint(plan)
    assert ("--executor local trains the same rows without Ray" in hint) == said
