"""What a trial knows of its session, on a node whose clock is its own."""

import time

import pytest

from sweeps.provenance.source_code import code_of
from sweeps.train.shard import Session
from tests.toy import TOY

BEGAN, HANDED_OUT, NOW = 1000.0, 1500.0, 1510.0
"""By the driver's clock; a shard that begins now has waited for ten seconds."""


@pytest.mark.parametrize("apart_s", [-3600.0, -30.0, 0.0, 30.0, 3600.0])
def test_a_session_is_about_as_old_by_any_clock(
    apart_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sweeps.train.executors.trials import by_own_clock

    monkeypatch.setattr(time, "time", lambda: NOW + apart_s)
    own = by_own_clock(Session("name", BEGAN, code_of(TOY)), HANDED_OUT)
    age = NOW + apart_s - own.began
    within = 30.0 if abs(apart_s) <= 30.0 else 0.0  # a clock that is little apart cannot be told
    assert HANDED_OUT - BEGAN <= age <= NOW - BEGAN + within
