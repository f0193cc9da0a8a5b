"""Aggregation: cells equal a slow loop over rows, and failures never become numbers."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from analysis.boundary.mean_crossing import find_boundary
from analysis.cells.aggregate import aggregate
from analysis.cells.cells import Cells
from analysis.cells.columns import on_plane
from analysis.cells.groups import index_among
from analysis.dataset.files import Dataset, open_dataset
from analysis.dataset.trajectories.files import find_records
from analysis.errors import AnalysisError
from analysis.training.trajectories import open_trajectories
from sweeps.declare.analysis_spec import AnalysisSpec
from sweeps.declare.axis import is_log
from tests.analysis.recording import record
from tests.analysis.synthetic import Planted, write_shard, write_table

VIEW = AnalysisSpec("d", "mu_norm", "test_error_clean", (0.25,))


def with_column(table: pa.Table, name: str, values: Any) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, pa.array(values))


def failing(tmp_path: Path) -> Dataset:
    """A dataset with every status, nulls where diverged, and one run missing."""
    planted = Planted(factors=(1.0, 1.3), replicates=5)
    table = planted.table()
    rng = np.random.default_rng(3)
    status = rng.choice(["ok", "unconverged", "diverged"], table.num_rows, p=[0.6, 0.2, 0.2])
    values = np.where(status == "diverged", np.nan, table["test_error_clean"].to_numpy())
    table = with_column(table, "status", status)
    table = with_column(table, "test_error_clean", pa.array(values, from_pandas=True))
    return open_dataset(str(write_table(tmp_path / "data", table.slice(1), planted.sweep())))


def slow_cells(dataset: Dataset, statuses: set[str]) -> dict[tuple[Any, ...], list[float]]:
    """The oracle: values by (p_flip, d, mu_norm), one row at a time."""
    found: dict[tuple[Any, ...], list[float]] = {}
    for row in dataset.table.to_pylist():
        key = (row["p_flip"], row["d"], row["mu_norm"])
        if row["status"] in statuses:
            found.setdefault(key, []).append(row["test_error_clean"])
    return found


@pytest.mark.parametrize("include", [False, True])
def test_cells_equal_the_slow_loop(tmp_path: Path, include: bool) -> None:
    dataset = failing(tmp_path)
    cells = aggregate(dataset, VIEW, include_unconverged=include)
    oracle = slow_cells(dataset, {"ok", "unconverged"} if include else {"ok"})
    mean, error, used = cells.mean, cells.standard_error, cells.used
    for s, i, j in np.ndindex(*mean.shape):
        key = ((0.0, 0.1)[s], cells.plane.x.values[i], cells.plane.y.values[j])
        values = oracle.get(key, [])
        assert used[s, i, j] == len(values)
        if values:
            assert mean[s, i, j] == pytest.approx(np.mean(values), rel=1e-12)
        else:
            assert np.isnan(mean[s, i, j])
        if len(values) > 1:
            expected = np.std(values, ddof=1) / np.sqrt(len(values))
            assert error[s, i, j] == pytest.approx(expected, rel=1e-9, abs=1e-15)
        else:
            assert np.isnan(error[s, i, j])


def test_every_run_is_counted_once(tmp_path: Path) -> None:
    dataset = failing(tmp_path)
    cells = aggregate(dataset, VIEW)
    assert sum(part.sum() for part in cells.status.values()) == dataset.table.num_rows
    assert cells.missing.sum() == 1
    assert cells.used.sum() == cells.status["ok"].sum()


def test_settings_keep_their_order_and_pairing(dataset: Dataset, two_settings: Planted) -> None:
    cells = aggregate(dataset, VIEW)
    assert cells.plane.settings == ("p_flip = 0", "p_flip = 0.1")
    np.testing.assert_array_equal(cells.values, two_settings.measure())


@pytest.mark.parametrize(
    "name", ["batch", "mean", "runs", "used", "different", "v", "status_0", "min_0", "max_0"]
)
def test_an_axis_may_be_named_as_what_is_counted(tmp_path: Path, name: str) -> None:
    planted = Planted(x_name=name, replicates=4)
    dataset = open_dataset(str(planted.write(tmp_path / "data")))
    cells = aggregate(dataset, replace(VIEW, x=name))
    np.testing.assert_array_equal(cells.values, planted.measure())
    x = np.broadcast_to(np.array(planted.x)[:, None], cells.mean.shape[1:])
    np.testing.assert_array_equal(on_plane(dataset, cells, f"2 * {name}"), 2 * x)


def test_a_third_axis_becomes_a_setting(tmp_path: Path) -> None:
    planted = Planted(replicates=4)
    table = with_column(planted.table(), "n", planted.table()["replicate"].to_numpy() % 2 * 20 + 20)
    axes = planted.sweep()["axes"] | {"n": {"values": [20, 40], "scale": "list"}}
    sweep = planted.but(sweep_extra={"axes": axes, "fixed": {}}).sweep()
    cells = aggregate(open_dataset(str(write_table(tmp_path / "data", table, sweep))), VIEW)
    assert cells.plane.settings == ("n = 20", "n = 40")
    np.testing.assert_array_equal(cells.mean[0], planted.measure()[0, ..., ::2].mean(-1))


def test_an_axis_of_words_becomes_a_setting(tmp_path: Path) -> None:
    planted = Planted(replicates=4)
    words = np.array(["hidden", "both"])[planted.table()["replicate"].to_numpy() % 2]
    axes = planted.sweep()["axes"] | {"train": {"values": ["both", "hidden"], "scale": "list"}}
    sweep = planted.but(sweep_extra={"axes": axes, "fixed": {}}).sweep()
    table = with_column(planted.table(), "train", words)
    cells = aggregate(open_dataset(str(write_table(tmp_path / "data", table, sweep))), VIEW)
    assert cells.plane.settings == ("train = both", "train = hidden")
    np.testing.assert_array_equal(cells.mean[1], planted.measure()[0, ..., ::2].mean(-1))


def test_a_zipped_axis_is_no_setting_and_can_span_the_plane(tmp_path: Path) -> None:
    planted = Planted(replicates=2)
    table = planted.table().append_column(
        "inv_mu", pa.array(1 / planted.table()["mu_norm"].to_numpy())
    )
    axes = planted.sweep()["axes"] | {
        "inv_mu": {"values": [1 / v for v in planted.y], "scale": "list"}
    }
    sweep = planted.but(sweep_extra={"axes": axes}).sweep()
    dataset = open_dataset(str(write_table(tmp_path / "data", table, sweep)))
    assert aggregate(dataset, VIEW).plane.settings == ("",)
    flipped = aggregate(dataset, replace(VIEW, y="inv_mu"))
    np.testing.assert_array_equal(flipped.mean[..., ::-1], aggregate(dataset, VIEW).mean)
    assert flipped.plane.y.log


def test_a_setting_that_is_not_there_yet_has_cells_without_runs(
    two_settings: Planted, tmp_path: Path
) -> None:
    """One setting is trained before the other, so that all files have one value of its column."""
    table = two_settings.table()
    begun = table.filter(pc.equal(table["p_flip"], 0.1))
    dataset = open_dataset(str(write_table(tmp_path / "data", begun, two_settings.sweep())))
    cells = aggregate(dataset, VIEW)
    assert cells.plane.settings == ("p_flip = 0", "p_flip = 0.1")
    np.testing.assert_array_equal(cells.values[1], two_settings.measure()[1])
    assert (cells.missing[0] == two_settings.replicates).all() and not cells.missing[1].any()


def test_rows_of_an_earlier_sweep_are_ignored(two_settings: Planted, tmp_path: Path) -> None:
    smaller = two_settings.but(y=two_settings.y[::2], replicates=6)
    folder = write_table(tmp_path / "data", two_settings.table(), smaller.sweep())
    cells = aggregate(open_dataset(str(folder)), VIEW)
    np.testing.assert_array_equal(cells.values, two_settings.measure()[:, :, ::2, :6])
    assert cells.ignored == two_settings.table().num_rows - cells.values.size
    assert cells.missing.sum() == 0


def test_no_row_of_the_present_sweep(two_settings: Planted, tmp_path: Path) -> None:
    other = two_settings.but(sweep_extra={"fixed": {"n": 21}})
    folder = write_table(tmp_path / "data", two_settings.table(), other.sweep())
    with pytest.raises(
        AnalysisError, match=r"None of the .* rows belongs to the present sweep 'planted'"
    ):
        aggregate(open_dataset(str(folder)), VIEW)


def test_two_runs_in_one_cell(two_settings: Planted, tmp_path: Path) -> None:
    table = two_settings.table()
    other = two_settings.but(name="with another key").table()
    mixed = pa.concat_tables([table, with_column(other, "seed", [2] * other.num_rows)])
    folder = write_table(tmp_path / "data", mixed, two_settings.sweep())
    with pytest.raises(AnalysisError, match=r"share their cell.* differs in: seed"):
        aggregate(open_dataset(str(folder)), VIEW)


def test_a_null_axis(tmp_path: Path) -> None:
    planted = Planted(replicates=1)
    table = planted.table().append_column(
        "loss_tol", pa.nulls(planted.table().num_rows, pa.float64())
    )
    folder = write_table(tmp_path / "data", table, planted.sweep())
    with pytest.raises(AnalysisError, match=r"'loss_tol' holds nulls"):
        aggregate(open_dataset(str(folder)), replace(VIEW, x="loss_tol"))


@pytest.mark.parametrize(
    ("values", "scale", "expected"),
    [
        ([1, 2, 4, 8], "list", True),
        ([1, 2, 3, 4], "list", False),
        ([1, 2, 3, 4], "log", True),
        ([1, 2, 4, 8], "lin", False),
        ([0, 1, 10, 100], "log", False),
        ([1, 10], "list", False),
    ],
)
def test_which_axes_are_logarithmic(values: list[float], scale: str, expected: bool) -> None:
    assert is_log(np.array(values, dtype=float), scale) is expected


def test_edges_lie_between_centres(dataset: Dataset) -> None:
    cells: Cells = aggregate(dataset, VIEW)
    for axis in (cells.plane.x, cells.plane.y):
        assert np.all(axis.edges[:-1] < axis.values)
        assert np.all(axis.values < axis.edges[1:])
        np.testing.assert_allclose(axis.edges[1:-1] ** 2, axis.values[1:] * axis.values[:-1])


@pytest.mark.parametrize("change", [{"fixed": {"n": 20, "train": 3}}, {"fixed": {"n": "many"}}])
def test_rows_are_of_no_sweep_whose_values_are_of_another_type(
    folder: Path, change: dict[str, object]
) -> None:
    path = folder / "_sweep.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    dataset = open_dataset(str(folder))
    with pytest.raises(AnalysisError, match=r"None of the .* rows belongs to the present sweep"):
        aggregate(dataset, AnalysisSpec("d", "mu_norm", "test_error_clean", (0.25,)))
    assert find_records(str(record(folder))).pairs
    assert open_trajectories(str(folder), dataset.sweep) is None


def test_copies_are_counted_once_and_other_runs_are_refused(
    folder: Path, two_settings: Planted, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = aggregate(open_dataset(str(folder)), VIEW)
    table = two_settings.table().slice(0, 50)
    write_shard(folder / "shard-again.parquet", table, two_settings.sweep())
    after = aggregate(open_dataset(str(folder)), VIEW)
    np.testing.assert_array_equal(after.values, before.values)
    assert (before.duplicates, after.duplicates, after.ignored) == (0, 50, 0)
    other = with_column(table, "test_error_clean", np.full(50, 0.123))
    write_shard(folder / "shard-again.parquet", other, two_settings.sweep())
    monkeypatch.setattr("analysis.dataset.files.MAX_VERIFIED_ROWS", 0)
    with pytest.raises(AnalysisError, match=r"50 runs share their cell.*: test_error_clean"):
        aggregate(open_dataset(str(folder)), VIEW)


def test_rows_of_a_fixed_value_that_changed_are_ignored(
    two_settings: Planted, tmp_path: Path
) -> None:
    smaller = two_settings.but(factors=(1.0,), replicates=6)
    folder = write_table(tmp_path / "data", two_settings.table(), smaller.sweep())
    with pytest.raises(AnalysisError, match="runs share their cell"):
        aggregate(open_dataset(str(folder)), VIEW)
    fixed = smaller.but(sweep_extra={"fixed": {"n": 20, "p_flip": 0.0}})
    write_table(tmp_path / "other", two_settings.table(), fixed.sweep())
    found = aggregate(open_dataset(str(tmp_path / "other")), VIEW)
    np.testing.assert_array_equal(found.values, two_settings.measure()[:1, ..., :6])
    assert found.ignored == two_settings.table().num_rows - found.used.sum()


def test_a_uri_gives_the_same(folder: Path) -> None:
    one, other = (
        aggregate(open_dataset(name), VIEW).values for name in (str(folder), folder.as_uri())
    )
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", ["a[1]*?", "d=5", "~", 'it\'s "x"; --'])
def test_a_folder_of_any_name_is_read(two_settings: Planted, tmp_path: Path, name: str) -> None:
    folder = two_settings.write(tmp_path / name / "data")
    values = aggregate(open_dataset(str(folder)), VIEW).values
    np.testing.assert_array_equal(values, two_settings.measure())


def test_batches_have_the_mean_and_a_boundary(folder: Path, two_settings: Planted) -> None:
    dataset = open_dataset(str(folder))
    cells = aggregate(dataset, VIEW, batches=6)
    assert cells.values.shape == (2, 8, 16, 6)
    np.testing.assert_allclose(cells.mean, two_settings.measure().mean(-1), rtol=1e-12)
    boundary = find_boundary(cells, 0.25)
    whole = find_boundary(aggregate(dataset, VIEW), 0.25)
    np.testing.assert_allclose(boundary.estimate, whole.estimate, atol=0.1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": "dd"}, r"no column 'dd'. Did you mean 'd'"),
        ({"measure": "train"}, r"Column 'train' holds string, expected numbers"),
    ],
)
def test_a_column_that_cannot_be_used(
    dataset: Dataset, change: dict[str, str], message: str
) -> None:
    with pytest.raises(AnalysisError, match=message):
        aggregate(dataset, replace(VIEW, **change))  # type: ignore[arg-type]


@pytest.mark.parametrize("words", [True, False])
def test_the_index_among_values_is_that_of_a_loop(words: bool) -> None:
    values = ("b", None, "a", "b", 1.5) if words else (3.0, None, 1, "a", 0.5, 3.0)
    entries = ["a", "b", "c", "a"] if words else [0.5, 3.0, 2.0, 1.0]
    column = np.ma.array(entries, mask=[0, 0, 0, 1])
    expected = [values.index(v) if v in values else -1 for v in [*entries[:3], None]]
    np.testing.assert_array_equal(index_among(column, values), expected)
