"""Datasets with a planted boundary, written as sweeps writes them, without sweeps."""

import hashlib
import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from analysis.cells.cells import Cells
from analysis.dataset.plane import Plane, PlaneAxis, equal
from analysis.dataset.roles import ERROR

MEANINGS = {
    "d": ("patch dimension", "1"),
    "mu_norm": ("signal strength ‖μ‖", "1"),
    "test_error_clean": ("test error against the clean label", "1"),
}


@dataclass(frozen=True)
class Planted:
    """A sweep whose measure falls (or rises) along y through `level` at y* = constant · x^exponent.

    A run's own boundary is shifted by spread · normal in log y (the same draw in every setting),
    and the profile is 0.5/(1 + exp(slope · (log y − shift))), so the mean crosses 0.25 exactly
    at the planted boundary, by symmetry.
    """

    x: tuple[float, ...] = tuple(float(v) for v in np.geomspace(100, 10_000, 8).round())
    y: tuple[float, ...] = tuple(float(v) for v in np.geomspace(0.5, 8.0, 16))
    x_name: str = "d"
    y_name: str = "mu_norm"
    y_scale: str = "log"
    exponent: float = 0.25
    constant: float = 0.6
    factors: tuple[float, ...] = (1.0,)
    replicates: int = 10
    spread: float = 0.3
    rising: bool = False
    seed: int = 0
    name: str = "planted"
    sweep_extra: dict[str, Any] = field(default_factory=dict)

    def boundary(self) -> np.ndarray:
        """Planted y*, shape (settings, x)."""
        return np.outer(self.factors, self.constant * np.array(self.x) ** self.exponent)

    def measure(self) -> np.ndarray:
        """Values, shape (settings, x, y, replicates)."""
        rng = np.random.default_rng(self.seed)
        shape = (len(self.x), len(self.y), self.replicates)
        noise = self.spread * rng.standard_normal(shape)
        u = np.log(np.array(self.y))[:, None] - np.log(self.boundary())[:, :, None, None]
        sign = -1.0 if self.rising else 1.0
        return 0.5 / (1 + np.exp(sign * 5.0 * (u + noise)))

    def sweep(self) -> dict[str, Any]:
        """The resolved sweep."""
        settings = {"p_flip": [round(0.1 * k, 1) for k in range(len(self.factors))]}
        document = {
            "schema_version": 1,
            "name": self.name,
            "model": "planted",
            "seed": 1,
            "replicates": self.replicates,
            "axes": {
                self.x_name: {"values": list(self.x), "scale": "log"},
                self.y_name: {"values": list(self.y), "scale": self.y_scale},
            },
            "fixed": {"n": 20, "train": "hidden"},
            "derived": {},
            "settings": settings if len(self.factors) > 1 else {},
            "draws": {"keyed": [], "paired": list(settings) if len(self.factors) > 1 else []},
            "analysis": {
                "x": self.x_name,
                "y": self.y_name,
                "measure": "test_error_clean",
                "levels": [0.25],
                "theory": [
                    {
                        "name": "n‖μ‖⁴ = C σ_p⁴ d",
                        "exponent": 0.25,
                        "x_range": None,
                        "source": "arXiv 2303.04145",
                    }
                ],
            },
        }
        return document | self.sweep_extra

    def table(self) -> pa.Table:
        """One row a run, status ok."""
        values = self.measure()
        index = np.indices(values.shape).reshape(4, -1)
        columns = {
            "run_id": pa.array(
                [hashlib.md5(f"{self.name}{tuple(i)}".encode()).digest() for i in index.T.tolist()],
                pa.binary(16),
            ),
            "seed": np.full(index.shape[1], 1),
            "replicate": pa.array(index[3], pa.int32()),
            self.x_name: np.array(self.x)[index[1]],
            self.y_name: np.array(self.y)[index[2]],
            "p_flip": np.round(0.1 * index[0], 1),
            "n": np.full(index.shape[1], 20),
            "train": ["hidden"] * index.shape[1],
            "status": ["ok"] * index.shape[1],
            "test_error_clean": values.ravel(),
        }
        table = pa.table(columns)
        for position, name in enumerate(table.column_names):
            meaning, unit = MEANINGS.get(name, ("", ""))
            notes = {"meaning": meaning, "unit": unit}
            table = table.set_column(
                position, table.schema.field(name).with_metadata(notes), table[name]
            )
        return table

    def write(self, folder: Path, **options: Any) -> Path:
        """Writes the whole dataset; options as for write_table."""
        return write_table(folder, self.table(), self.sweep(), **options)

    def but(self, **changes: Any) -> "Planted":
        """A copy with some fields changed."""
        return replace(self, **changes)


def write_table(
    folder: Path, table: pa.Table, sweep: dict[str, Any], *, shards: int = 3, seed: int = 0
) -> Path:
    """Writes rows in random order into shards, with _sweep.json and an in-flight file beside."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "_sweep.json").write_text(json.dumps(sweep))
    (folder / ".tmp-1234").write_text("half a shard")
    order = np.random.default_rng(seed).permutation(table.num_rows)
    for k, part in enumerate(np.array_split(order, shards)):
        write_shard(folder / f"shard-{seed}{k:04x}.parquet", table.take(part), sweep)
    return folder


def write_shard(path: Path, table: pa.Table, sweep: dict[str, Any], **more: str) -> None:
    """One Parquet file with the metadata that a shard carries, and more of it."""
    notes = {"schema_version": "1", "sweep": json.dumps(sweep), "model": "planted", "engine": "toy"}
    pq.write_table(table.replace_schema_metadata(notes | more), path, write_page_checksum=True)


def cells_of(planted: Planted) -> Cells:
    """The planted sweep's cells, without a dataset in between."""
    x = PlaneAxis(planted.x_name, planted.x_name, np.array(planted.x), log=True)
    y = PlaneAxis(planted.y_name, planted.y_name, np.array(planted.y), planted.y_scale == "log")
    settings = tuple({"factor": factor} for factor in planted.factors)
    values = planted.measure()
    none = np.zeros(values.shape[:3], dtype=np.int64)
    return Cells(
        plane=Plane(x, y, tuple(map(equal, settings)), settings, frozenset({"factor"})),
        measure="test_error_clean",
        label="test error",
        values=values,
        status={"ok": none + planted.replicates, "unconverged": none, "diverged": none},
        missing=none,
        ignored=0,
        role=ERROR,
    )
