"""What is said while a sweep runs and before it starts: tallies, and the forecast of a plan."""

import io
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from sweeps.declare.cells.identity import ID_DTYPE
from sweeps.errors import SweepError
from sweeps.plan.forecast import check_memory, forecast
from sweeps.plan.plan import ROW_BYTES, Plan, make_plan
from sweeps.train.progress import Live, counts, event
from sweeps.train.shard import Progress
from sweeps.train.tally import Tally
from tests.sweeps.small import TOY_SWEEP, planned, resolved, train
from tests.toy import Toy


def progress(
    shard: int, runs: int, diverged: int = 0, published: bool = False, node: str = "a"
) -> Progress:
    return Progress(shard, runs, {"unconverged": 0, "diverged": diverged}, 1.0, published, node)


def setback(shard: int, kind: str) -> Progress:
    return Progress(shard, setback=kind, reason="ValueError: why")


def plan_of(text: str) -> Plan:
    return make_plan(resolved(text), np.zeros(0, dtype=ID_DTYPE))


def test_a_shard_that_is_tried_again_counts_once() -> None:
    tally = Tally()
    for step in (progress(0, 5, 2), progress(1, 3), progress(0, 1), progress(0, 8, 3, True)):
        tally.add(step)
    assert (tally.runs, tally.published, tally.running) == (11, 1, 1)
    assert tally.failed() == {"unconverged": 0, "diverged": 3}


def test_setbacks_take_back_what_the_shard_had_done() -> None:
    tally = Tally()
    steps = [progress(0, 5, 2), setback(0, "retried"), progress(0, 4, node="b"), progress(1, 3)]
    for step in [*steps, setback(1, "failed")]:
        tally.add(step)
    assert (tally.runs, tally.running) == (4, 1)
    assert (tally.retried, tally.failed_shards, tally.published) == (1, 1, 0)
    assert tally.failed() == {"unconverged": 0, "diverged": 0}
    assert {name: (node.runs, node.running) for name, node in tally.nodes.items()} == {
        "a": (0, 0),
        "b": (4, 1),
    }


def test_without_a_terminal_each_ended_shard_is_a_line() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    line = "2026-01-02T03:04:05Z shard=7 published runs=8 wall_s=1.00 diverged=2 node=a"
    assert event(progress(7, 8, 2, True), at) == line
    assert (
        event(setback(7, "retried"), at) == "2026-01-02T03:04:05Z shard=7 retried: ValueError: why"
    )


def test_the_live_line_tells_shards_runs_and_failures() -> None:
    console = Console(file=io.StringIO(), width=160)
    with Live(console, 10, 2) as live:
        live(progress(0, 5, 2, True))
    assert isinstance(console.file, io.StringIO)
    said = console.file.getvalue()
    assert "shard=0 published runs=5" in said
    assert "1/2 shards, 0 running; runs: 2 diverged" in said and "5/10 runs" in said


def test_numbers_fit_a_terminal_of_80_columns() -> None:
    console = Console(file=io.StringIO(), width=80, force_terminal=True)
    many = 2_000_000_000
    with Live(console, many, 5_000_000) as live:
        live.announce("starting Ray")
        for node in ("a", "b"):
            live(progress(ord(node), many // 2 - 1, 123_456_789, node=node))
        live(setback(1, "retried"))
    assert isinstance(console.file, io.StringIO)
    said = console.file.getvalue()
    assert "starting Ray" in said
    assert "1,999,999,998/2,000,000,000 runs" in said and "…" not in said
    assert "0/5,000,000 shards, 2 running, 1 retried; runs: 246,913,578 diverged" in said


def test_the_rate_is_that_of_the_last_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    console = Console(file=io.StringIO(), width=80)
    with Live(console, 10_000, 2) as live:
        for second in range(1, 41):
            now, runs = float(second), 100 * min(second, 20) + max(0, second - 20)
            live(progress(0, runs))
    assert isinstance(console.file, io.StringIO)
    assert " 1 runs/s" in console.file.getvalue()


@pytest.mark.parametrize("terminal", [True, False])
def test_a_setback_is_a_line_with_its_reason(terminal: bool) -> None:
    console = Console(file=io.StringIO(), width=160, force_terminal=terminal)
    with Live(console, 10, 2) as live:
        live(setback(1, "retried"))
    assert isinstance(console.file, io.StringIO)
    assert "retried: ValueError: why" in console.file.getvalue()


def test_counts_are_words() -> None:
    assert counts({"ok": 12345, "diverged": 0}) == "12,345 ok, 0 diverged"


def test_a_forecast_comes_from_a_sample_of_the_plan() -> None:
    predicted = forecast(plan_of(TOY_SWEEP))
    assert predicted.measured and predicted.core_s > 0
    assert predicted.dataset_bytes == 96 * ROW_BYTES
    assert predicted.memory_bytes == 16


def test_runs_too_dear_for_a_sample_are_forecast_from_the_nominal_rate() -> None:
    predicted = forecast(plan_of(TOY_SWEEP.replace("1.0e+6", "1.0e+11")))
    assert not predicted.measured
    assert predicted.core_s == pytest.approx(96.0)


def test_nothing_is_forecast_where_nothing_is_to_do(out: Path) -> None:
    train(TOY_SWEEP, out)
    predicted = forecast(planned(TOY_SWEEP, out, Toy(fail=0))[0])
    assert (predicted.core_s, predicted.dataset_bytes) == (0.0, 0.0)


def test_a_run_that_does_not_fit_is_refused() -> None:
    with pytest.raises(SweepError, match=r"the largest run needs .* take smaller n"):
        check_memory(plan_of(TOY_SWEEP), 10.0)
