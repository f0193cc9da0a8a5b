"""Planted records along the training, beside the shards of a planted sweep."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

STEPS = (0, 1, 2, 4, 8)
MEASURES = ("max_w_xi", "max_v2", "noise_ratio")


def growth(d: np.ndarray, replicate: np.ndarray, step: int) -> np.ndarray:
    """The planted scale of the hidden layer: rises with the step, apart by replicate."""
    return (1 + replicate) * np.sqrt(d) * (1 + step)


def record(folder: Path, *, stop: dict[int, int] | None = None, lost: tuple[int, ...] = ()) -> Path:
    """Writes a trajectory file beside every shard.

    Args:
        folder: a planted dataset over d and mu_norm.
        stop: replicate → the step after which its runs have no further record.
        lost: replicates whose records hold nulls from step 2 on.
    """
    for shard in sorted(folder.glob("shard-*.parquet")):
        runs = pq.read_table(shard)
        d, replicate = (runs[name].to_numpy().astype(float) for name in ("d", "replicate"))
        parts = []
        for step in STEPS:
            last = np.array([(stop or {}).get(int(k), STEPS[-1]) for k in replicate])
            w = np.where(np.isin(replicate, lost) & (step >= 2), np.nan, growth(d, replicate, step))
            columns = {"max_w_xi": w, "max_v2": w / 10, "noise_ratio": 10 + 0 * w}
            part = pa.table(
                {
                    "run_id": runs["run_id"],
                    "step": pa.array(np.full(len(d), step)),
                    **{k: pa.array(v, from_pandas=True) for k, v in columns.items()},
                }
            )
            parts.append(part.filter(pa.array(step <= last)))
        pq.write_table(
            pa.concat_tables(parts),
            shard.with_name(shard.name.replace("shard", "trajectory")),
            write_page_checksum=True,
        )
    return folder
