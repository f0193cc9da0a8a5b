"""What is said while a sweep runs and before it starts: tallies, and the forecast of a plan."""

import io
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from sweeps.forecast import check_memory, forecast
from sweeps.identity import ID_DTYPE
from sweeps.live import Live, Tally, counts
from sweeps.mistakes import SweepError
from sweeps.plan import ROW_BYTES, Plan, make_plan
from sweeps.shard import Progress
from tests.sweeps.small import TOY_SWEEP, planned, resolved, train
from tests.toy import Toy


def progress(shard: int, runs: int, diverged: int = 0, published: bool = False) -> Progress:
    return Progress(shard, runs, {"unconverged": 0, "diverged": diverged}, 1.0, published)


def plan_of(text: str) -> Plan:
    return make_plan(resolved(text), np.zeros(0, dtype=ID_DTYPE))


def test_a_shard_that_is_tried_again_counts_once() -> None:
    tally = Tally()
    for step in (progress(0, 5, 2), progress(1, 3), progress(0, 1), progress(0, 8, 3, True)):
        tally.add(step)
    assert (tally.runs, tally.published) == (11, 1)
    assert tally.failed() == {"unconverged": 0, "diverged": 3}


def test_the_live_line_tells_shards_runs_and_failures() -> None:
    console = Console(file=io.StringIO(), width=120)
    with Live(console, 10, 2) as live:
        live(progress(0, 5, 2, True))
    assert isinstance(console.file, io.StringIO)
    said = console.file.getvalue()
    assert "1/2 shards" in said and "5/10" in said and "0 unconverged, 2 diverged" in said


def test_counts_are_words() -> None:
    assert counts({"ok": 12345, "diverged": 0}) == "12,345 ok, 0 diverged"


def test_a_forecast_comes_from_a_sample_of_the_plan() -> None:
    predicted = forecast(plan_of(TOY_SWEEP))
    assert predicted.measured and predicted.core_s > 0
    assert predicted.dataset_bytes == 96 * ROW_BYTES
    assert predicted.memory_bytes == 16


def test_runs_too_dear_for_a_sample_are_forecast_from_the_nominal_rate() -> None:
    predicted = forecast(plan_of(TOY_SWEEP.replace("1.0e+6", "1.5e+10")))
    assert not predicted.measured
    assert predicted.core_s == pytest.approx(96.0)


def test_nothing_is_forecast_where_nothing_is_to_do(out: Path) -> None:
    train(TOY_SWEEP, out)
    predicted = forecast(planned(TOY_SWEEP, out, Toy(fail=0))[0])
    assert (predicted.core_s, predicted.dataset_bytes) == (0.0, 0.0)


def test_a_run_that_does_not_fit_is_refused() -> None:
    with pytest.raises(SweepError, match=r"the largest run needs .* take smaller n"):
        check_memory(plan_of(TOY_SWEEP), 10.0)
