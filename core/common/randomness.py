"""Torch's random numbers from a seed, and results that repeat."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw torch's random numbers on the CPU from a seed; afterwards theirs go on as before."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


def make_deterministic() -> None:
    """Have torch refuse operations whose results vary between runs, in this whole process.

    A training with ``deterministic: true`` needs it. The command line calls it; a script does so
    before it builds anything.
    """
    torch.use_deterministic_algorithms(True)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it torch refuses cuBLAS
