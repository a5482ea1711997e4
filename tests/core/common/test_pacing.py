"""Repeated work has pauses, so that it takes a bounded fraction of the time."""

from __future__ import annotations

import time

import pytest
from pluxel.core.common.pacing import Pace


def test_a_pause_follows_each_piece_of_work(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    pace = Pace()
    assert pace.is_due
    with pace.working(0.1):
        now[0] += 2
    for passed, due in ((0, False), (19.9, False), (0.1, True)):
        now[0] += passed
        assert pace.is_due == due


def test_work_that_fails_has_no_pause() -> None:
    pace = Pace()
    with pytest.raises(ZeroDivisionError), pace.working(1e-9):
        _ = 1 // 0
    assert pace.is_due
