"""Seed torch's random numbers, and make results reproducible."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw torch's random numbers on the CPU from a seed; restore the generator afterwards."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


def combined_seed(*numbers: int) -> int:
    """Return a 63-bit seed from several numbers; similar numbers give unrelated seeds."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0]) >> 1


def make_deterministic() -> None:
    """Make torch reject operations whose results vary between runs, in the whole process.

    Training with ``deterministic: true`` needs this. The command line calls it; a script must call
    it before it builds anything.
    """
    torch.use_deterministic_algorithms(True)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # torch rejects cuBLAS without it
