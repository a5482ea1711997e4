"""Random numbers that depend only on a seed, a number and a purpose."""

from __future__ import annotations

from typing import Literal

import numpy as np

Purpose = Literal["permutation", "draw", "augmentation", "cells"]

# Not 0: numpy treats [seed, n] and [seed, n, 0] as equal.
_NUMBERS = {"permutation": 1, "draw": 2, "augmentation": 3, "cells": 4}


def generator(seed: int, n: int, purpose: Purpose) -> np.random.Generator:
    """Return an independent generator for each triple of arguments."""
    return np.random.default_rng([seed, n, _NUMBERS[purpose]])
