"""One published run, trained again."""

from pathlib import Path

import pyarrow as pa
import pytest

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
