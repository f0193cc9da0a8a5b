"""What is printed: names that no terminal obeys, and output that is lost without ending the command."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.table import Table

from sweeps import cli
from sweeps.declare.terminal import WordConsole, visible
from sweeps.driver import datasets
from sweeps.store.dataset import DatasetFolder
from tests.sweeps.small import TOY_PROGRAM, TOY_SWEEP
from tests.toy import TOY

ESC = "\x1b[31mred\x1b]0;title\x07\x9b2J\u202eright"


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    path = tmp_path / "toy.yaml"
    path.write_text(TOY_SWEEP)
    return path


def command(*arguments: object, shell: str = "", **environment: str) -> tuple[int, bytes, bytes]:
    """Exit status, stdout and stderr of the command with the toy, its streams as the shell sets them."""
    words = ["sh", "-c", f'exec "$@" {shell}', "-", sys.executable, "-c", TOY_PROGRAM]
    done = subprocess.run(
        [*words, *map(str, arguments)],
        capture_output=True,
        timeout=120,
        env={**os.environ, **environment},
    )
    return done.returncode, done.stdout, done.stderr


def test_control_characters_are_written_out() -> None:
    assert visible(ESC) == r"\x1b[31mred\x1b]0;title\x07\x9b2J\u202eright"
    assert visible("σ₀ = 0.1\n\tÄ 漢") == "σ₀ = 0.1\n\tÄ 漢"


def test_a_console_prints_words(capsys: pytest.CaptureFixture[str]) -> None:
    console = WordConsole(force_terminal=True, markup=False, highlight=False, width=200)
    table = Table(ESC, title=ESC)
    table.add_row(ESC)
    for what in (ESC, table):
        console.print(what, style="red")
    text = capsys.readouterr().out
    assert text.count(r"\x1b[31mred") == 4
    for raw in ("\x1b[31mred", "\x1b]0", "\x07", "\x9b", "\u202e"):
        assert raw not in text
    assert "\x1b[31m\\x1b" in text  # the console's own colour


def test_a_name_in_an_error_is_no_command_to_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "sweep.yaml"
    path.write_text('name: a\nreplicates: 1\naxes: {x: [1]}\nfixed: {"\\e[31mred": 1}\n')
    monkeypatch.setattr(sys, "argv", ["bocnn-sweep", "plan", str(path)])
    for stream in ("stdout", "stderr"):
        monkeypatch.setattr(sys, stream, getattr(sys, stream))  # which the command replaces
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    printed = capsys.readouterr().err
    assert r"fixed.\x1b[31mred: is neither" in printed and "\x1b" not in printed


@pytest.mark.parametrize(
    "shell",
    [
        ">/dev/full",
        ">/dev/full 2>&1",
        ">&-",
        ">&- 2>&-",
        "</dev/null >&- 2>&-",
        "| true",
        "2>&1 | true",
    ],
)
def test_a_sweep_goes_on_whatever_becomes_of_its_output(
    sweep: Path, tmp_path: Path, shell: str
) -> None:
    out = tmp_path / "out"
    run = ("run", sweep, "--executor", "local", "--out", out, "--shard-runs", 5)
    script = f'"$@" {shell}; echo "status $?" > {tmp_path}/status'
    if "|" in shell:
        script = (
            f'{{ "$@" {shell.partition("|")[0]}; echo "status $?" > {tmp_path}/status; }} | true'
        )
    words = ["sh", "-c", script, "-", sys.executable, "-c", TOY_PROGRAM, *map(str, run)]
    done = subprocess.run(words, capture_output=True, timeout=120, env=os.environ)
    assert (tmp_path / "status").read_text() == "status 0\n", done.stderr
    assert b"Traceback" not in done.stderr and b"Exception ignored" not in done.stderr
    assert (b"output is lost from here on" in done.stderr) == (shell == ">/dev/full")
    assert datasets.read_status(DatasetFolder(str(out)), lambda name: TOY).published == 96


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_what_an_encoding_has_no_letter_for_is_written_out(sweep: Path, encoding: str) -> None:
    status, out, err = command("plan", sweep, "--out", "/σ/nowhere", PYTHONIOENCODING=encoding)
    assert (status, err) == (0, b"")
    assert ("σ".encode(encoding, "backslashreplace")) in out


def test_a_narrow_terminal_is_no_failure(sweep: Path) -> None:
    assert command("plan", sweep, COLUMNS="20")[0] == 0
    assert command("plan", sweep, COLUMNS="1")[0] == 0


def test_a_closed_stream_leaves_no_descriptor_for_the_next_file(tmp_path: Path) -> None:
    program = (
        "import os\n"
        "from sweeps.declare.terminal import guard_streams\n"
        "guard_streams()\n"
        f"file = open({str(tmp_path / 'data')!r}, 'w')\n"
        "os.write(1, b'printed'); os.write(2, b'printed')\n"
        "print('printed'); file.write('data')\n"
    )
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "-", sys.executable, "-c", program]
    )
    assert done.returncode == 0
    assert (tmp_path / "data").read_text() == "data"


def test_an_error_without_anyone_to_read_it_still_is_one(tmp_path: Path) -> None:
    assert command("plan", tmp_path / "none", shell=">&- 2>&-")[0] == 2
