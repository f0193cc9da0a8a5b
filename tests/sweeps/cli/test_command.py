"""The command as a user runs it: what it says, what it writes, and how it exits."""

import json
import re
import subprocess
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sweeps.declare.file import presets
from tests.sweeps.small import BOCNN_SWEEP, bocnn_sweep, bocnn_sweep_process, contents, rows

LOCAL = ("--executor", "local")
WRONG = """\
name: wrong
replicate: 3
axes:
  v0: {log: [0, 1, 3]}
  mu_norm: [1, 4]
fixed: {n: 6, m: 3, d: 50, sigma_0: 0.01, eta: 0.05, stesp: 30, n_test: 20}
settings: {p_flip: [0, 0.6]}
derived: {steps: "__import__('os').system('touch TOUCHED')"}
"""


def words(result: subprocess.CompletedProcess[str]) -> str:
    """What was said, on lines of any length."""
    return " ".join((result.stdout + result.stderr).split())


def failed(result: subprocess.CompletedProcess[str]) -> str:
    """What was said by a command that must have failed as a user's error."""
    assert result.returncode == 2, words(result)
    assert "Traceback" not in words(result)
    return words(result)


def succeeded(result: subprocess.CompletedProcess[str]) -> str:
    """What was said by a command that must have succeeded."""
    assert result.returncode == 0, words(result)
    assert not result.stderr
    return words(result)


def test_presets_lists_the_shipped_sweeps_with_their_runs() -> None:
    said = succeeded(bocnn_sweep("presets"))
    assert "initialization-plane │ 21,280" in said and "label-flip-plane │ 14,040" in said
    assert re.search(r"kink-over-n │ ≤ [\d,]+", said)


def test_presets_says_how_long_training_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presets, "preset_names", lambda: ["ba-linear-network"])
    assert re.search(
        r"ba-linear-network │ [\d,]+ │ [\d.]+ (s|min|h) │",
        succeeded(bocnn_sweep("presets", "--times")),
    )


def test_show_prints_the_file_of_a_shipped_sweep() -> None:
    shown = bocnn_sweep("show", "initialization-plane").stdout
    assert shown == presets.find("initialization-plane")[0]
    assert "did you mean 'one-step'" in failed(bocnn_sweep("show", "one-stop"))


def test_show_of_a_file_is_an_error(bocnn_file: Path) -> None:
    assert "not a shipped sweep" in failed(bocnn_sweep("show", bocnn_file))


def test_init_writes_a_file_that_can_be_planned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "mine.yaml" in succeeded(bocnn_sweep("init", "mine"))
    written = Path("mine.yaml").read_text(encoding="utf-8")
    assert "plan of mine" in succeeded(bocnn_sweep("plan", "mine.yaml"))
    assert "plan of mine-smoke" in succeeded(bocnn_sweep("plan", "mine.yaml", "--size", "smoke"))
    assert "exists already" in failed(bocnn_sweep("init", "mine"))
    assert Path("mine.yaml").read_text(encoding="utf-8") == written


@pytest.mark.parametrize("name", ["Mine", "a b", "../mine", "nowhere/mine"])
def test_init_refuses_what_is_no_name(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "inner").mkdir()
    monkeypatch.chdir(tmp_path / "inner")
    failed(bocnn_sweep("init", name))
    assert not list(tmp_path.rglob("*.yaml"))


def test_set_changes_a_parameter(bocnn_file: Path, out: Path) -> None:
    words = ("--set", "n=8", "--set", "axes.v0=log:0.01:1:5", "--out", out, "--json")
    planned = json.loads(succeeded(bocnn_sweep("plan", bocnn_file, *words)))
    assert planned["name"] == "small-plane-n-8-axes-v0-log-0-01-1-5"
    assert planned["cells"] == 20
    assert "nothing was started" in failed(bocnn_sweep("run", bocnn_file, "--set", "nn=8"))


