"""Sizes of a sweep file: what they change, what they leave, and every error in them."""

from pathlib import Path

import pytest
import yaml

from sweeps import driver
from sweeps.declare.cells.resolve import ResolvedSweep, resolve
from sweeps.declare.file import presets
from sweeps.driver import datasets
from sweeps.errors import SweepError
from sweeps.models.installed import load_model
from sweeps.plan.cut import ShardSize
from sweeps.store.dataset import DatasetFolder
from sweeps.train.executors import local
from tests.sweeps.small import TOY_SWEEP, bocnn_sweep, errors_of, ignore, resolved
from tests.toy import TOY

SIZED = f"{TOY_SWEEP}sizes:\n  smoke: {{replicates: 1, axes: {{y: [1.0]}}}}\n  paper: {{}}\n"
NAMES = sorted(presets.preset_names())
OF_THE_LIMIT = {name for name in NAMES if "\nmodel: limit\n" in presets.find(name)[0]}
"""For which most is to be compiled."""


def of_size(text: str, size: str) -> ResolvedSweep:
    """A toy sweep in one of its sizes."""
    return resolve(text, "test.yaml", lambda name: TOY, size=size)


def runs_of(sweep: ResolvedSweep) -> int:
    """Runs of a sweep, at most."""
    sampling = sweep.spec.sampling
    return sampling.at_most if sampling else sweep.cells.number * sweep.spec.replicates


def test_a_size_replaces_what_it_names_and_nothing_else() -> None:
    whole, smoke = resolved(TOY_SWEEP), of_size(SIZED, "smoke")
    assert smoke.spec.replicates == 1
    assert smoke.spec.axes["y"].values == (1.0,)
    assert smoke.spec.axes["x"] == whole.spec.axes["x"]
    assert smoke.spec.fixed == whole.spec.fixed and smoke.spec.seed == whole.spec.seed


def test_a_size_that_changes_something_has_a_name_of_its_own() -> None:
    assert of_size(SIZED, "smoke").spec.name == "toy-plane-smoke"
    assert of_size(SIZED, "paper").spec == resolved(TOY_SWEEP).spec == resolved(SIZED).spec


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ("smoke: {axis: {}}", "smoke.axis: unknown key; valid: axes, fixed, derived, settings"),
        ("smoke: {axes: {z: [1]}}", "smoke.axes.z: is not among the file's axes; valid: x, y, n"),
        ("smoke: {axes: 3}", "smoke.axes: received 3; expected names of the file's axes"),
        ("smoke: 3", "sizes.smoke: received 3; expected some of axes, fixed"),
        ("[1]", "sizes: received [1]; expected a valid dictionary"),
    ],
)
def test_errors_of_sizes_are_reported_whether_or_not_one_is_chosen(
    sizes: str, message: str
) -> None:
    text = f"sizes: {sizes}" if sizes.startswith("[") else f"sizes:\n  {sizes}"
    assert message in errors_of(f"{TOY_SWEEP}{text}\n")


def test_an_error_within_a_size_points_at_its_line() -> None:
    text = f"{TOY_SWEEP}sizes:\n  smoke:\n    axes: {{y: {{log: [0, 1, 3]}}}}\n"
    with pytest.raises(SweepError, match=r"test\.yaml:13: axes\.y: received log: \[0, 1, 3\]"):
        of_size(text, "smoke")


def test_an_unknown_size_is_reported_with_the_nearest() -> None:
    with pytest.raises(SweepError, match="received --size smok; valid: smoke, paper; did you mean"):
        of_size(SIZED, "smok")
    with pytest.raises(SweepError, match="received --size smoke; the file has none"):
        of_size(TOY_SWEEP, "smoke")


@pytest.mark.parametrize("name", NAMES)
def test_every_shipped_sweep_has_three_sizes_that_grow(name: str) -> None:
    text, _ = presets.find(name)
    assert list(yaml.safe_load(text)["sizes"]) == ["smoke", "paper", "fine"]
    smoke, paper, fine = (
        runs_of(resolve(text, name, load_model, size=size)) for size in ("smoke", "paper", "fine")
    )
    assert 10 * smoke < paper < fine


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow if name in OF_THE_LIMIT else ()) for name in NAMES],
)
def test_every_shipped_sweep_trains_in_its_smoke_size(name: str, tmp_path: Path) -> None:
    plan = driver.open_sweep(name, size="smoke")
    dataset = DatasetFolder(str(tmp_path))
    job = driver.prepare(driver.plan_sweep(plan, dataset), dataset, ShardSize())
    assert local.run(job, ignore) == {}
    state = datasets.read_status(dataset)
    assert state.published == state.planned > 0
    assert "diverged" not in dict(state.by_status)


def test_the_command_takes_a_size(tmp_path: Path) -> None:
    done = bocnn_sweep("plan", "shang-fig-2a", "--size", "smoke", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "shang-fig-2a-smoke" in done.stdout and "72 (axes × settings)" in done.stdout
