"""Each part of the state of a process is compared, and restored after a check."""

from __future__ import annotations

import logging
import os
import random
import warnings
from collections.abc import Callable

import numpy as np
import pytest
import torch
from pluxel.core.conformance._state import differences, restored, snapshot

CHANGES: dict[str, Callable[[], object]] = {
    "random numbers of the module random": lambda: random.seed(3),
    "random numbers of NumPy": lambda: np.random.seed(3),
    "PyTorch's gradient mode": lambda: torch.set_grad_enabled(False),
    "PyTorch's default dtype": lambda: torch.set_default_dtype(torch.float64),
    "PyTorch's default device": lambda: torch.set_default_device("meta"),
    "PyTorch's number of threads": lambda: torch.set_num_threads(torch.get_num_threads() + 1),
    "PyTorch's deterministic mode": lambda: torch.use_deterministic_algorithms(True),
    "cuDNN's benchmark mode": lambda: setattr(
        torch.backends.cudnn, "benchmark", not torch.backends.cudnn.benchmark
    ),
    "the root logger": lambda: logging.getLogger().addHandler(logging.NullHandler()),
    "the filters of warnings": lambda: warnings.simplefilter("ignore"),
    "the environment variables": lambda: os.environ.update(PLUXEL_TEST="1"),
    "the working folder": lambda: os.chdir("/"),
}


def test_every_part_is_tried() -> None:
    assert {*CHANGES} == {*snapshot()}


@pytest.mark.parametrize("part", CHANGES)
def test_a_change_is_found_and_undone(part: str) -> None:
    before = snapshot()
    with restored():
        CHANGES[part]()
        assert differences(before, snapshot()) == [part]
    assert differences(before, snapshot()) == []


def test_random_numbers_of_torch_continue() -> None:
    before = torch.get_rng_state()
    with restored():
        torch.manual_seed(3)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_warning_of_a_check_is_shown_again_later() -> None:
    def warn() -> None:
        warnings.warn("careful", stacklevel=1)

    with pytest.warns(UserWarning, match="careful"):
        warn()
    with restored():
        warnings.simplefilter("ignore")
        warn()
    with pytest.warns(UserWarning, match="careful"):
        warn()
