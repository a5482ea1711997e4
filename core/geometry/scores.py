"""Class scores together with the grid of their cells."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from .grid import Border, Grid


@dataclass(frozen=True)
class Scores:
    """Class scores on a known grid; ``tensor`` is (N, C, h, w), unnormalized.

    ``border``: the values outside of the map, used for resampling.
    """

    tensor: Tensor
    grid: Grid
    border: Border = "replicate"
