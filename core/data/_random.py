"""Random numbers that depend on a seed, a number and a purpose, and on nothing else."""

from __future__ import annotations

from typing import Literal

import numpy as np

Purpose = Literal["permutation", "draw", "augmentation"]

# Never 0: numpy takes [seed, n] and [seed, n, 0] for the same.
_NUMBERS = {"permutation": 1, "draw": 2, "augmentation": 3}


def generator(seed: int, n: int, purpose: Purpose) -> np.random.Generator:
    """Return a generator of its own for each triple."""
    return np.random.default_rng([seed, n, _NUMBERS[purpose]])
