"""Ways to damage a dataset's folder, each drawn from a random generator; what was done is said in words.

| kind | |
|---|---|
| flipped | bits of one file |
| truncated | one file cut anywhere, or to nothing |
| edited | values, nulls, rows, columns or types of one Parquet file, written anew with valid checksums |
| metadata | one entry of a Parquet file's metadata |
| manifest | one value of `_sweep.json` or `_given.json`, or its whole text |
| foreign | files of others: of another sweep, no Parquet, links, folders, pipes |
"""

import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

Damage = Callable[[Path, random.Random], str]

ODD: list[Any] = [
    None,
    True,
    [],
    {},
    "",
    "abc",
    "0.1",
    -1,
    0,
    1,
    3,
    2**63,
    1e308,
    1e-320,
    float("nan"),
    "\x1b[31m",
    "\ud800",
    "../../precious.txt",
    "<script>alert(1)</script>",
    "=HYPERLINK(1)",
    "$x",
    [[[]]],
    {"a": None},
    ["../precious.txt"],
    "x" * 3000,
]
"""Values in the position of others."""


def flipped(folder: Path, chance: random.Random) -> str:
    """Flip bits of one file."""
    path = _any_file(folder, chance)
    data = bytearray(path.read_bytes())
    positions = [chance.randrange(len(data)) for _ in range(chance.choice([1, 1, 2, 20]))]
    for position in positions:
        data[position] ^= 1 << chance.randrange(8)
    path.write_bytes(data)
    return f"{path.name}: bits flipped at {positions[:3]} of {len(data)} bytes"


def truncated(folder: Path, chance: random.Random) -> str:
    """Cut one file."""
    path = _any_file(folder, chance)
    size = chance.choice([0, 4, chance.randrange(path.stat().st_size)])
    os.truncate(path, size)
    return f"{path.name}: cut to {size} bytes"


def edited(folder: Path, chance: random.Random) -> str:
    """Change the content of one Parquet file."""
    path = chance.choice(sorted(folder.glob("*.parquet")))
    table = pq.read_table(path)
    row, name = chance.randrange(table.num_rows), chance.choice(table.column_names)
    at, column = table.column_names.index(name), table[name].to_pylist()
    kind = chance.choice(["value", "null", "drop row", "twice", "drop column", "type", "rename"])
    if kind == "value":
        column[row] = chance.choice(column) if chance.random() < 0.5 else _other(column[row])
        table = table.set_column(at, table.field(name), pa.array(column, table.field(name).type))
    elif kind == "null":
        column[row] = None
        table = table.set_column(at, table.field(name), pa.array(column, table.field(name).type))
    elif kind == "drop row":
        table = pa.concat_tables([table.slice(0, row), table.slice(row + 1)])
    elif kind == "twice":
        table = pa.concat_tables([table, table.slice(row, 1)])
    elif kind == "drop column":
        table = table.drop_columns([name])
    elif kind == "type":
        table = table.set_column(at, name, pa.array([str(value) for value in column]))
    else:
        table = table.rename_columns(
            [chance.choice(["x", "=1", n]) if n == name else n for n in table.column_names]
        )
    pq.write_table(table, path)
    return f"{path.name}: {kind} at row {row}, column {name}"


def metadata(folder: Path, chance: random.Random) -> str:
    """Change one entry of a Parquet file's metadata."""
    path = chance.choice(sorted(folder.glob("*.parquet")))
    table = pq.read_table(path)
    notes = dict(table.schema.metadata or {})
    key = chance.choice([*sorted(notes), b"replaces", b"notes", b"wall_s", b"session_s", b"slots"])
    value = chance.choice(ODD)
    if key == b"sweep" and chance.random() < 0.7:
        document = json.loads(notes[b"sweep"])
        said = _change(document, chance)
        notes[key] = json.dumps(document).encode()
    else:
        said = repr(value)[:40]
        text = value if isinstance(value, str) and chance.random() < 0.5 else json.dumps(value)
        notes[key] = chance.choice([text.encode("utf-8", "surrogatepass"), b"\xff\xfe"])
    pq.write_table(table.replace_schema_metadata(notes), path)
    return f"{path.name}: metadata {key.decode()} is {said}"


def manifest(folder: Path, chance: random.Random) -> str:
    """Change one value of a JSON file, or all of it."""
    path = chance.choice(sorted(folder.glob("_*.json")))
    if chance.random() < 0.25:
        texts = ["", "null", "[]", "{}", "3", "{", "[" * 3000, "\x00", '{"schema_version": 1}']
        text = chance.choice(texts)
        path.write_text(text)
        return f"{path.name}: is {text[:30]!r}"
    document = json.loads(path.read_text())
    if chance.random() < 0.5:
        document.pop("digest", None)
    said = _change(document, chance)
    path.write_text(json.dumps(document))
    return f"{path.name}: {said}"


def foreign(folder: Path, chance: random.Random) -> str:
    """Put in what is of others."""
    name = chance.choice(
        ["shard-0f.parquet", "a.parquet", ".tmp-my-notes", "_failed-mynotes.txt", "notes.txt",
         "trajectory-0f.parquet", "_other.json", ".report-mine", "shard-\x1b[31m.parquet"]
    )  # fmt: skip
    path = folder / name
    kind = chance.choice(
        ["text", "empty", "table", "twin", "folder", "link", "loop", "dangling", "pipe"]
    )
    shards = sorted(folder.glob("shard-*.parquet"))
    if kind == "text":
        path.write_text("mine")
    elif kind == "empty":
        path.touch()
    elif kind == "table":
        pq.write_table(pa.table({"x": [1.0], "run_id": [b"a"]}), path)
    elif kind == "twin":
        path.write_bytes(chance.choice(shards).read_bytes())
    elif kind == "folder":
        path.mkdir()
        (path / "inside.txt").write_text("mine")
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to({"link": shards[0].name, "loop": path.name, "dangling": "nowhere"}[kind])
    return f"{name!r}: a {kind} of somebody else"


DAMAGES: dict[str, Damage] = {
    one.__name__: one for one in (flipped, truncated, edited, metadata, manifest, foreign)
}


def _any_file(folder: Path, chance: random.Random) -> Path:
    """A file of the dataset that holds something."""
    return chance.choice([path for path in sorted(folder.iterdir()) if path.stat().st_size])


def _other(value: Any) -> Any:
    """Another value of the same type."""
    if isinstance(value, bytes):
        return bytes(byte ^ 1 for byte in value)
    return f"{value}x" if isinstance(value, str) else (value or 0) + 1


def _change(document: Any, chance: random.Random) -> str:
    """Replace, remove or add a value anywhere in a JSON document."""
    path: list[Any] = []
    node = document
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        key = chance.choice(keys)
        path.append(key)
        if isinstance(node[key], (dict, list)) and node[key] and chance.random() < 0.7:
            node = node[key]
            continue
        break
    where = ".".join(map(str, path))
    if chance.random() < 0.2:
        del node[key]
        return f"{where} removed"
    node[key] = chance.choice(ODD)
    return f"{where} is {node[key]!r}"[:100]
