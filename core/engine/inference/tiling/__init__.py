"""Run a model on an image of any size tile by tile, with the result of the whole image.

A pixel's scores depend on the cells around it, and a cell sees no further than its receptive field.
So a tile with that much of the image around it (a halo), cut where the network's strides fall on
the same pixels, gives the scores that the whole image gives; what layers pad at the cut stays in
the halo. If receptive fields are infinite (attention, global pooling), no tile can be exact:
overlapping windows are then blended, each weighted by a Gaussian around its center.
"""

from ....geometry.regions import BLOCK, Region
from ._reach import Reach, reach_of
from ._tiling import Tiling
from ._verifying import verified

__all__ = ["BLOCK", "Reach", "Region", "Tiling", "reach_of", "verified"]
