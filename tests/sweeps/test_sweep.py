"""Sweeps in Python: the same runs as from a file, errors by key, plans and datasets that can be read."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sweeps
from sweeps.declare.analysis_spec import AnalysisSpec
from sweeps.declare.file import presets
from sweeps.declare.file.form import File
from sweeps.declare.file.sweep_file import keys_in_python, read_keys
from sweeps.errors import SweepError, SweepFileError
from sweeps.plan.declared import declared
from sweeps.plan.plan import make_plan
from sweeps.store.schema import to_table
from sweeps.train.stop import Stopped
from tests.sweeps.small import contents, rows

KEYS: dict[str, Any] = {
    "name": "in-python",
    "replicates": 4,
    "axes": {"v0": {"log": [0.01, 1, 3]}, "mu_norm": [1, 4]},
    "fixed": {"n": 6, "m": 3, "d": 50, "sigma_0": 0.01, "eta": 0.05, "steps": 30, "n_test": 20},
    "settings": {"p_flip": [0, 0.1]},
}
SMALL = sweeps.Sweep(**KEYS)


def ids(sweep: sweeps.Sweep) -> Any:
    """Identities of up to a hundred runs of a sweep."""
    plan = make_plan(sweep.resolved, np.zeros(0, dtype="S16"))
    return plan.total, plan.ids(plan.sample(100)).tolist()


def test_a_sweep_has_the_keys_of_a_sweep_file() -> None:
    required = {f.name for f in dataclasses.fields(sweeps.Sweep) if f.default is f.default_factory}
    assert {f.name for f in dataclasses.fields(sweeps.Sweep)} == File.model_fields.keys() - {
        "sizes"
    }
    assert required == {name for name, field in File.model_fields.items() if field.is_required()}


@pytest.mark.parametrize("name", presets.preset_names())
def test_a_shipped_sweep_made_in_python_has_the_same_identities(name: str) -> None:
    raw = read_keys(*presets.find(name)).values or {}
    made = sweeps.Sweep(**{key: value for key, value in raw.items() if key != "sizes"})
    loaded = sweeps.load(name)
    assert declared(made.resolved) == declared(loaded.resolved)
    assert ids(made) == ids(loaded)
    again = read_keys(made.text, "again").values
    assert again == made.keys == keys_in_python(loaded.keys).values


def test_arrays_tuples_and_records_are_as_good_as_lists() -> None:
    spec = AnalysisSpec(x="v0", y="mu_norm", measure="test_error_clean", levels=(0.25,))
    axes = {"v0": np.array([0.01, 0.1]), "mu_norm": (np.float64(1), np.int64(4))}
    made = sweeps.Sweep(**KEYS | {"axes": axes, "analysis": spec, "seed": np.int64(3)})
    plain = {"v0": [0.01, 0.1], "mu_norm": [1.0, 4]}
    same = sweeps.Sweep(**KEYS | {"axes": plain, "seed": 3, "analysis": dataclasses.asdict(spec)})
    assert made == same
    assert ids(made) == ids(same)
    assert made.resolved.spec.analysis == spec
    assert isinstance(made.seed, int)


def test_errors_name_the_key_and_no_line() -> None:
    wrong = sweeps.Sweep(**KEYS | {"axes": {"v0": [1, 1]}, "settings": {"p_flpi": [0]}})
    with pytest.raises(SweepFileError) as caught:
        wrong.plan()
    first, *found = str(caught.value).splitlines()
    assert first == f"{len(found)} errors in the sweep 'in-python'; nothing was started"
    assert "  axes.v0: holds 1 more than once; every value must be there once" in found
    assert any("settings.p_flpi: is neither" in text and "'p_flip'?" in text for text in found)
    assert not any(":1:" in text for text in found)


def test_errors_of_a_loaded_file_name_its_lines(tmp_path: Path) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text("name: wrong\nreplicates: 2\naxes: {v0: [1, 1]}\n")
    with pytest.raises(SweepFileError, match=r"wrong.yaml:3: axes.v0: holds 1 more than once"):
        sweeps.load(path)
    with pytest.raises(
        SweepError, match=r"neither a file nor a shipped sweep.*did you mean 'shang"
    ):
        sweeps.load("shang-fig-2")
    with pytest.raises(SweepError, match="received --replicates 0; expected at least 1"):
        sweeps.load("shang-fig-2a", replicates=0)


def test_a_size_and_replicates_are_taken_as_on_the_command_line() -> None:
    loaded = sweeps.load("shang-fig-2a", size="smoke", replicates=3)
    assert (loaded.name, loaded.replicates) == ("shang-fig-2a-smoke", 3)
    given = loaded.resolved.given
    assert (given.size, given.replicates) == ("smoke", 3)
    assert "# chosen" in given.text
    fewer = dataclasses.replace(loaded, replicates=1)
    assert fewer.resolved.spec.replicates == 1
    assert fewer.resolved.given.text == fewer.text


def test_plan_says_what_would_be_trained_and_writes_nothing(tmp_path: Path) -> None:
    plan = SMALL.plan(tmp_path / "out", shard_runs=10)
    assert (plan.cells, plan.runs, plan.published, plan.to_train, plan.shards) == (12, 48, 0, 48, 5)
    assert "to train       48" in repr(plan)
    assert "<td style='text-align:left'>48</td>" in plan._repr_html_()
    assert not (tmp_path / "out").exists()


def test_run_gives_a_dataset_that_says_where_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = SMALL.run(tmp_path / "out", executor="local", shard_runs=10, progress=False)
    assert capsys.readouterr().out == ""
    assert dataset.location == str(tmp_path / "out")
    assert (dataset.planned, dataset.published, dataset.by_status["ok"]) == (48, 48, 48)
    assert repr(dataset).startswith(
        "in-python: 48 of 48 runs published in 5 files, complete; 48 ok"
    )
    assert "in-python: 48 of 48" in dataset._repr_html_()
    assert rows(tmp_path / "out").num_rows == 48
    assert SMALL.plan(tmp_path / "out").to_train == 0
    before = contents(tmp_path / "out")
    again = SMALL.run(tmp_path / "out", executor="local", progress=False)
    assert again.published == 48
    after = contents(tmp_path / "out")
    assert {n: b for n, b in before.items() if n[0] != "_"} == {
        n: b for n, b in after.items() if n[0] != "_"
    }
    given = json.loads((tmp_path / "out" / "_given.json").read_text())
    assert read_keys(given["text"], "given").values == SMALL.keys


def test_the_command_trains_the_same_rows(tmp_path: Path) -> None:
    (tmp_path / "sweep.yaml").write_text(SMALL.text)
    SMALL.run(tmp_path / "here", executor="local", progress=False)
    program = "from sweeps.cli import main; main()"
    arguments = ["run", tmp_path / "sweep.yaml", "--out", tmp_path / "there", "--executor", "local"]
    subprocess.run([sys.executable, "-c", program, *arguments], check=True, capture_output=True)
    assert rows(tmp_path / "here").equals(rows(tmp_path / "there"))
    manifests = [(tmp_path / way / "_sweep.json").read_text() for way in ("here", "there")]
    assert manifests[0] == manifests[1]


def test_what_is_no_option_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        SweepError, match="received executor 'tuen'; expected tune or local; did you"
    ):
        SMALL.run(tmp_path, executor="tuen")
    with pytest.raises(TypeError, match="wokers"):
        SMALL.run(tmp_path, wokers=3)


def test_a_signal_is_an_interrupt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: Any) -> Any:
        os.kill(os.getpid(), signal.SIGINT)
        return to_table(*arguments)

    monkeypatch.setattr("sweeps.store.dataset.to_table", interrupted)
    with pytest.raises(Stopped):
        SMALL.run(tmp_path, executor="local", progress=False)
    monkeypatch.undo()
    assert SMALL.run(tmp_path, executor="local", progress=False).published == 48


def test_a_sweep_says_what_it_is() -> None:
    assert repr(SMALL) == "Sweep 'in-python' of bocnn: v0 3 × mu_norm 2 × p_flip 2, 4 replicates"
    html = dataclasses.replace(SMALL, name="<b>")._repr_html_()
    assert "&lt;b&gt;" in html and "<b>" not in html
    assert repr(dataclasses.replace(SMALL, axes={"v0": 3})).count("v0 ?") == 1


def test_import_is_light() -> None:
    code = (
        "import sweeps, sys; print({'ray', 'numba', 'pyarrow', 'pydantic', 'sweeps.models.protocol'} & "
        "sys.modules.keys())"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "set()"
