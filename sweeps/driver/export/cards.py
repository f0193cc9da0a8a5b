"""What people read of an exported dataset: CITATION.cff, and the card README.md."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import yaml

from sweeps.driver.export.exported import Authorship, Exported, note


def citation(exported: Exported, authorship: Authorship) -> str:
    """The text of CITATION.cff, of version 1.2.0 of that format.

    Args:
        exported: the dataset.
        authorship: who publishes it.
    """
    return _yaml(
        {
            "cff-version": "1.2.0",
            "message": "If you use this dataset, please cite it as below.",
            "type": "dataset",
            "title": exported.title,
            "authors": [_author(author) for author in authorship.authors],
            "date-released": authorship.date,
            "license": authorship.license,
            "keywords": ["benign overfitting", "phase diagram"],
        }
    )


def card(exported: Exported, authorship: Authorship, picture: str = "") -> str:
    """The text of README.md; its head is what the Hugging Face hub reads.

    Args:
        exported: the dataset.
        authorship: who publishes it.
        picture: path of one beside it, if there is one.
    """
    return "\n".join(_card(exported, authorship, picture)) + "\n"


def _card(exported: Exported, authorship: Authorship, picture: str) -> Iterator[str]:
    """The lines of the card."""
    configs = [{"config_name": "runs", "data_files": "data/shard-*.parquet"}]
    if exported.records is not None:
        configs.append({"config_name": "records", "data_files": "data/trajectory-*.parquet"})
    head = {
        "license": authorship.license.lower(),
        "pretty_name": exported.title,
        "tags": ["benign-overfitting", "phase-diagram"],
        "configs": configs,
    }
    yield from ("---", _yaml(head).rstrip(), "---", "", f"# {exported.title}", "")
    if picture:
        yield from (f"![{exported.title}]({picture})", "")
    state = "" if exported.is_complete else "; the sweep is not complete"
    yield (
        f"{exported.published:,} of {exported.planned:,} runs{state}. Each row of "
        "`data/shard-*.parquet` is one run: its parameters, how it ended (`status`), and its measures. "
        "A run that failed has nulls."
    )
    yield from ("", "```python", "from pathlib import Path", "", "import pyarrow.dataset", "")
    yield 'files = sorted(map(str, Path("data").glob("shard-*.parquet")))'
    yield "runs = pyarrow.dataset.dataset(files).to_table()"
    yield from ("```", "", "## Columns", "", "| column | type | meaning |", "|---|---|---|")
    yield from _columns(exported.runs)
    if exported.records is not None:
        yield from ("", "Recorded along the training, in `data/trajectory-*.parquet`:", "")
        yield from ("| column | type | meaning |", "|---|---|---|", *_columns(exported.records))
    yield from ("", "## What made it", "", "| | |", "|---|---|")
    yield from (f"| {name} | {', '.join(values)} |" for name, values in exported.made_by.items())
    command = f"bocnn run sweep.yaml{exported.options}"
    yield from ("", f"The sweep, which trains the same runs again with `{command}`:", "")
    yield from ("```yaml", exported.text.rstrip(), "```", "", "## Citation", "")
    yield f"{'; '.join(authorship.authors)} ({authorship.date[:4]}). {exported.title}."


def _columns(schema: pa.Schema) -> Iterator[str]:
    """Rows of a table of columns."""
    for field in schema:
        meaning = note(schema, field.name, "meaning").replace("|", r"\|")
        yield f"| `{field.name}` | {field.type} | {meaning} |"


def _author(author: str) -> dict[str, str]:
    """A person by family and given names, or an organization."""
    family, comma, given = author.partition(",")
    if not comma:
        return {"name": author.strip()}
    return {"family-names": family.strip(), "given-names": given.strip()}


def _yaml(values: dict[str, Any]) -> str:
    return str(yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=100))
