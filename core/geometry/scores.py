"""Class scores that know the grid on which they lie."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from .grid import Border, Grid


@dataclass(frozen=True)
class Scores:
    """Class scores on a known grid: ``tensor`` is (N, C, h, w), unnormalized.

    ``border``: what lies outside of the map for whoever resamples it.
    """

    tensor: Tensor
    grid: Grid
    border: Border = "replicate"
