"""The share of orchestration: what sessions had in slots, and what shards trained."""

from pathlib import Path

import pytest

from sweeps.driver import datasets
from sweeps.plan.cut import ShardSize
from sweeps.provenance.sessions import share
from sweeps.store.dataset import DatasetFolder
from tests.sweeps.small import TOY_SWEEP, train
from tests.toy import TOY, Toy


def note(session: str, wall_s: float, session_s: float, slots: int = 1) -> dict[str, str]:
    return {
        "session": session,
        "wall_s": str(wall_s),
        "session_s": str(session_s),
        "slots": str(slots),
    }


def test_a_sessions_time_is_to_its_last_publication_times_its_slots() -> None:
    found = share([note("a", 3, 4, 2), note("a", 4, 10, 2), note("b", 2, 5)])
    assert found is not None
    assert (found.sessions, found.compute_s, found.available_s) == (2, 9.0, 25.0)
    assert found.orchestration == pytest.approx(1 - 9 / 25)
    assert str(found) == "64.0% (trained 9.0 s of 25.0 s that the slots of 2 sessions had)"


@pytest.mark.parametrize("key", ["wall_s", "session_s", "slots"])
@pytest.mark.parametrize("text", ["abc", "", "nan", "inf", "1e999", "9" * 400, "1" * 5000])
def test_what_is_no_number_is_left_out(key: str, text: str) -> None:
    notes = [note("a", 3, 4, 2), note("a", 1, 1) | {key: text}]
    assert share(notes) == share(notes[:1])


@pytest.mark.parametrize("notes", [[], [{"wall_s": "3"}], [note("a", 3, -100)]])
def test_where_no_file_says_it_there_is_no_share(notes: list[dict[str, str]]) -> None:
    assert share(notes) is None


def test_status_tells_the_share_from_the_dataset_alone(out: Path) -> None:
    train(TOY_SWEEP, out, Toy(pause_s=0.01), ShardSize(runs=24))
    found = datasets.read_status(DatasetFolder(str(out)), lambda name: TOY).share
    assert found is not None
    assert found.compute_s >= 0.96
    assert 0 < found.orchestration < 0.9
