"""What a dataset's files say of their columns decides, not the names that one model happens to use."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from analysis.boundary.mean_crossing import find_boundary
from analysis.cells.aggregate import aggregate
from analysis.dataset.files import open_dataset
from analysis.dataset.roles import LAYER_ROLES, columns_of, role_of, statuses
from analysis.figures import draw_map
from bocnn.models.cnn.model import MODEL
from sweeps.declare.analysis_spec import AnalysisSpec
from sweeps.store.schema import table_schema
from tests.analysis.synthetic import Planted, write_table
from tests.toy import Toy

WORDS = ("fine", "it's slow", "lost")


def said(table: pa.Table, notes: Mapping[str, Mapping[str, str]]) -> pa.Table:
    """The table with metadata of its fields."""
    fields = [field.with_metadata(notes.get(field.name, {})) for field in table.schema]
    return table.cast(pa.schema(fields))


@pytest.fixture
def location(tmp_path: Path) -> str:
    """Runs of a model that ends in other words, and measures another kind of error."""
    planted = Planted(replicates=6)
    table = planted.table().rename_columns(
        ["risk" if name == "test_error_clean" else name for name in planted.table().column_names]
    )
    status = np.array(WORDS)[table["replicate"].to_numpy() % 3]
    risk = pa.array(table["risk"].to_numpy(), mask=status == "lost")
    table = table.set_column(table.column_names.index("risk"), "risk", risk)
    table = table.set_column(table.column_names.index("status"), "status", pa.array(status))
    notes = {"status": {"choices": json.dumps(WORDS)}, "risk": {"role": "error"}}
    return str(write_table(tmp_path / "data", said(table, notes), planted.sweep()))


@pytest.mark.parametrize(("include", "used"), [(False, 2), (True, 4)])
def test_statuses_are_those_that_the_files_state(location: str, include: bool, used: int) -> None:
    spec = AnalysisSpec("d", "mu_norm", "risk", (0.25,))
    cells = aggregate(open_dataset(location), spec, include_unconverged=include)
    assert {name: set(count.ravel()) for name, count in cells.status.items()} == {
        word: {2} for word in WORDS
    }
    assert (cells.success, cells.role) == ("fine", "error")
    assert np.all(cells.used == used)
    assert np.isfinite(find_boundary(cells, 0.25).estimate).any()


def test_a_measure_is_benign_or_harmful_by_its_role(location: str) -> None:
    spec = AnalysisSpec("d", "mu_norm", "risk", (0.25,))
    cells = aggregate(open_dataset(location), spec)
    figure = draw_map(cells, find_boundary(cells, 0.25), two_colours=True)
    words = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    assert any("benign" in word for word in words)


def test_files_without_roles_are_read_by_the_names_of_before() -> None:
    names = ("status", "test_error", "test_error_se", "noise_ratio", "max_v2", "max_w_xi")
    before = pa.schema([(name, pa.float64()) for name in names])
    assert statuses(before) == ("ok", "unconverged", "diverged")
    assert [role_of(before, name) for name in names[:3]] == ["", "error", ""]
    assert columns_of(before, LAYER_ROLES) == ["max_w_xi", "max_v2", "noise_ratio"]


@pytest.mark.parametrize("model", [MODEL, Toy()])
def test_written_schemas_state_how_runs_end(model: Toy) -> None:
    schema = table_schema(model, {})
    assert statuses(schema) == model.measures[0].choices


def test_roles_that_are_written_are_those_by_name() -> None:
    schema = table_schema(MODEL, {})
    plain = schema.remove_metadata()
    bare = pa.schema([field.remove_metadata() for field in plain])
    assert {n: role_of(schema, n) for n in schema.names} == {
        n: role_of(bare, n) if n not in ("max_w_xi", "max_v2") else "" for n in schema.names
    }
