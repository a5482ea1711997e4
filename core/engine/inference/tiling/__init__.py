"""Images of any size through a model in pieces, with the result of the whole.

A pixel's scores come from the cells around it, and a cell sees no further than its receptive field.
So a piece of the image with that much around it (a halo), cut where the network's strides fall on
the same pixels, gives the scores that the whole image gives; what layers pad at the cut stays in
the halo. Where receptive fields have no end (attention, global pooling), no piece can be exact:
windows that overlap are blended there, each counting by a Gaussian around its middle.
"""

from ....geometry.regions import BLOCK, Region
from ._probing import tried
from ._reach import Reach, reach_of
from ._tiling import Tiling

__all__ = ["BLOCK", "Reach", "Region", "Tiling", "reach_of", "tried"]