def test_plan_and_status_as_json(bocnn_file: Path, out: Path) -> None:
    words = ("--out", out, "--cores", 7, "--json")
    planned = json.loads(succeeded(bocnn_sweep("plan", bocnn_file, *words)))
    assert (planned["cores"], planned["on_gpu"]) == (7, None)
    assert (planned["name"], planned["runs"], planned["published"]) == ("small-plane", 48, 0)
    assert planned["forecast"]["core_s"] > 0
    succeeded(bocnn_sweep("run", bocnn_file, "--out", out, *LOCAL))
    found = json.loads(succeeded(bocnn_sweep("status", out, "--json")))
    assert (found["planned"], found["published"]) == (48, 48)
    assert sum(found["by_status"].values()) == 48
    assert found["share"]["compute_s"] > 0


def test_plan_says_what_would_be_done_and_writes_nothing(bocnn_file: Path, out: Path) -> None:
    said = succeeded(bocnn_sweep("plan", bocnn_file, "--out", out, "--shard-runs", 10))
    for fact in ("12 (axes × settings)", "runs │ 48", "to train │ 48", "shards │ 5"):
        assert fact in said
    assert not out.exists()


def test_run_then_status_then_run_again(bocnn_file: Path, out: Path) -> None:
    said = succeeded(
        bocnn_sweep_process("run", bocnn_file, "--out", out, *LOCAL, "--shard-runs", 10)
    )
    assert "48 runs planned, 0 published, 48 to train in 5 shards" in said
    assert "48 of 48 runs published in 5 files, complete; 48 ok" in said
    assert "48 of 48 runs published in 5 files" in succeeded(bocnn_sweep_process("status", out))
    files = contents(out)
    said = succeeded(bocnn_sweep_process("run", bocnn_file, "--out", out, *LOCAL))
    assert "48 published, 0 to train in 0 shards" in said
    assert contents(out) == files


def test_replicates_may_be_added_on_the_command_line(bocnn_file: Path, out: Path) -> None:
    succeeded(bocnn_sweep("run", bocnn_file, "--out", out, *LOCAL, "--replicates", 1))
    said = succeeded(bocnn_sweep("run", bocnn_file, "--out", out, *LOCAL, "--replicates", 3))
    assert "36 runs planned, 12 published, 24 to train" in said
    assert rows(out).num_rows == 36


def test_the_default_executor_is_tune(bocnn_file: Path, out: Path) -> None:
    said = succeeded(bocnn_sweep_process("run", bocnn_file, "--out", out, "--workers", 2))
    assert "48 of 48 runs published" in said
    again = bocnn_sweep("plan", bocnn_file, "--out", out)
    assert "to train │ 0" in succeeded(again)


def test_every_error_of_a_file_is_reported_and_nothing_is_run(tmp_path: Path, out: Path) -> None:
    path, touched = tmp_path / "wrong.yaml", tmp_path / "touched"
    path.write_text(WRONG.replace("TOUCHED", str(touched)))
    for verb in ("plan", "run"):
        said = failed(bocnn_sweep(verb, path, "--out", out))
        for line, text in [
            (2, "replicate: unknown key"),
            (4, "axes.v0: received log: [0, 1, 3]; a log range needs positive ends"),
            (6, "fixed.stesp: is neither a parameter of bocnn nor used by a formula"),
            (7, "settings.p_flip: received 0.6 (1 of 2 values are wrong)"),
            (8, "derived.steps: only sqrt, "),
        ]:
            assert f"wrong.yaml:{line}: {text}" in said
        assert "did you mean 'replicates'" in said and "did you mean 'steps'" in said
    assert not touched.exists() and not out.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "nowhere.yaml"), "'nowhere.yaml' is neither a file nor a shipped sweep; shipped"),
        (("run", "label-flip-plan"), "did you mean 'label-flip-plane'"),
        (("run", "x" * 5000), "is neither a file nor a shipped sweep"),
        (("run", "label-flip-plane", "--replicates", "0"), "received --replicates 0; expected at"),
        (("plan", "label-flip-plane", "--replicates", "10" * 8), "take fewer replicates"),
        (("run", "label-flip-plane", "--shard-runs", "0"), "--shard-runs"),
        (("run", "label-flip-plane", "--executor", "slurm"), "'slurm' is not one of"),
        (("run", "label-flip-plane", "--out", "nowhere://x"), "cannot open nowhere://x"),
        (("status", "nowhere"), "nowhere holds no sweep: there is no _sweep.json in it"),
        (("trian",), "No such command"),
    ],
)
def test_wrong_arguments(arguments: tuple[str, ...], message: str) -> None:
    said = failed(bocnn_sweep(*arguments))
    assert message in said.replace("│ ", "").replace(" │", "")


