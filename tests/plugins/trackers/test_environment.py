"""Trackers that run side by side share the variables of the process."""

from __future__ import annotations

import os
from contextlib import ExitStack
from threading import Thread

import pytest
from pluxel.plugins.trackers._package import environment


@pytest.mark.parametrize("before", ["mine", None])
@pytest.mark.parametrize("value", ["true", None])
@pytest.mark.parametrize("last", [0, 1])
def test_a_variable_comes_back_with_the_last_holder(
    monkeypatch, before: str | None, value: str | None, last: int
) -> None:
    if before is None:
        monkeypatch.delenv("PLUXEL_HELD", raising=False)
    else:
        monkeypatch.setenv("PLUXEL_HELD", before)
    holders = ExitStack(), ExitStack()
    for holder in holders:
        holder.enter_context(environment(PLUXEL_HELD=value))
        assert os.environ.get("PLUXEL_HELD") == value
    holders[1 - last].close()
    assert os.environ.get("PLUXEL_HELD") == value
    holders[last].close()
    assert os.environ.get("PLUXEL_HELD") == before


def test_threads_lose_no_holder(monkeypatch) -> None:
    monkeypatch.setenv("PLUXEL_HELD", "mine")
    wrong = []

    def hold() -> None:
        for _ in range(500):
            with environment(PLUXEL_HELD="held"):
                if os.environ.get("PLUXEL_HELD") != "held":
                    wrong.append(True)

    threads = [Thread(target=hold) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert os.environ["PLUXEL_HELD"] == "mine"
