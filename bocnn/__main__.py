"""The command `bocnn`: hands over to the package that has the subcommand.

Packages name their commands as entry points of `bocnn.commands`, each a function that reads the command
line, in a module whose `app` declares it. So a command loads what it needs alone.
"""

import os
import sys
from importlib import import_module
from importlib.metadata import entry_points

import typer

COMMANDS = "bocnn.commands"
_COMPLETION = "_BOCNN_COMPLETE"
"""Set by a shell that asks how to complete a line."""


def main() -> None:
    """Run the subcommand; without one, or for one that there is not, say which there are."""
    commands = {command.name: command for command in entry_points(group=COMMANDS)}
    word = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
    if word in commands and _COMPLETION not in os.environ:
        commands[word].load()()
    else:
        _together({command.module for command in commands.values()})()


def _together(modules: set[str]) -> typer.Typer:
    """The commands of all packages, as one list and for completion."""
    both = typer.Typer(
        help="Map phase diagrams of benign overfitting: declare a sweep, train it, report it.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
    )
    for module in sorted(modules, reverse=True):
        both.registered_commands += import_module(module).app.registered_commands
    return both


if __name__ == "__main__":
    main()
