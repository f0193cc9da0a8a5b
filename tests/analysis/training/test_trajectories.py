"""Trajectories: medians and bands of planted records, and which runs they are of."""

import json
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.dataset.files import open_dataset
from analysis.dataset.trajectories import files as recorded
from analysis.errors import AnalysisError
from analysis.training.trajectories import Trajectories, open_trajectories
from sweeps.declare.document.document import read_document
from tests.analysis.recording import STEPS, growth, record
from tests.analysis.synthetic import Planted

PLANTED = Planted(factors=(1.0, 1.3), replicates=11)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return PLANTED.write(tmp_path / "data")


def found_in(folder: Path, **options: object) -> Trajectories:
    found = open_trajectories(str(folder), open_dataset(str(folder)).sweep, **options)  # type: ignore[arg-type]
    assert found is not None
    return found


def test_medians_and_bands_over_replicates(data: Path) -> None:
    found = found_in(record(data))
    np.testing.assert_array_equal(found.steps, STEPS)
    assert found.panels == ("d = 100", "d = 373", "d = 2683", "d = 10000")
    assert found.settings == ("p_flip = 0", "p_flip = 0.1")
    assert found.fixed == "mu_norm = 2.19365"
    assert found.labels == ("max_w_xi", "max_v2", "noise_ratio")
    assert np.all(found.runs == 11)
    scales = np.array([growth(np.array(100.0), np.arange(11.0), step) for step in STEPS])
    for part, share in ((found.low, 0.1), (found.median, 0.5), (found.high, 0.9)):
        np.testing.assert_allclose(part[0, 1, 0], np.quantile(scales, share, axis=1))
        np.testing.assert_allclose(part[1], part[0] / 10)


def test_rows_hold_what_the_figure_shows(data: Path) -> None:
    found = found_in(record(data, lost=tuple(range(11))))
    rows = found.rows
    assert len(rows) == found.median.size
    assert rows[0]["measure"] == "max_w_xi"
    assert rows[0]["median"] == found.median[0, 0, 0, 0]
    assert rows[len(STEPS) - 1] == {
        "measure": "max_w_xi", "setting": "p_flip = 0", "panel": "d = 100",
        "fixed": "mu_norm = 2.19365", "step": 8, "low": None, "median": None, "high": None,
        "runs": 11, "diverged": 0,
    }  # fmt: skip


def test_runs_of_an_earlier_fixed_value_are_left_out(data: Path) -> None:
    document = json.loads((data / "_sweep.json").read_text())
    document["fixed"]["n"] = 21
    (data / "_sweep.json").write_text(json.dumps(document))
    assert open_trajectories(str(record(data)), read_document(document, where="test")) is None


def test_a_folder_may_be_named_by_its_uri(data: Path) -> None:
    sweep = open_dataset(str(record(data))).sweep
    found = open_trajectories(data.as_uri(), sweep)
    assert found is not None
    np.testing.assert_array_equal(found.median, found_in(data).median)


def test_a_run_that_stopped_keeps_its_last_record(data: Path) -> None:
    found = found_in(record(data, stop={k: 2 for k in range(11)}))
    assert found.steps[-1] == 2
    slow = found_in(record(data, stop={k: 2 for k in range(6)}))
    ends = [10 * (1 + k) * (3 if k < 6 else 9) for k in range(11)]
    assert slow.median[0, 0, 0, -1] == pytest.approx(np.median(ends))


def test_a_run_that_diverged_counts_until_it_did(data: Path) -> None:
    found = found_in(record(data, lost=(10,)))
    assert found.median[0, 0, 0, 1] == pytest.approx(20 * 6)
    assert found.median[0, 0, 0, 2] == pytest.approx(30 * 5.5)
    everything = found_in(record(data, lost=tuple(range(11))))
    assert np.isnan(everything.median[0, :, :, 2:]).all()
    assert np.isfinite(everything.median[0, :, :, :2]).all()


