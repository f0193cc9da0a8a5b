"""The command `bocnn`: all packages' commands in one, each loading what it needs alone."""

import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from bocnn.__main__ import COMMANDS

ROOT = Path(__file__).parent.parent


def bocnn(*words: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """What a shell gets of the command in a folder."""
    return subprocess.run(
        [sys.executable, "-m", "bocnn", *words],
        capture_output=True,
        text=True,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "200"} | environment,
    )


def test_it_lists_the_commands_of_all_packages(tmp_path: Path) -> None:
    said = bocnn("--help", folder=tmp_path)
    assert said.returncode == 0
    listed = {line.split()[1] for line in said.stdout.splitlines() if line.startswith("│ ")}
    assert {command.name for command in entry_points(group=COMMANDS)} <= listed


@pytest.mark.parametrize("command", entry_points(group=COMMANDS), ids=lambda command: command.name)
def test_each_name_is_a_command_of_its_package(command) -> None:
    module = sys.modules[command.load().__module__]
    names = [one.name or one.callback.__name__ for one in module.app.registered_commands]
    assert command.name in names


def test_each_command_of_a_package_is_one_of_bocnn() -> None:
    commands = entry_points(group=COMMANDS)
    for module in {sys.modules[command.load().__module__] for command in commands}:
        names = {one.name or one.callback.__name__ for one in module.app.registered_commands}
        assert names <= {command.name for command in commands}


def test_a_command_loads_its_own_package_alone(tmp_path: Path) -> None:
    said = bocnn("report", "--help", folder=tmp_path, PYTHONPROFILEIMPORTTIME="1")
    assert said.returncode == 0 and "bocnn report" in said.stdout
    loaded = {line.rpartition("|")[2].strip() for line in said.stderr.splitlines()}
    assert "analysis.errors" in loaded and "sweeps.errors" not in loaded


def test_an_unknown_command_is_an_error(tmp_path: Path) -> None:
    said = bocnn("frobnicate", folder=tmp_path)
    assert said.returncode == 2 and "No such command 'frobnicate'" in said.stderr


def test_the_shell_completes_commands_of_all_packages(tmp_path: Path) -> None:
    asked = {"COMP_WORDS": "bocnn p", "COMP_CWORD": "1", "_BOCNN_COMPLETE": "complete_bash"}
    said = bocnn(folder=tmp_path, **asked)
    assert {"plan", "presets"} <= set(said.stdout.split())