def test_a_folder_below_a_file(bocnn_file: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    said = failed(bocnn_sweep("run", bocnn_file, *LOCAL, "--out", tmp_path / "file" / "x"))
    assert "cannot write _sweep.json" in said and "name another --out" in said
    said = failed(bocnn_sweep("run", bocnn_file, *LOCAL, "--out", tmp_path / "file"))
    assert "cannot list" in said and "expected a folder" in said
    assert (tmp_path / "file").read_text() == "mine"


def test_a_folder_with_brackets_in_its_name(bocnn_file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "a[red]" / "b[" / "c:smile:"
    said = bocnn_sweep("run", bocnn_file, *LOCAL, "--out", folder)
    assert "c:smile:" in succeeded(said) and "a[red]" in succeeded(said)
    assert rows(folder).num_rows == 48


def test_another_sweeps_folder_is_refused_and_left_alone(bocnn_file: Path, out: Path) -> None:
    succeeded(bocnn_sweep("run", bocnn_file, "--out", out, *LOCAL))
    files = contents(out)
    bocnn_file.write_text(BOCNN_SWEEP.replace("small-plane", "other").replace("0.05", "0.1"))
    said = failed(bocnn_sweep("run", bocnn_file, "--out", out, *LOCAL))
    assert "name was 'small-plane' and is 'other'; eta was 0.05 and is 0.1" in said
    assert "Choose another folder (--out" in said
    assert contents(out) == files


def test_a_damaged_dataset_is_mended_by_the_same_command(bocnn_file: Path, out: Path) -> None:
    succeeded(bocnn_sweep("run", bocnn_file, "--out", out, *LOCAL, "--shard-runs", 10))
    whole, victim = rows(out), sorted(out.glob("*.parquet"))[0]
    victim.write_bytes(victim.read_bytes()[:-100])
    said = failed(bocnn_sweep("compact", out))
    assert f"{victim} is not a readable Parquet file" in said and "run the sweep again" in said
    said = bocnn_sweep("run", bocnn_file, "--out", out, *LOCAL)
    assert said.returncode == 0
    assert said.stderr.startswith(f"set aside: {victim.name} is now _damaged-{victim.name}.1: ")
    assert rows(out).equals(whole)


def test_status_tells_that_the_manifest_is_lost_and_what_to_do(bocnn_file: Path, out: Path) -> None:
    succeeded(bocnn_sweep("run", bocnn_file, "--out", out, *LOCAL))
    (out / "_sweep.json").unlink()
    said = succeeded(bocnn_sweep("status", out))
    assert "small-plane: 48 of 48 runs published in" in said
    assert "there is no _sweep.json" in said and "writes it again" in said
    succeeded(bocnn_sweep("run", bocnn_file, "--out", out, *LOCAL))
    assert "there is no" not in succeeded(bocnn_sweep("status", out))


def test_a_folder_of_foreign_files_is_refused(bocnn_file: Path, out: Path) -> None:
    out.mkdir()
    pq.write_table(pa.table({"a": [1]}), out / "mine.parquet")
    files = contents(out)
    said = failed(bocnn_sweep("run", bocnn_file, "--out", out, *LOCAL))
    assert "holds Parquet files and no _sweep.json" in said
    assert contents(out) == files


def test_the_sweep_files_own_text_is_kept(bocnn_file: Path, out: Path) -> None:
    text = "# Why these values.\n" + bocnn_file.read_text(encoding="utf-8")
    bocnn_file.write_text(text, encoding="utf-8")
    succeeded(bocnn_sweep("run", bocnn_file, "--out", out, *LOCAL, "--replicates", 1))
    given = json.loads((out / "_given.json").read_text(encoding="utf-8"))
    assert given == {"text": text, "size": None, "replicates": 1}
    assert "complete" in succeeded(bocnn_sweep("status", out))
