"""What the runs cost, what made them, and the sweep file."""

from analysis.dataset.provenance import Provenance
from analysis.report.blocks import TableBlock, TextBlock
from analysis.report.section import Section


class CostAndSource(Section):
    """Cost, versions, digest, and the sweep file as it was given and with every range written out."""

    title = "Cost and source"
    is_detail = True

    def words(self) -> str:
        """How to train the same runs."""
        options = self.results.provenance.options
        run_with = f" It was run with {options}." if options else ""
        return (
            f"bocnn run trains the same runs from the sweep with every range written out.{run_with}"
        )

    def tables(self) -> list[TableBlock]:
        cells = cost_cells(self.results.provenance)
        caption = "What the runs cost and what made them"
        return [TableBlock("", caption, header=("item", "value"), cells=cells)]

    def texts(self) -> list[TextBlock]:
        source = self.results.provenance
        given = TextBlock("sweep-as-given.yaml", "The sweep file, as it was given", source.given)
        resolved = TextBlock("sweep.yaml", "The sweep, every range written out", source.sweep_file)
        return [given, resolved] if source.given else [resolved]


def cost_cells(source: Provenance) -> list[list[str]]:
    """What the runs cost and what made them, name by name."""
    unknown = "not stated"
    wall = f"{source.wall_s:,.1f} s, summed over shards" if source.wall_s is not None else unknown
    speed = f"{source.runs_per_s:,.0f} runs/s" if source.runs_per_s is not None else unknown
    size = f"{source.rows:,} in {source.files:,} files, {source.bytes / 1e6:,.1f} MB"
    return [
        ["rows", size],
        ["wall time", wall],
        ["speed of one worker", speed],
        *(list(pair) for pair in source.stated),
        *(
            ["mixed", f"{text}; equal runs may differ in their last digits"]
            for text in source.mixed
        ),
        *([["not verified", unverified_words(source)]] if source.unverified else []),
        ["folder", source.location],
        ["sha256sum shard-*.parquet | sha256sum", source.digest],
    ]


def unverified_words(source: Provenance) -> str:
    """Which files cannot be compared with what was written."""
    first, *others = source.unverified
    return f"{first}{f' and {len(others):,} others' if others else ''}: no digest is stated"
