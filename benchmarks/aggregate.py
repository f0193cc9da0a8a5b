"""Time and memory to aggregate many rows: `python -m benchmarks.aggregate [--rows 100_000_000]`.

Writes a generated dataset under a temporary folder, times `aggregate` and a group-by written by hand for
duckdb, each in a process of its own, prints a table, and deletes the dataset.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from analysis.cells.aggregate import aggregate
from analysis.dataset.files import open_dataset
from benchmarks.processes import peak_mb
from sweeps.declare.analysis_spec import AnalysisSpec

SIDE, SETTINGS, SHARDS = 100, (0.0, 0.1), 20
X, Y = np.geomspace(1e2, 1e6, SIDE), np.geomspace(0.5, 20.0, SIDE)
SPEC = AnalysisSpec("d", "mu_norm", "test_error_clean", (0.2,))
HAND = """
SELECT d, mu_norm, p_flip, count(*) AS runs, count(*) FILTER (status = 'ok') AS ok,
    count(*) FILTER (status = 'diverged') AS diverged,
    count(*) FILTER (status = 'unconverged') AS unconverged,
    avg(test_error_clean) FILTER (status = 'ok') AS mean,
    stddev_samp(test_error_clean) FILTER (status = 'ok') AS spread,
    count(*) FILTER (status = 'ok' AND test_error_clean < 0.2) AS benign
FROM read_parquet('{folder}/*.parquet') GROUP BY d, mu_norm, p_flip
"""


def sweep(replicates: int) -> dict[str, object]:
    """The resolved sweep of the generated rows."""
    return {
        "schema_version": 1,
        "name": "generated",
        "replicates": replicates,
        "axes": {
            "d": {"values": X.tolist(), "scale": "log"},
            "mu_norm": {"values": Y.tolist(), "scale": "log"},
        },
        "fixed": {"n": 20},
        "settings": {"p_flip": list(SETTINGS)},
    }


def generate(folder: Path, rows: int) -> int:
    """Writes the dataset, its runs scattered over all shards at random; returns its replicates."""
    replicates = rows // (SIDE * SIDE * len(SETTINGS))
    document = json.dumps(sweep(replicates))
    (folder / "_sweep.json").write_text(document)
    total = replicates * SIDE * SIDE * len(SETTINGS)
    for shard in range(SHARDS):
        rng = np.random.default_rng(shard)
        run = rng.permutation(np.arange(shard, total, SHARDS))
        cell, replicate = np.divmod(run, replicates)
        setting, point = np.divmod(cell, SIDE * SIDE)
        x, y = np.divmod(point, SIDE)
        middle = np.log(Y[y] / (0.3 * X[x] ** 0.25)) + 0.4 * rng.standard_normal(len(run))
        diverged = rng.random(len(run)) < 0.01
        table = pa.table(
            {
                "run_id": pa.FixedSizeBinaryArray.from_buffers(
                    pa.binary(16), len(run), [None, pa.py_buffer(rng.bytes(16 * len(run)))]
                ),
                "replicate": replicate.astype(np.int32),
                "d": X[x],
                "mu_norm": Y[y],
                "p_flip": np.array(SETTINGS)[setting],
                "n": np.full(len(run), 20),
                "status": np.where(diverged, "diverged", "ok"),
                "test_error_clean": pa.array(0.5 / (1 + np.exp(5 * middle)), mask=diverged),
            }
        ).replace_schema_metadata({"schema_version": "1", "sweep": document})
        pq.write_table(table, folder / f"shard-{shard:04d}.parquet", compression="zstd")
    return replicates


def by_hand(folder: str) -> None:
    """The group-by that one would write without this package."""
    with duckdb.connect(config={"threads": 2}) as engine:
        engine.execute("SET preserve_insertion_order = false")
        engine.execute(HAND.format(folder=folder)).fetchnumpy()


CONTENDERS: dict[str, Callable[[str], object]] = {
    "open": open_dataset,
    "open and aggregate": lambda folder: aggregate(open_dataset(folder), SPEC),
    "open and aggregate, batches of 40": lambda folder: aggregate(
        open_dataset(folder), SPEC, batches=40
    ),
    "duckdb by hand": by_hand,
}


def measure(name: str, folder: str) -> None:
    """Runs one contender in this process and prints seconds and peak memory as JSON.

    Processor seconds, imports included, are what a busy machine leaves comparable.
    """
    start = time.perf_counter()
    CONTENDERS[name](folder)
    peak = peak_mb(os.getpid()) * 1e3 / 2**20  # Linux counts kB of 1,024 bytes
    spent = time.process_time()
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "processor": spent, "peak_gib": peak}))


def main() -> None:
    """Prints one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(*options.measure)
        return
    folder = Path(tempfile.mkdtemp(prefix="aggregate-"))
    try:
        start = time.perf_counter()
        generate(folder, options.rows)
        size = sum(path.stat().st_size for path in folder.iterdir()) / 2**30
        print(
            f"{options.rows:,} rows, {size:.1f} GiB, written in {time.perf_counter() - start:.0f} s"
        )
        _print_table(str(folder), options.repeats)
    finally:
        shutil.rmtree(folder)


def _print_table(folder: str, repeats: int) -> None:
    """Contenders in turns, so that what else the machine does falls on all of them; best of each."""
    measured: dict[str, list[dict[str, float]]] = {name: [] for name in CONTENDERS}
    for _ in range(repeats):
        for name in CONTENDERS:
            command = [sys.executable, "-m", "benchmarks.aggregate", "--measure", name, folder]
            result = subprocess.run(command, capture_output=True, text=True, check=False)
            if result.returncode == 0:
                measured[name].append(json.loads(result.stdout))
            else:
                print(f"{name}: {result.stderr.strip().splitlines()[-1]}")
    print("| | best, s | processor, s | peak, GiB |\n|---|---|---|---|")
    for name, runs in measured.items():
        if runs:
            wall, processor = (min(run[key] for run in runs) for key in ("seconds", "processor"))
            peak = max(run["peak_gib"] for run in runs)
            print(f"| {name} | {wall:.1f} | {processor:.1f} | {peak:.2f} |", flush=True)


if __name__ == "__main__":
    main()
