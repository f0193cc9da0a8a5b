"""Messages of the command on a dataset and on the end of a run, and its exit status."""

import json
from collections.abc import Generator, Mapping
from contextlib import closing
from dataclasses import fields, is_dataclass
from typing import Any

import typer
from rich.table import Table

from sweeps.declare.terminal import WordConsole
from sweeps.driver.datasets import DatasetStatus
from sweeps.driver.options import Output
from sweeps.driver.rerun import Oracle, Rerun
from sweeps.driver.trainer import TrainingEnd
from sweeps.store.failed_shard import reason

GO_ON = "what is published stays: run the same command again to go on"

_MOST_STEPS = 6
"""Recorded steps that are shown of a run."""

out = WordConsole(markup=False, emoji=False)
err = WordConsole(stderr=True, highlight=False, soft_wrap=True, markup=False, emoji=False)
STREAMS = Output(out, err)


def stopped(signal: int) -> typer.Exit:
    """The exception to raise when a signal came, after a message."""
    err.print(f"stopped; {GO_ON}")
    return typer.Exit(128 + signal)


def leave(ends: Generator[TrainingEnd, None, None]) -> None:
    """Say of each sweep, when it has ended, what its dataset holds and why it is not complete.

    Args:
        ends: of sweeps that are trained one after the other.
    Raises:
        typer.Exit: with a status other than 0, where one is not complete.
    """
    with closing(ends):
        statuses = [_explain(end) for end in ends]
    if status := min((status for status in statuses if status), default=0):
        raise typer.Exit(status)


def _explain(end: TrainingEnd) -> int:
    """Print how one sweep ended, and return its exit status.

    Raises:
        typer.Exit: a signal came.
    """
    stop_signal = end.stop_signal
    if end.status is not None:
        print_status(end.status)
    if stop_signal.cause:
        err.print(f"stopped, since no shard can be published: {stop_signal.cause}", style="red")
        return 1
    for number, error in end.failures.items():
        err.print(f"shard {number} failed after its retries: {reason(error)}", style="red")
    if end.failures and end.status and (kept := len(end.status.failed)):
        err.print(
            f"tracebacks and parameters are in {kept:,} files _failed-*.txt of the output folder"
        )
    if stop_signal.signal is not None:
        raise stopped(stop_signal.signal)
    if stop_signal.time_is_over and end.missing and not end.failures:
        err.print(f"the time is over; {GO_ON}")
        return 3
    if end.missing:
        err.print(f"{end.missing:,} runs are not published; {GO_ON}", style="red")
        return 1
    return 0


def print_status(status: DatasetStatus) -> None:
    """Print the state of a dataset, a line for each thing to know."""
    for line in status.lines():
        out.print(line, soft_wrap=True)


def print_rerun(found: Rerun) -> None:
    """Print a run that was trained again: parameters, measures beside the published ones, its steps."""
    stated = ", ".join(f"{k} = {v}" for k, v in found.parameters.items() if v is not None)
    out.print(f"run {found.run_id}: {stated}", soft_wrap=True)
    table = Table("measure", "published", "again", "")
    for measure in found.measures:
        same = "same" if measure.same else "differs"
        table.add_row(measure.name, _shown(measure.published), _shown(measure.again), same)
    out.print(table)
    if found.records:
        steps, *others = found.records
        few = _spread(len(found.records[steps]), _MOST_STEPS)
        recorded = Table(steps, *(f"{found.records[steps][k]:g}" for k in few))
        for name in others:
            recorded.add_row(name, *(f"{found.records[name][k]:.4g}" for k in few))
        out.print(recorded)
    if found.oracle is not None:
        _print_oracle(found.oracle)
    if found.other_code:
        out.print("the run was made by other source code than the present", soft_wrap=True)


def _print_oracle(beside: Oracle) -> None:
    """Print measures beside the oracle's, and how far recorded columns are from the oracle's."""
    table = Table("measure", "again", "oracle", "difference")
    for name, again, there in beside.measures:
        both = all(isinstance(one, float | int) for one in (again, there))
        table.add_row(name, _shown(again), _shown(there), f"{again - there:.2g}" if both else "")
    out.print(table)
    if not beside.records:
        return
    recorded = Table("recorded", "largest difference", "at step", "largest size")
    for one in beside.records:
        recorded.add_row(one.name, f"{one.difference:.2g}", f"{one.step:,}", f"{one.size:.4g}")
    out.print(recorded)


def _spread(count: int, most: int) -> list[int]:
    """At most so many positions below a count, the first and the last among them."""
    return sorted({round(k * (count - 1) / max(most - 1, 1)) for k in range(most)})


def _shown(value: Any) -> str:
    return "" if value is None else f"{value:.17g}" if isinstance(value, float) else str(value)


def print_json(found: Any) -> None:
    """Print a record as JSON, by the names of its fields.

    Args:
        found: a record of records, mappings, lists, words and finite numbers.
    """
    typer.echo(json.dumps(_plain(found), indent=2, ensure_ascii=False, allow_nan=False))


def _plain(value: Any) -> Any:
    """Records as mappings, and what holds them."""
    if is_dataclass(value):
        return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
    if hasattr(value, "_asdict"):
        return _plain(value._asdict())
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value
