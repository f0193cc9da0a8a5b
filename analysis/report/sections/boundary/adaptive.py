"""How an adaptive sweep came to its target: the width after each round, and columns that have none."""

from collections.abc import Sequence
from functools import cached_property, partial

from analysis.dataset.plane import exact
from analysis.dataset.rounds_file import Round, read_rounds
from analysis.figures.rounds import draw_rounds
from analysis.report.blocks import MAX_OPEN_ROWS, FigureBlock, TableBlock, table_of_rows
from analysis.report.results import Results
from analysis.report.section import Section


def samples(results: Results) -> bool:
    """Whether runs were chosen for a target."""
    return results.dataset.sweep.sampling is not None


class AdaptiveRounds(Section):
    """The rounds of a sweep that samples adaptively."""

    title = "How the intervals narrowed"
    needs = (samples,)
    is_detail = True

    @cached_property
    def rounds(self) -> Sequence[Round]:
        """As the drivers wrote them."""
        return read_rounds(self.results.dataset.location)

    def is_empty(self) -> bool:
        return not self.rounds

    def words(self) -> str:
        """The target, how far it is, and which crossings have none."""
        target, last = self.results.dataset.sweep.sampling, self.rounds[-1]
        assert target is not None
        width = "not bounded yet" if last.half_width is None else f"± {last.half_width:.3g}"
        text = (
            f"Runs were chosen for the {target.target}, to be known to ± {exact(target.half_width)} with "
            f"at most {target.at_most:,} runs. After {last.runs:,} runs in {len(self.rounds):,} rounds it "
            f"is {width}, by the strategy's own 95 % intervals, of which the widest counts; the report's "
            "own are computed with fewer assumptions. Where the runs are, the map shows."
        )
        return " ".join([text, *_left(last)])

    def figures(self) -> list[FigureBlock]:
        """Widths over runs."""
        target = self.results.dataset.sweep.sampling
        assert target is not None
        caption = f"Half widths of the {target.target} after each round"
        return [FigureBlock("rounds", caption, partial(draw_rounds, self.rounds, target))]

    def tables(self) -> list[TableBlock]:
        """A row for each round."""
        rows, folded = [one._asdict() for one in self.rounds], len(self.rounds) > MAX_OPEN_ROWS
        return [table_of_rows("rounds", "The rounds", rows, folded=folded)]


def _left(last: Round) -> list[str]:
    """Sentences about crossings that no run is spent on, or that are still sought."""
    counts = {
        "cross beyond the grid": last.beyond_grid,
        "level off at the level: their mean comes to it and stays, so that runs do not tell where it "
        "crosses, if it does": last.level_off,
        "are not located yet": last.being_located,
    }
    sentences = [
        f"Of {last.crossings:,} columns (at every level and in every setting) {count:,} {what}."
        for what, count in counts.items()
        if count
    ]
    if last.without_target:
        sentences.append(
            f"At {last.without_target:,} levels and settings too few columns cross for the target."
        )
    return sentences
