"""How decoders upsample: from grid to grid, or from size to size as other libraries do."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from ...core import Grid, Scores
from ...core.authoring import Border, Stretching, stretched_grid

InterpolationChoice = Literal["grid", "smp", "smp-bilinear"]
"""How maps meet. ``grid``: at the exact positions of their cells. ``smp``: from size to size, as
segmentation_models.pytorch does by default, the nearest cell; ``smp-bilinear``: as it does with
``decoder_interpolation="bilinear"``."""
BETWEEN_MAPS: dict[InterpolationChoice, Stretching | None] = {
    "grid": None,
    "smp": "nearest",
    "smp-bilinear": "bilinear",
}


def scores_of(
    scores: Tensor, grid: Grid, resampling: InterpolationChoice, border: Border = "replicate"
) -> Scores:
    """Return scores (N, C, h, w) on the grid of the map from which they are.

    Unless ``resampling`` is ``grid``, the outer cells are at the outer pixels of an image that has
    as many pixels as cells, times the stride: so segmentation_models.pytorch upsamples scores.
    """
    if resampling == "grid":
        return Scores(scores, grid, border)
    cells = scores.shape[-2:]
    sizes = [round(count * stride) for count, stride in zip(cells, grid.stride, strict=True)]
    return Scores(scores, stretched_grid(cells, sizes, "corners"))
