"""Extensions: a sweep that gains cells, replicates or settings trains only what is new."""

import json
from pathlib import Path

import pytest

from analysis.dataset.files import open_dataset
from sweeps.errors import SweepError
from tests.sweeps.small import TOY_SWEEP, contents, planned, rows, train

BARE = TOY_SWEEP.replace("settings: {p_flip: [0, 0.1]}\n", "")
FLIPPED = BARE.replace("cost: 1.0e+6", "cost: 1.0e+6, p_flip: 0.1")
FORMULA = TOY_SWEEP.replace("fixed: {cost: 1.0e+6}", "fixed: {c: 2}\nderived: {cost: 1.0e+6 * c}")
VARIED = FORMULA.replace("fixed: {c: 2}\n", "").replace("axes:", "axes:\n  c: [2, 3]")
AXIS = BARE.replace("n: [1, 2]", "n: [1, 2]\n  p_flip: [0, 0.1]")


def shard_files(folder: Path) -> dict[str, bytes]:
    """The published files but the manifest."""
    return {name: data for name, data in contents(folder).items() if name.startswith("shard-")}


@pytest.mark.parametrize(
    ("first", "second", "more"),
    [
        (TOY_SWEEP, TOY_SWEEP.replace("replicates: 3", "replicates: 5"), 64),
        (TOY_SWEEP, TOY_SWEEP.replace("[1.0, 2.0]", "[1.0, 1.5, 2.0]"), 48),
        (TOY_SWEEP, TOY_SWEEP.replace("[0, 0.1]", "[0, 0.1, 0.2]"), 48),
        (FLIPPED, TOY_SWEEP, 48),
        (BARE, TOY_SWEEP, 48),
        (BARE, BARE.replace("n: [1, 2]", "n: [1, 2]\n  width: [0.3, 0.5]"), 48),
        (BARE, BARE.replace("cost: 1.0e+6", "cost: 1.0e+6, width: 0.3"), 0),
        (TOY_SWEEP, TOY_SWEEP.replace("cost: 1.0e+6", ""), 0),
        (TOY_SWEEP, AXIS, 0),
        (FORMULA, VARIED, 96),
    ],
    ids=[
        "replicates",
        "cells",
        "setting",
        "fixed to setting",
        "default to setting",
        "default to axis",
        "default stated",
        "default left out",
        "setting to axis",
        "formula's constant to axis",
    ],
)
def test_only_new_runs_are_trained(first: str, second: str, more: int, out: Path) -> None:
    train(first, out)
    before, files = rows(out), shard_files(out)
    plan, _ = planned(second, out)
    assert (plan.todo, plan.done) == (more, before.num_rows)
    train(second, out)
    after = rows(out)
    assert after.num_rows == before.num_rows + more
    assert set(before["run_id"].to_pylist()) <= set(after["run_id"].to_pylist())
    assert files.items() <= shard_files(out).items()
    assert open_dataset(str(out)).table.num_rows == after.num_rows


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seed: 7", "seed: 8", "seed was 7 and is 8"),
        ("name: toy-plane", "name: toy-line", "name was 'toy-plane' and is 'toy-line'"),
        ("cost: 1.0e+6", "cost: 2.0e+6", "cost was 1000000.0 and is 2000000.0"),
        ("cost: 1.0e+6", "cost: 1.0e+6, width: 0.4", "width was 0.3 and is 0.4"),
        ("fixed: {cost: 1.0e+6}", "fixed: {}\nderived: {cost: 1.0e+6}", "derived was {} and is"),
        ("n: [1, 2]", "n: [1, 2]\n  width: [0.4, 0.5]", "width was 0.3 and is 0.4, 0.5"),
        ("settings: {p_flip: [0, 0.1]}", "", "p_flip was varied and is not any more"),
        ("[1.0, 2.0]", "[1.0, 3.0]", "x has lost 2.0"),
        ("p_flip: [0, 0.1]", "p_flip: [0.1, 0.2]", "p_flip has lost 0.0"),
        ("replicates: 3", "replicates: 2", "there were 3 replicates, now 2"),
        ("fixed:", "zip: [[x, n]]\nfixed:", "zip was .* and is"),
    ],
)
def test_another_sweep_is_refused_and_nothing_changed(
    old: str, new: str, message: str, out: Path
) -> None:
    train(TOY_SWEEP, out)
    files = contents(out)
    with pytest.raises(SweepError, match=message) as caught:
        train(TOY_SWEEP.replace(old, new), out)
    assert "the output folder holds another sweep" in str(caught.value)
    assert "Choose another folder (--out" in str(caught.value)
    assert contents(out) == files


def test_the_manifest_is_the_latest_form(out: Path) -> None:
    train(TOY_SWEEP, out)
    train(TOY_SWEEP.replace("replicates: 3", "replicates: 4"), out)
    manifest = json.loads((out / "_sweep.json").read_text())
    assert (manifest["replicates"], manifest["planned_runs"]) == (4, 128)
