"""Convolutions and scores on one map: a small head, such as an auxiliary one.

Long, Shelhamer, Darrell (2015) score a map by a 1×1 convolution; the 3×3 convolutions before it are
those of the auxiliary heads of PSPNet (Zhao et al., CVPR 2017, section 3.3).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field
from torch import Tensor, nn

from ...core import FeatureSpec, Scores
from ...core.authoring import ConvNormAct, Norm, deepest, score_layer, select_strides
from .._parameters import Dropout


class FCNHead(nn.Module):
    """Apply 3×3 convolutions to one map, and score it.

    ``stride``: that of the map; by default the largest. ``convs``: how many convolutions.
    ``channels``: of their output; by default a quarter of the map's.
    ``dropout``: of the features before scoring.
    ``norm``: the normalization after each convolution.

    Raises: StrideError if no map has the stride.
    """

    def __init__(
        self,
        features: Sequence[FeatureSpec],
        num_classes: int,
        *,
        stride: Annotated[int, Field(ge=1)] | None = None,
        convs: Annotated[int, Field(ge=0)] = 1,
        channels: Annotated[int, Field(ge=1)] | None = None,
        dropout: Dropout = 0.1,
        norm: Norm = "batch",
    ) -> None:
        super().__init__()
        self.index = deepest(features) if stride is None else select_strides(features, (stride,))[0]
        self.scored = features[self.index]
        width = self.scored.channels
        hidden = channels or max(1, width // 4)
        self.convs = nn.Sequential(
            *(ConvNormAct(hidden if i else width, hidden, norm=norm) for i in range(convs))
        )
        self.dropout = nn.Dropout(dropout)
        self.score = score_layer(hidden if convs else width, num_classes)

    def forward(self, maps: Sequence[Tensor]) -> Scores:
        """Return scores for the backbone's maps, each (N, channels, h, w)."""
        scores = self.score(self.dropout(self.convs(maps[self.index])))
        return Scores(scores, self.scored.grid, self.scored.border)
