"""Processes in odd environments: homes, locales, terminals, pipes, disks, packages."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.sweeps.small import TOY_PROGRAM

ROOT = Path(__file__).parent.parent

ENVIRONMENTS: dict[str, dict[str, str]] = {
    "as it is": {},
    "HOME is not there": {"HOME": "/nonexistent/home"},
    "HOME is a file": {"HOME": "/dev/null"},
    "HOME is read only": {"HOME": "/proc"},
    "HOME is empty": {"HOME": ""},
    "ASCII": {"PYTHONIOENCODING": "ascii", "LC_ALL": "C"},
    "Latin-1": {"PYTHONIOENCODING": "latin-1", "LC_ALL": "de_DE.ISO-8859-1"},
    "an unknown locale": {"LC_ALL": "xx_YY.UTF-9"},
    "width 20": {"COLUMNS": "20"},
    "width 1": {"COLUMNS": "1"},
    "no terminal": {"TERM": "dumb", "NO_COLOR": "1"},
    "an unknown terminal": {"TERM": "\x1b"},
    "MPLBACKEND unknown": {"MPLBACKEND": "nothing"},
    "warnings are errors": {"PYTHONWARNINGS": "error::RuntimeWarning,error::UserWarning"},
}
SHELLS = ("", ">/dev/full", ">&-", ">&- 2>&-", "<&-")


def try_environments(bases: dict[str, Path], limit_s: int) -> Iterator[tuple[str, str, str]]:
    """What was given, the outcome, and what is wrong, of each environment and each state of streams."""
    for name, changes in ENVIRONMENTS.items():
        for command in _commands(bases):
            yield f"{command[0]}, {name}", *_attempt(command, changes, "", limit_s)
    for shell in SHELLS:
        for command in _commands(bases):
            yield f"{command[0]} {shell}", *_attempt(command, {}, shell, limit_s)


def _commands(bases: dict[str, Path]) -> list[tuple[str, list[str]]]:
    """Names of commands and their words; {} is an empty folder."""
    sweep, trained = ["-c", TOY_PROGRAM], str(bases["trained"])
    report = ["-m", "analysis", "report", trained, "--out", "{}/report", "--draws", "100"]
    return [
        ("status", [*sweep, "status", trained]),
        ("presets", [*sweep, "presets"]),
        ("report", report),
    ]


def _attempt(
    command: tuple[str, list[str]], changes: dict[str, str], shell: str, limit_s: int
) -> tuple[str, str]:
    """The outcome of one process."""
    scratch = tempfile.mkdtemp(prefix="hostile-")
    words = [word.replace("{}", scratch) for word in command[1]]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **changes}
    try:
        done = subprocess.run(
            ["sh", "-c", f'exec "$@" {shell}', "-", sys.executable, *words],
            capture_output=True,
            timeout=3 * limit_s,
            env=environment,
            cwd=ROOT,
        )
    except subprocess.TimeoutExpired:
        return "hangs", "no end"
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    said = done.stderr.decode("utf-8", "replace")
    last = said.strip().rpartition("\n")[2][:100]
    if "Traceback" in said or "Exception ignored" in said or done.returncode < 0:
        return "tracebacks", last
    if "Warning" in said:
        return "warnings", last
    return ("fine", "") if done.returncode == 0 else ("errors", "")
