"""Times side by side: in turns, the first of which does not count."""

from __future__ import annotations

import time

import pytest
import torch
from pluxel.core.common.timing import in_turns, multiply_adds
from torch import nn


def test_in_turns_with_a_first_one_that_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    calls: list[str] = []
    # The first call of each is slow, as when files and caches are cold.
    takes = {"one": iter([100.0, 1.0, 5.0, 2.0]), "other": iter([100.0, 30.0, 10.0, 20.0])}

    def call(name: str) -> None:
        calls.append(name)
        clock[0] += next(takes[name])

    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])
    found = in_turns({name: lambda name=name: call(name) for name in takes}, 3)
    assert found == {"one": 2.0, "other": 20.0}
    assert calls == ["one", "other"] * 4


def test_devices_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[int] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "synchronize", waited.append)
    in_turns({"one": lambda: None}, 1)
    assert waited == [0, 1] * 4


def test_multiply_adds_cost_nothing_on_the_meta_device() -> None:
    with torch.device("meta"):
        network = nn.Sequential(nn.Conv2d(3, 8, 3, bias=False), nn.Flatten(), nn.Linear(8 * 36, 5))
        image = torch.zeros(2, 3, 8, 8)
    assert multiply_adds(network, image) == 2 * (36 * 8 * 27 + 8 * 36 * 5)
