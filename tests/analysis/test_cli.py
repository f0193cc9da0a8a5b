"""The command, end to end: files, summary, the same bytes twice, errors as status 2."""

import csv
import os
import subprocess
import sys
import webbrowser
from pathlib import Path

import pytest

from analysis.cli import main
from tests.analysis.recording import record
from tests.analysis.synthetic import Planted

FIGURES = {f"{kind}-level-0.25.svg" for kind in ("map", "two-colour", "boundary", "shift")} | {
    f"{name}.svg"
    for name in ("levels", "local-level-0.25", "residuals-level-0.25-0", "residuals-level-0.25-1")
}
RESULTS = ("cells", "boundary", "laws", "kinks", "shift", "theory", "levels", "local", "selection")
TABLES = {f"{name}.csv" for name in (*RESULTS, "median-boundary", "rows")} | {"table.md"}
OTHERS = {"report.html", "sweep.yaml"}


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Calls main() with arguments; returns exit status, stdout and stderr."""

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["bocnn-analysis", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            main()
        captured = capsys.readouterr()
        return int(stop.value.code or 0), captured.out, captured.err

    return call


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_a_report_from_a_dataset(run, folder: Path, tmp_path: Path) -> None:
    status, out, err = run("report", folder, "--out", tmp_path / "deep" / "report", "--draws", 200)
    assert (status, err) == (0, "")
    files = {path.name for path in (tmp_path / "deep" / "report").iterdir()}
    assert files == FIGURES | TABLES | OTHERS
    assert "3,072 planned, 3,072 used, 3,072 ok" in out
    assert "theory 0.25 (n‖μ‖⁴ = C σ_p⁴ d)" in out
    assert "mean shift, p_flip = 0.1 compared with p_flip = 0: factor 1." in out
    laws = rows_of(tmp_path / "deep" / "report" / "laws.csv")
    assert [row["law"] for row in laws] == ["linear", "linear", "power law", "power law"]
    assert all(float(row["slope_low"]) < float(row["slope_high"]) for row in laws)
    assert len(rows_of(tmp_path / "deep" / "report" / "cells.csv")) == 2 * 8 * 16
    table = (tmp_path / "deep" / "report" / "table.md").read_text(encoding="utf-8")
    assert "| planned | 3,072 |" in table
    assert "| level | setting | law |" in table


def test_the_same_report_twice_in_any_row_order(run, two_settings: Planted, tmp_path: Path) -> None:
    for k, name in enumerate(("a", "b")):
        data = two_settings.write(tmp_path / name, shards=1 + 4 * k, seed=k)
        assert run("report", data, "--out", tmp_path / f"report-{name}", "--draws", 150)[0] == 0
    for name in TABLES | FIGURES:
        pair = [(tmp_path / f"report-{k}" / name).read_bytes() for k in "ab"]
        # The last part tells of the files, which differ.
        one, other = (text.partition(b"## Cost and source")[0] for text in pair)
        assert one == other, name


@pytest.mark.usefixtures("sketched")
def test_censored_columns_are_empty_in_the_tables(run, tmp_path: Path) -> None:
    planted = Planted(y=tuple(float(v) for v in (2.2, 2.5, 2.8, 3.2)), spread=0.05)
    data = planted.write(tmp_path / "data")
    assert run("report", data, "--out", tmp_path / "report", "--draws", 100)[0] == 0
    row = rows_of(tmp_path / "report" / "boundary.csv")[0]
    assert (row["mu_norm"], row["low"], row["state"]) == ("", "", "below grid")
    assert row["low_open"] == "True"
    assert "inf" not in (tmp_path / "report" / "boundary.csv").read_text()


@pytest.mark.usefixtures("sketched")
def test_options_override_the_sweeps_view(run, folder: Path, tmp_path: Path) -> None:
    options = ("--level", 0.2, "--level", 0.3, "--x", "mu_norm", "--y", "d", "--confidence", 0.9)
    status, out, _ = run("report", folder, "--out", tmp_path / "r", "--draws", 100, *options)
    assert status == 0
    assert "theory" not in out
    names = {path.name for path in (tmp_path / "r").iterdir()}
    assert {"map-level-0.2.svg", "map-level-0.3.svg"} <= names


@pytest.mark.usefixtures("sketched")
def test_figures_are_written_in_the_formats_wanted(run, folder: Path, tmp_path: Path) -> None:
    options = ("--draws", 100, "--format", "pdf", "--format", "png", "--format", "pdf")
    assert run("report", folder, "--out", tmp_path / "r", *options)[0] == 0
    kinds = {path.suffix for path in (tmp_path / "r").iterdir()}
    assert kinds == {".csv", ".html", ".md", ".pdf", ".png", ".yaml"}
    page = (tmp_path / "r" / "report.html").read_text(encoding="utf-8")
    assert page.count('.pdf"') == page.count('.png"') == len(FIGURES)
    status, _, err = run("report", folder, "--out", tmp_path / "s", "--format", "jpg")
    assert status == 2
    assert "Received --format jpg; expected one of svg, png, pdf." in " ".join(err.split())
    assert not (tmp_path / "s").exists()


@pytest.mark.usefixtures("sketched")
def test_the_default_folder_bears_the_sweeps_name(
    run, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("report", folder, "--draws", 100)[0] == 0
    assert (tmp_path / "report-planted" / "laws.csv").exists()
    assert {path.name for path in folder.iterdir()} == {
        "_sweep.json", ".tmp-1234", *(path.name for path in folder.glob("shard-*"))
    }  # fmt: skip


@pytest.mark.usefixtures("sketched")
def test_several_datasets_in_one_report(run, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    folders = [Planted(name=name, replicates=3).write(tmp_path / name) for name in ("one", "two")]
    status, out, _ = run("report", *folders, "--draws", 100)
    assert status == 0
    assert "one: 3 files" in out and "two: 3 files" in out
    assert (tmp_path / "report-one-two" / "report.html").exists()
    assert (tmp_path / "report-one-two" / "two" / "laws.csv").exists()


@pytest.mark.usefixtures("sketched")
def test_trajectories_hold_an_axis_at_the_given_value(run, folder: Path, tmp_path: Path) -> None:
    record(folder)
    out = tmp_path / "r"
    assert run("report", folder, "--out", out, "--draws", 100, "--at", "mu_norm=0.5")[0] == 0
    assert "at mu_norm = 0.5" in (out / "report.html").read_text(encoding="utf-8")
    status, _, err = run("report", folder, "--at", "mu_norm:0.5")
    assert status == 2
    assert "Received --at mu_norm:0.5; expected AXIS=VALUE" in err


@pytest.mark.usefixtures("sketched")
def test_a_view_that_the_sweep_does_not_state(run, tmp_path: Path) -> None:
    data = Planted(sweep_extra={"analysis": None}).write(tmp_path / "data")
    status, out, _ = run("report", data, "--out", tmp_path / "r", "--draws", 100)
    assert status == 0
    chosen = "states no analysis; shown is test_error_clean over d and mu_norm, cut at 0.2"
    assert chosen in out and chosen in (tmp_path / "r" / "report.html").read_text(encoding="utf-8")
    full = ("--x", "d", "--y", "mu_norm", "--measure", "test_error_clean", "--level", 0.25)
    assert run("report", data, *full, "--out", tmp_path / "r", "--draws", 100)[0] == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--measure", "test_eror_clean"), "Did you mean 'test_error_clean'?"),
        (("--x", "dd"), "no column 'dd'"),
        (("--measure", "train"), "holds string, expected numbers"),
    ],
)
def test_wrong_options(run, folder: Path, options: tuple[str, ...], message: str) -> None:
    status, out, err = run("report", folder, *options)
    assert (status, out) == (2, "")
    assert message in err
    assert "Traceback" not in err


def test_a_missing_folder(run, tmp_path: Path) -> None:
    status, _, err = run("report", tmp_path / "nowhere")
    assert status == 2
    assert err.startswith("Error: No dataset folder at")


def test_an_unwritable_folder(run, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    status, _, err = run("report", folder, "--out", tmp_path / "file" / "r", "--draws", 100)
    assert status == 2
    assert "Cannot write the report to" in err
    assert "Choose another with --out" in err


def test_an_unreachable_level_is_no_error(run, folder: Path, tmp_path: Path) -> None:
    status, out, _ = run("report", folder, "--level", 0.9, "--out", tmp_path / "r", "--draws", 100)
    assert status == 0
    assert "not fitted: 0 of at least 2 columns" in out


def test_as_a_module(tmp_path: Path) -> None:
    result = command("report", tmp_path / "none")
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
    assert result.stderr.startswith("Error: No dataset folder")


def command(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, warnings as errors."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "analysis", *map(str, arguments)],
        capture_output=True,
        text=True,
        env=os.environ | environment,
        check=False,
    )


def test_matplotlibs_own_settings_have_no_effect(run, folder: Path, tmp_path: Path) -> None:
    """Neither a display that is missing, nor an impossible folder, nor settings it cannot read."""
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "matplotlibrc").write_text("figure.dpi: many\nno.such.key: 1\nfont.size: 40\n")
    settings = {
        "MPLBACKEND": "nothing",
        "MPLCONFIGDIR": str(tmp_path / "file" / "below"),
        "MATPLOTLIBRC": str(tmp_path / "matplotlibrc"),
    }
    plain, odd = tmp_path / "plain", tmp_path / "odd"
    assert run("report", folder, "--out", plain, "--draws", 100)[0] == 0
    done = command("report", folder, "--out", odd, "--draws", 100, **settings)
    assert (done.returncode, done.stderr) == (0, "")
    assert (plain / "report.html").read_bytes() == (odd / "report.html").read_bytes()


def test_settings_that_end_matplotlib_are_one_line(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "matplotlibrc").write_bytes(b"font.family: \xff\xfe\n")
    done = command("report", folder, MATPLOTLIBRC=str(tmp_path / "matplotlibrc"))
    assert done.returncode == 2
    assert done.stderr.startswith("Error: matplotlib cannot be imported (UnicodeDecodeError")
    assert len(done.stderr.splitlines()) == 1


def test_help_imports_nothing_that_computes_or_draws() -> None:
    code = "import sys, analysis.cli; print(*sorted(m for m in sys.modules if '.' not in m))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"numpy", "scipy", "matplotlib", "pyarrow", "duckdb"} & set(done.stdout.split())


def test_open_writes_the_report_once_and_shows_it(
    run, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda url: bool(shown.append(url)) or True)
    page = tmp_path / "report" / "report.html"
    status, out, err = run("open", folder, "--out", page.parent)
    assert (status, err, shown) == (0, "", [page.as_uri()])
    assert "3,072 ok" in out
    written = page.stat().st_mtime_ns
    assert run("open", folder, "--out", page.parent)[:2] == (0, "")
    assert page.stat().st_mtime_ns == written and len(shown) == 2


def test_open_writes_the_report_anew_where_the_dataset_has_grown(
    run, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webbrowser, "open", lambda url: True)
    page = tmp_path / "report" / "report.html"
    page.parent.mkdir()
    page.write_text("old")
    os.utime(page, (0, 0))
    assert run("open", folder, "--out", page.parent)[0] == 0
    assert page.read_text(encoding="utf-8") != "old"


def test_open_says_where_the_page_is_without_a_browser(
    run, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webbrowser, "open", lambda url: False)
    status, out, _ = run("open", folder, "--out", tmp_path / "report")
    assert status == 0 and f"the page is {tmp_path}/report/report.html" in out


def test_diff_of_a_dataset_and_itself_finds_nothing(run, folder: Path) -> None:
    status, out, _ = run("diff", folder, folder)
    assert status == 0 and "0 differ by more than their errors" in out


def test_diff_lists_the_cells_that_moved(run, folder: Path, tmp_path: Path) -> None:
    moved = Planted(constant=0.9).write(tmp_path / "moved")
    same = Planted().write(tmp_path / "same")
    status, out, _ = run("diff", same, moved)
    assert status == 1 and "test_error_clean 0.1466 → 0.3536" in out


def test_watch_refuses_a_folder_without_a_sweep(run, tmp_path: Path) -> None:
    status, out, err = run("watch", tmp_path)
    assert (status, out) == (2, "")
    assert "Nothing to watch at" in err and "bocnn run" in err
