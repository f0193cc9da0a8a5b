"""One published run, trained again."""

import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from bocnn.models.cnn.model import Bocnn
from sweeps.driver.rerun import rerun
from sweeps.errors import SweepError
from sweeps.store.dataset import DatasetFolder
from sweeps.store.shard_file import id_array
from tests.sweeps.small import BOCNN_SWEEP, bocnn_sweep


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> DatasetFolder:
    folder = tmp_path_factory.mktemp("rerun")
    (folder / "sweep.yaml").write_text(BOCNN_SWEEP, encoding="utf-8")
    options = ("--executor", "local", "--shard-runs", 20)
    assert (
        bocnn_sweep("run", folder / "sweep.yaml", "--out", folder / "d", *options).returncode == 0
    )
    return DatasetFolder(str(folder / "d"))


def a_row(dataset: DatasetFolder) -> tuple[str, pa.Table]:
    """The last run of the last file."""
    table = dataset.read(dataset.shards()[-1])
    return id_array(table)[-1].hex(), table.slice(table.num_rows - 1)


def test_the_same_code_gives_the_same_row(dataset: DatasetFolder) -> None:
    run_id, row = a_row(dataset)
    found = rerun(dataset, run_id[:10].upper())
    assert found.run_id == run_id and found.same and not found.other_code
    assert found.parameters["mu_norm"] == row["mu_norm"][0].as_py()
    stated = {measure.name: measure.published for measure in found.measures}
    assert stated["train_loss"] == row["train_loss"][0].as_py()


def test_the_training_is_recorded_to_its_last_step(dataset: DatasetFolder) -> None:
    found = rerun(dataset, a_row(dataset)[0])
    assert found.records["step"][0] == 0 and found.records["step"][-1] == 30
    loss = next(measure for measure in found.measures if measure.name == "train_loss")
    assert found.records["train_loss"][-1] == pytest.approx(loss.published, rel=1e-6)


def test_another_number_is_seen(dataset: DatasetFolder, tmp_path: Path) -> None:
    """A file whose writer computed another loss, and states the digest of that."""
    altered = DatasetFolder(str(tmp_path / "d"))
    run_id, _ = a_row(dataset)
    for name in dataset.store.names():
        altered.store.put(name, dataset.store.get(name))
    name = dataset.shards()[-1]
    table = altered.read(name)
    values = [2.0] * table.num_rows
    at = table.schema.get_field_index("train_loss")
    table = table.set_column(at, table.schema.field(at), pa.array(values))
    notes = {k: v for k, v in dataset.metadata(name).items() if k != "content_digest"}
    sink = pa.BufferOutputStream()
    pa.parquet.write_table(table.replace_schema_metadata(notes), sink)
    altered.store.put(name, sink.getvalue().to_pybytes())
    found = rerun(altered, run_id)
    assert [measure.name for measure in found.measures if not measure.same] == ["train_loss"]


@pytest.mark.parametrize(
    ("run_id", "error"),
    [("ab", "at least 4 hexadecimal"), ("xyzxyz", "hexadecimal"), ("0" * 32, "no such run")],
)
def test_what_names_no_run_is_an_error(run_id: str, error: str, dataset: DatasetFolder) -> None:
    with pytest.raises(SweepError, match=error):
        rerun(dataset, run_id)


def test_the_command_says_that_they_are_the_same(dataset: DatasetFolder) -> None:
    run_id, _ = a_row(dataset)
    done = bocnn_sweep("rerun", dataset.location, run_id[:12])
    assert done.returncode == 0, done.stderr
    assert run_id in done.stdout and "differs" not in done.stdout and "train_loss" in done.stdout


def test_the_dense_network_gives_the_same_run_to_rounding(dataset: DatasetFolder) -> None:
    """All that is no test error; those are of drawn patches there, and agree to standard errors."""
    beside = rerun(dataset, a_row(dataset)[0], oracle=True).oracle
    assert beside is not None
    values = {one.name: (one.again, one.oracle) for one in beside.measures}
    assert len(set(values["status"])) == 1 and len(values) > 10
    errors = ("test_error", "test_error_clean", "test_error_se")
    for name in values.keys() - {"status", *errors}:
        assert values[name][1] == pytest.approx(values[name][0], rel=2e-4, abs=1e-6), name
    spread = math.hypot(*values["test_error_se"])
    assert abs(values["test_error"][0] - values["test_error"][1]) < 5 * spread
    trained = {one.name: one for one in beside.records if one.name not in errors}
    assert {"w_norm", "v_norm", "gamma_max", "rho_max", "slope_min", "slope_max"} <= set(trained)
    assert all(0 <= one.difference <= 2e-4 * one.size + 1e-6 for one in trained.values())
    assert any(one.difference > 0 for one in trained.values())


def test_the_command_prints_both(dataset: DatasetFolder) -> None:
    done = bocnn_sweep("rerun", dataset.location, a_row(dataset)[0], "--oracle")
    assert done.returncode == 0, done.stderr
    assert "oracle" in done.stdout and "largest difference" in done.stdout


def test_without_an_oracle_that_is_an_error(dataset: DatasetFolder) -> None:
    class Alone(Bocnn):
        oracle = property()  # type: ignore[assignment]

    class Refusing(Bocnn):
        def oracle(self, columns: Any, steps: Any) -> Any:
            raise ValueError("it needs 7 GB")

    run_id = a_row(dataset)[0]
    with pytest.raises(SweepError, match="received --oracle; the model bocnn has no oracle"):
        rerun(dataset, run_id, lambda name: Alone(), oracle=True)
    with pytest.raises(SweepError, match="received --oracle; it needs 7 GB"):
        rerun(dataset, run_id, lambda name: Refusing(), oracle=True)
