"""Run a model on large images tile by tile, with the same result as on the whole image.

The scores of a pixel depend on the cells around it, and a cell depends only on its receptive field.
So a tile gives the scores of the whole image under two conditions. It needs a margin of this width
(a halo), which contains all effects of padding at the cut. And its window must begin at a multiple
of the strides. If receptive fields are infinite (attention, global pooling), no tile is exact:
overlapping windows are then blended, weighted by a Gaussian around their centers.
"""

from ....geometry.regions import BLOCK, Region
from ._reach import Reach, measured
from ._tiling import Tiling
from ._verifying import verified

__all__ = ["BLOCK", "Reach", "Region", "Tiling", "measured", "verified"]
