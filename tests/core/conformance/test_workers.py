"""What the kit says when a process cannot do what this one can."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from pluxel.core import LabelMap, Sample
from pluxel.core.conformance._check import ConformanceError
from pluxel.core.conformance._datasets import forked_workers, spawned_workers
from pluxel.core.conformance._fresh import module_at
from pluxel.registry import PluxelError


class AtHome:
    """A dataset that only one process can read."""

    labels = {"semantic": LabelMap({0: "a"})}

    def __init__(self) -> None:
        self.process = os.getpid()

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> Sample:
        if os.getpid() != self.process:
            raise ValueError("only at home")
        return Sample("a", {"image": np.zeros((4, 4, 3), np.uint8)}, {}, {})


@pytest.mark.parametrize(("check", "start"), [(forked_workers, "fork"), (spawned_workers, "spawn")])
def test_the_error_of_a_worker_is_quoted_once(check: Any, start: str) -> None:
    subject: Any = SimpleNamespace(dataset=AtHome)
    with pytest.raises(ConformanceError) as caught:
        check(subject)
    assert str(caught.value) == (
        f"a worker process ({start}) cannot read it: ValueError: only at home"
    )


def test_a_plugin_that_is_the_program_has_no_module() -> None:
    assert module_at(__file__) == __name__
    with pytest.raises(PluxelError, match="^no module can be imported from /none.py: move"):
        module_at("/none.py")
