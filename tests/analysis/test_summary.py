"""The engine's cells equal the cube's, whatever the order, failures, copies or batches."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.boundary.mean_crossing import find_boundary
from analysis.cells.aggregate import aggregate
from analysis.cells.summary import QUANTILES, batch_cells, summarise
from analysis.dataset.files import open_dataset
from analysis.dataset.query import open_source
from analysis.errors import AnalysisError
from tests.analysis.synthetic import Planted, write_shard, write_table
from tests.analysis.test_aggregate import VIEW, failing, with_column


@pytest.mark.parametrize("include", [False, True])
def test_it_equals_the_cube(tmp_path: Path, include: bool) -> None:
    cells = aggregate(failing(tmp_path), VIEW, include_unconverged=include)
    found = summarise(open_source(str(tmp_path / "data")), VIEW, include_unconverged=include)
    assert found.plane.settings == cells.plane.settings
    np.testing.assert_array_equal(found.plane.x.values, cells.plane.x.values)
    np.testing.assert_array_equal(found.used, cells.used)
    np.testing.assert_array_equal(found.missing, cells.missing)
    np.testing.assert_allclose(found.mean, cells.mean, rtol=1e-12)
    np.testing.assert_allclose(found.standard_error, cells.standard_error, rtol=1e-9, atol=1e-15)
    for name, count in cells.status.items():
        np.testing.assert_array_equal(found.status[name], count)
    benign = np.where(np.isfinite(cells.values), cells.values < 0.25, np.nan)
    held = cells.used > 0
    assert found.benign is not None
    np.testing.assert_allclose(found.benign[held], np.nanmean(benign[held], axis=-1))
    expected = np.nanquantile(cells.values[held], QUANTILES, axis=-1)
    np.testing.assert_allclose(found.quantiles[:, held], expected, rtol=1e-12)
    assert np.isnan(found.quantiles[:, ~held]).all()
    assert found.resolution == 0


def test_large_datasets_have_quantiles_to_their_resolution(
    folder: Path, two_settings: Planted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analysis.cells.summary.EXACT_ROWS", 0)
    found = summarise(open_source(str(folder)), VIEW)
    values = two_settings.measure()
    assert found.resolution == pytest.approx(np.ptp(values) / 100)
    # An empirical quantile of twelve runs lies anywhere between two of them.
    below = np.sum(values <= found.quantiles[2][..., None] + found.resolution, axis=-1)
    above = np.sum(values >= found.quantiles[2][..., None] - found.resolution, axis=-1)
    assert np.all(below >= 6)
    assert np.all(above >= 6)


def test_copies_are_counted_once_and_other_runs_are_refused(
    folder: Path, two_settings: Planted
) -> None:
    before = summarise(open_source(str(folder)), VIEW)
    table = two_settings.table().slice(0, 50)
    write_shard(folder / "shard-again.parquet", table, two_settings.sweep())
    after = summarise(open_source(str(folder)), VIEW)
    np.testing.assert_array_equal(after.used, before.used)
    np.testing.assert_allclose(after.mean, before.mean, rtol=1e-12)
    other = with_column(table, "test_error_clean", np.full(50, 0.123))
    write_shard(folder / "shard-again.parquet", other, two_settings.sweep())
    with pytest.raises(AnalysisError, match=r"In \d+ cells runs share their replicate"):
        summarise(open_source(str(folder)), VIEW)


def test_rows_of_an_earlier_sweep_are_ignored(two_settings: Planted, tmp_path: Path) -> None:
    smaller = two_settings.but(factors=(1.0,), replicates=6)
    folder = write_table(tmp_path / "data", two_settings.table(), smaller.sweep())
    with pytest.raises(AnalysisError, match="cells runs share their replicate"):
        summarise(open_source(str(folder)), VIEW)
    fixed = smaller.but(sweep_extra={"fixed": {"n": 20, "p_flip": 0.0}})
    write_table(tmp_path / "other", two_settings.table(), fixed.sweep())
    found = summarise(open_source(str(tmp_path / "other")), VIEW)
    np.testing.assert_allclose(found.mean, two_settings.measure()[:1, ..., :6].mean(-1))
    assert found.ignored == two_settings.table().num_rows - found.used.sum()


def test_no_row_of_the_present_sweep(two_settings: Planted, tmp_path: Path) -> None:
    other = two_settings.but(sweep_extra={"fixed": {"n": 21}})
    folder = write_table(tmp_path / "data", two_settings.table(), other.sweep())
    with pytest.raises(AnalysisError, match=r"None of the .* rows belongs to the sweep 'planted'"):
        summarise(open_source(str(folder)), VIEW)


def test_an_axis_of_words_becomes_a_setting(tmp_path: Path) -> None:
    planted = Planted(replicates=4)
    words = np.array(["hidden", "both"])[planted.table()["replicate"].to_numpy() % 2]
    axes = planted.sweep()["axes"] | {"train": {"values": ["both", "hidden"], "scale": "list"}}
    sweep = planted.but(sweep_extra={"axes": axes, "fixed": {}}).sweep()
    write_table(tmp_path / "data", with_column(planted.table(), "train", words), sweep)
    found = summarise(open_source(str(tmp_path / "data")), VIEW)
    assert found.plane.settings == ("train = both", "train = hidden")
    np.testing.assert_allclose(found.mean[1], planted.measure()[0, ..., ::2].mean(-1))


def test_constant_columns_are_told_by_the_footers(folder: Path) -> None:
    source = open_source(str(folder))
    assert source.constant["n"] == 20
    assert source.constant["status"] == "ok"
    assert "d" not in source.constant
    assert source.rows == open_dataset(str(folder)).table.num_rows


def test_a_uri_gives_the_same(folder: Path) -> None:
    one, other = (summarise(open_source(name), VIEW) for name in (str(folder), folder.as_uri()))
    np.testing.assert_allclose(one.mean, other.mean, rtol=1e-12)


def test_batches_have_the_mean_and_a_boundary(folder: Path, two_settings: Planted) -> None:
    cells = batch_cells(open_source(str(folder)), VIEW, batches=6)
    assert cells.values.shape == (2, 8, 16, 6)
    np.testing.assert_allclose(cells.mean, two_settings.measure().mean(-1), rtol=1e-12)
    boundary = find_boundary(cells, 0.25)
    whole = find_boundary(aggregate(open_dataset(str(folder)), VIEW), 0.25)
    np.testing.assert_allclose(boundary.estimate, whole.estimate, atol=0.1)


def test_an_unknown_column(folder: Path) -> None:
    with pytest.raises(AnalysisError, match=r"no column 'dd'. Did you mean 'd'"):
        summarise(open_source(str(folder)), replace(VIEW, x="dd"))


def test_a_null_axis(tmp_path: Path) -> None:
    planted = Planted(replicates=1)
    table = planted.table().append_column(
        "loss_tol", pa.nulls(planted.table().num_rows, pa.float64())
    )
    folder = write_table(tmp_path / "data", table, planted.sweep())
    with pytest.raises(AnalysisError, match=r"'loss_tol' holds nulls"):
        summarise(open_source(str(folder)), replace(VIEW, x="loss_tol"))


def test_broken_and_foreign_files_are_named(folder: Path, two_settings: Planted) -> None:
    other = two_settings.but(name="other")
    write_shard(folder / "shard-x.parquet", other.table(), other.sweep())
    with pytest.raises(AnalysisError, match=r"shard-x.* a shard of the sweep 'other'"):
        open_source(str(folder))
    pq.write_table(pa.table({"a": [1]}), folder / "shard-x.parquet")
    with pytest.raises(AnalysisError, match=r"shard-x.parquet is foreign.*schema version none"):
        open_source(str(folder))
    table = two_settings.table().drop_columns(["n"])
    write_shard(folder / "shard-x.parquet", table, two_settings.sweep())
    with pytest.raises(AnalysisError, match=r"columns that differ"):
        open_source(str(folder))
    (folder / "shard-x.parquet").write_text("half a file")
    with pytest.raises(AnalysisError, match=r"Cannot read .*shard-x"):
        open_source(str(folder))
