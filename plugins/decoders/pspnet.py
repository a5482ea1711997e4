"""PSPNet: each cell sees the means of the image's parts, in four sizes.

Zhao, Shi, Qi, Wang, Jia: "Pyramid Scene Parsing Network", CVPR 2017. The default form is that of
segmentation_models.pytorch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from ...core import FeatureSpec, Scores
from ...core.authoring import ConvNormAct, HeadForm, Norm, PyramidPooling, Resampling, score_layer
from .._parameters import Dropout
from ._maps import up_to_stride
from ._resampling import scores_of

Bins = Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)]


class PSPNet(nn.Module):
    """Append the means of the map's parts to it, and score the result.

    The map is the deepest of at most ``stride`` pixels; of a backbone with ``output_stride: 8``
    that is the last, as in the paper. A cell depends on the whole image.

    ``out_channels``: of the map that is scored. ``bins``: the map is divided into bins × bins
    parts. ``dropout``: of whole channels before scoring.
    ``form``: ``smp`` has a 1×1 convolution before the scores, which are a 3×3 one, and does not
    normalize the mean of the whole map; ``paper`` has the 3×3 one first, and normalizes all.
    ``stride``: of the map, at most. ``norm``: the normalization after each convolution.
    ``resampling``: how maps meet, at the positions of their cells (``grid``) or from size to size
    (``smp``).
    """

    def __init__(
        self,
        features: Sequence[FeatureSpec],
        num_classes: int,
        *,
        stride: Annotated[int, Field(ge=1)] = 8,
        out_channels: Annotated[int, Field(ge=1)] = 512,
        bins: Bins = (1, 2, 3, 6),
        dropout: Dropout = 0.2,
        norm: Norm = "batch",
        form: HeadForm = "smp",
        resampling: Resampling = "grid",
    ) -> None:
        super().__init__()
        self.index = up_to_stride(features, stride)
        self.pooled = features[self.index]
        width = self.pooled.channels
        part = max(1, width // len(bins))
        self.psp = PyramidPooling(
            width,
            part,
            bins=bins,
            norm=norm,
            norm_of_whole="none" if form == "smp" else norm,
            stretching="corners" if resampling == "smp" else "bilinear",
        )
        first, last = (1, 3) if form == "smp" else (3, 1)
        self.conv = ConvNormAct(width + len(bins) * part, out_channels, first, norm=norm)
        self.dropout = nn.Dropout2d(dropout)
        self.score = score_layer(out_channels, num_classes, last)
        self.resampling: Resampling = resampling

    def forward(self, maps: Sequence[Tensor]) -> Scores:
        """Return scores for the backbone's maps, each (N, channels, h, w)."""
        features = maps[self.index]
        joined = torch.cat([*self.psp(features), features], dim=1)
        scores = self.score(self.dropout(self.conv(joined)))
        return scores_of(scores, self.pooled.grid, self.resampling, self.pooled.border)
