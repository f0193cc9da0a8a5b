"""Findings: which ones a card shows, and how verdicts of several settings are put together."""

import pytest

from analysis.report.findings import MAX_FINDINGS, Finding, card_findings, judged_findings
from analysis.report.html.card import duration
from analysis.report.predictions import Prediction
from analysis.scaling.power_law import Estimate
from analysis.scaling.prediction import (
    AGREES,
    AGREES_AT_FINITE_SIZE,
    DISAGREES,
    INCONCLUSIVE,
)

JUDGED = [Finding(f"judged {k}", (AGREES,)) for k in range(3)]
SHIFT, BREAK = Finding("shift"), Finding("break")


def prediction(verdict: str, *, setting: str = "", measured: float | None = 0.5) -> Prediction:
    estimate = None if measured is None else Estimate(measured, measured - 0.1, measured + 0.1)
    return Prediction("law", "exponent", 0.25, estimate, verdict, "few columns", setting=setting)


def test_a_finding_has_its_interval_and_its_verdict() -> None:
    (found,) = judged_findings([prediction(DISAGREES, setting="p = 0")], lambda one: one.prediction)
    assert found.text == "law (p = 0): 0.5 [0.4, 0.6], predicted 0.25"
    assert (found.verdict, found.outcome) == ("disagrees: few columns", DISAGREES)


def test_verdicts_of_all_settings_are_counted() -> None:
    verdicts = (INCONCLUSIVE, AGREES, AGREES)
    settings = [prediction(one, setting=f"p = {k}") for k, one in enumerate(verdicts)]
    (found,) = judged_findings(settings, lambda one: one.prediction)
    assert found.verdict == "inconclusive (1 of 3), agrees (2 of 3)"
    assert found.outcome == INCONCLUSIVE


def test_what_was_not_measured_is_no_number() -> None:
    lost = prediction(INCONCLUSIVE, setting="p = 0", measured=None)
    (alone,) = judged_findings([lost], lambda one: one.prediction)
    assert alone.text == "law (p = 0): not measured, predicted 0.25"
    (both,) = judged_findings(
        [lost, prediction(AGREES, setting="p = 1")], lambda one: one.prediction
    )
    assert both.text == "law (p = 1): 0.5 [0.4, 0.6], predicted 0.25"


@pytest.mark.parametrize(
    ("verdicts", "outcome"),
    [
        ((), ""),
        ((AGREES, AGREES), AGREES),
        ((AGREES, DISAGREES, INCONCLUSIVE), DISAGREES),
        ((AGREES, AGREES_AT_FINITE_SIZE), "partly"),
    ],
)
def test_the_outcome_is_that_of_the_worst_verdict(verdicts: tuple[str, ...], outcome: str) -> None:
    assert Finding("", verdicts).outcome == outcome


def test_a_card_has_what_is_judged_first_and_room_for_another_section() -> None:
    assert card_findings([[BREAK], JUDGED, [SHIFT]]) == [JUDGED[0], JUDGED[1], BREAK]
    assert card_findings([JUDGED, []]) == JUDGED[:MAX_FINDINGS]
    assert card_findings([[JUDGED[0], JUDGED[1]], [JUDGED[2]]]) == [
        JUDGED[0],
        JUDGED[2],
        JUDGED[1],
    ]
    assert card_findings([[], ()]) == []


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0, "0 s"),
        (0.47, "0.47 s"),
        (99.0, "99 s"),
        (150.0, "2.5 min"),
        (9_000.0, "2.5 h"),
        (864_000.0, "10 days"),
    ],
)
def test_a_time_is_in_a_unit_that_people_use(seconds: float, words: str) -> None:
    assert duration(seconds) == words