def test_a_record_without_its_shard_is_of_a_training_cut_short(data: Path) -> None:
    record(data)
    next(data.glob("shard-*.parquet")).unlink()
    assert found_in(data).runs.sum() < 2 * 4 * 11
    for shard in data.glob("shard-*.parquet"):
        shard.rename(shard.with_name(f"elsewhere-{shard.name}"))
    assert open_trajectories(str(data), open_dataset(str(data)).sweep) is None


def test_panels_and_fixed_values_can_be_chosen(data: Path) -> None:
    found = found_in(record(data), over="mu_norm", at={"d": 100})
    assert found.panels[0] == "mu_norm = 0.5"
    assert len(found.panels) == 4
    assert found.fixed == "d = 100"
    assert found_in(data, at={"mu_norm": 2.19365}).fixed == "mu_norm = 2.19365"


def test_replicates_that_the_sweep_no_longer_plans_are_left_out(data: Path) -> None:
    PLANTED.but(replicates=5).write(data / "smaller")
    (data / "smaller" / "_sweep.json").rename(data / "_sweep.json")
    assert np.all(found_in(record(data)).runs == 5)


def test_nothing_recorded_is_no_trajectory(data: Path) -> None:
    sweep = open_dataset(str(data)).sweep
    assert open_trajectories(str(data), sweep) is None
    assert open_trajectories(str(record(data)), sweep, measures=["loss"]) is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"over": "mu_nrm"}, "Received the axis 'mu_nrm'.*Did you mean 'mu_norm'"),
        (
            {"at": {"v0": 1}},
            "Received the axis 'v0' for trajectories; expected an axis of the sweep",
        ),
        (
            {"at": {"mu_norm": 3}},
            "Received mu_norm = 3 .*expected one of the recorded values 0.5, ",
        ),
    ],
)
def test_wrong_choices(data: Path, options: dict[str, object], message: str) -> None:
    record(data)
    with pytest.raises(AnalysisError, match=message):
        found_in(data, **options)


def test_records_that_cannot_be_read_are_an_error_that_says_so(data: Path) -> None:
    for damage, message in (
        (
            lambda table: table.drop_columns(["max_v2"]),
            "column max_v2 is missing, and that of the first file double",
        ),
        (
            lambda table: table.set_column(1, "step", table["step"].cast(pa.string())),
            "column step is string, and that of the first file int64",
        ),
    ):
        path = sorted(record(data).glob("trajectory-*"))[1]
        pq.write_table(damage(pq.read_table(path)), path)
        with pytest.raises(AnalysisError, match=message):
            found_in(data)
    path = sorted(record(data).glob("trajectory-*"))[0]
    pq.write_table(pq.read_table(path).drop_columns(["step"]), path)
    with pytest.raises(
        AnalysisError, match="column step is missing, and that of the first file too"
    ):
        found_in(data)
    for change in ("gone", "text"):
        path = sorted(record(data).glob("trajectory-*"))[0]
        table = pq.read_table(path)
        at = table.column_names.index("run_id")
        names = [str(number) for number in range(table.num_rows)]
        table = (
            table.remove_column(at) if change == "gone" else table.set_column(at, "run_id", [names])
        )
        pq.write_table(table, path)
        with pytest.raises(AnalysisError, match=r"its column run_id is (missing|string)"):
            found_in(data)
    for size in (0, 4, 1000):
        for path in sorted(record(data).glob("trajectory-*"))[:2]:
            os.truncate(path, size)
            with pytest.raises(AnalysisError, match=r"Cannot read .*[Rr]un the sweep again"):
                found_in(data)
            record(data)


def test_files_are_read_in_batches_and_a_bounded_number_of_replicates_is_shown(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = found_in(record(data))
    monkeypatch.setattr(recorded, "ROWS_PER_BATCH", 7)
    batched = found_in(data)
    np.testing.assert_array_equal(batched.median, whole.median)
    monkeypatch.setattr(recorded, "MAX_SHOWN_REPLICATES", 4)
    few = found_in(data)
    assert np.all(few.runs == 4)
    # Replicate k has scale 1 + k.
    assert few.median[0, 0, 0, -1] / whole.median[0, 0, 0, -1] == pytest.approx(2.5 / 6)
