"""Findings: what the card of a dataset says, one sentence each, chosen from what its sections state."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from analysis.report.predictions import Prediction
from analysis.report.words import estimate_words
from analysis.scaling.prediction import AGREES, DISAGREES, INCONCLUSIVE

MAX_FINDINGS = 3
"""Findings on a card."""
MAX_JUDGED = 2
"""Findings with a verdict on a card where others follow them."""


@dataclass(frozen=True)
class Finding:
    """A sentence with a number and its interval; `verdicts` are those on the prediction, if any."""

    text: str
    verdicts: tuple[str, ...] = ()
    reason: str = ""

    @property
    def verdict(self) -> str:
        """The verdict with its reason, or how often which one is given."""
        counts, total = Counter(self.verdicts), len(self.verdicts)
        if total == 1:
            return ": ".join(filter(None, (self.verdicts[0], self.reason)))
        return ", ".join(f"{name} ({count} of {total})" for name, count in counts.items())

    @property
    def outcome(self) -> str:
        """One word for all verdicts: that of the worst; empty without any."""
        given = set(self.verdicts)
        if not given:
            return ""
        if given == {AGREES}:
            return AGREES
        return (
            DISAGREES if DISAGREES in given else INCONCLUSIVE if INCONCLUSIVE in given else "partly"
        )


def judged_findings(
    predictions: Iterable[Prediction],
    subject: Callable[[Prediction], str],
    *,
    by_name: bool = False,
) -> list[Finding]:
    """One finding for each quantity that is predicted: that of the first setting, and all verdicts.

    Args:
        predictions: judged ones, in the order of their settings.
        subject: what is measured, in words.
        by_name: whether sentences name the prediction, where subjects do not.
    """
    groups: dict[tuple[str, str], list[Prediction]] = {}
    for one in predictions:
        groups.setdefault((one.prediction, one.quantity), []).append(one)
    return [_of_settings(group, subject, by_name=by_name) for group in groups.values()]


def card_findings(of_sections: Iterable[Sequence[Finding]]) -> list[Finding]:
    """The findings of a card: first those with a verdict, one of each section before a second one.

    Args:
        of_sections: findings of each section, in the sections' order.
    """
    turns = zip_longest(*of_sections)
    found = [one for turn in turns for one in turn if one is not None]
    judged, others = (
        [one for one in found if bool(one.verdicts) is which] for which in (True, False)
    )
    return [*judged[:MAX_JUDGED], *others, *judged[MAX_JUDGED:]][:MAX_FINDINGS]


def _of_settings(
    group: Sequence[Prediction], subject: Callable[[Prediction], str], *, by_name: bool
) -> Finding:
    shown = next((one for one in group if one.measured is not None), group[0])
    predicted = "" if shown.predicted is None else f", predicted {shown.predicted:g}"
    name = f" by {shown.prediction}" if by_name and predicted else ""
    where = f" ({shown.setting})" if shown.setting else ""
    measured = estimate_words(shown.measured) or "not measured"
    return Finding(
        f"{subject(shown)}{where}: {measured}{predicted}{name}",
        tuple(one.verdict for one in group if one.verdict),
        shown.reason or "",
    )
