"""Sample the loss: keep the labels of some cells of a map, and ignore those of the others.

Long, Shelhamer & Darrell (CVPR 2015), sections 3.4 and 4.3: a network trained on whole images sees
the patches of an ordinary patchwise training if the loss ignores a random part of the final cells.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ..geometry.grid import Grid
from ._random import generator


@dataclass(frozen=True)
class CellSampling:
    """Keep each cell of ``grid`` with a probability; a cell covers the pixels nearest to it."""

    probability: float
    grid: Grid

    def kept(self, size: tuple[int, int], seed: int, n: int) -> np.ndarray:
        """Return (H, W) bool, whether training sample *n* keeps each pixel.

        It depends only on the arguments: maps on the same grid keep the same cells.
        """
        rows, columns = (
            _cells(length, self.grid.stride[axis], self.grid.offset[axis])
            for axis, length in enumerate(size)
        )
        draws = generator(seed, n, "cells").random((rows[-1] + 1, columns[-1] + 1))
        return (draws < self.probability)[rows[:, None], columns]

    def apply(self, target: np.ndarray, ignore_index: int, seed: int, n: int) -> np.ndarray:
        """Return a target (H, W) in which the pixels that are not kept are ignored."""
        kept = self.kept((target.shape[0], target.shape[1]), seed, n)
        return np.where(kept, target, target.dtype.type(ignore_index))


def _cells(length: int, stride: Fraction, offset: Fraction) -> np.ndarray:
    """Return the nearest cell of each pixel of an axis, from 0; of two, the later."""
    # floor((x − offset) / stride + 1/2), in integers
    first = Fraction(1, 2) - offset / stride
    scale = (1 / stride).denominator * first.denominator
    cells = (np.arange(length) * int(scale / stride) + int(first * scale)) // scale
    return cells - cells[0]
