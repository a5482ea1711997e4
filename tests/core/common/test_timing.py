"""Functions are timed in turns, and the first turn does not count."""

from __future__ import annotations

import time

import pytest
import torch
from pluxel.core.common.timing import in_turns, multiply_adds
from torch import nn


def test_functions_run_in_turns_and_the_first_turn_does_not_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = [0.0]
    calls: list[str] = []
    # The first call of each is slow, as it is with cold files and caches.
    seconds = {"fast": iter([100.0, 1.0, 5.0, 2.0]), "slow": iter([100.0, 30.0, 10.0, 20.0])}

    def call(name: str) -> None:
        calls.append(name)
        clock[0] += next(seconds[name])

    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])
    medians = in_turns({name: lambda name=name: call(name) for name in seconds}, 3)
    assert medians == {"fast": 2.0, "slow": 20.0}
    assert calls == ["fast", "slow"] * 4


def test_timing_waits_for_all_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    synchronized: list[int] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "synchronize", synchronized.append)
    in_turns({"nothing": lambda: None}, 1)
    assert synchronized == [0, 1] * 4


def test_multiply_adds_are_counted_on_the_meta_device() -> None:
    with torch.device("meta"):
        network = nn.Sequential(nn.Conv2d(3, 8, 3, bias=False), nn.Flatten(), nn.Linear(8 * 36, 5))
        image = torch.zeros(2, 3, 8, 8)
    assert multiply_adds(network, image) == 2 * (36 * 8 * 27 + 8 * 36 * 5)
