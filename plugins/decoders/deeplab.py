"""DeepLabV3 and DeepLabV3+: atrous spatial pyramid pooling of the deepest map.

Chen, Papandreou, Schroff, Adam: "Rethinking Atrous Convolution for Semantic Image Segmentation",
2017 (V3). Chen, Zhu, Papandreou, Schroff, Adam: "Encoder-Decoder with Atrous Separable Convolution
for Semantic Image Segmentation", ECCV 2018 (V3+). The default forms are those of
segmentation_models.pytorch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from ...core import FeatureSpec, Scores
from ...core.authoring import (
    ASPP,
    ConvNormAct,
    HeadForm,
    Norm,
    OnGrid,
    Resampling,
    StrideError,
    deepest,
    score_layer,
)
from .._parameters import Dropout
from ._maps import PYRAMID, near_stride
from ._resampling import scores_of

Rates = Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)]
LOW_LEVEL_CHANNELS = 48
"""Channels of the fine map after its convolution (V3+, section 4.1)."""


class DeepLabV3(nn.Module):
    """See each cell at several dilations, and the mean of the image (ASPP), and score the result.

    The map is the deepest one; set ``output_stride: 8`` or ``16`` of the backbone, as the paper
    does. A cell depends on the whole image.

    ``channels``: of each view. ``atrous_rates``: dilations; with stride 16, the paper has (6, 12,
    18), with stride 8 twice that. ``aspp_separable``: one filter for each channel, then a 1×1
    convolution. ``aspp_dropout``: of what the views give together.
    ``form``: ``smp`` has one more 3×3 convolution before the scores, as torchvision does.
    ``norm``: the normalization after each convolution. ``resampling``: how maps meet, at the
    positions of their cells (``grid``) or from size to size (``smp``).
    """

    def __init__(
        self,
        features: Sequence[FeatureSpec],
        num_classes: int,
        *,
        channels: Annotated[int, Field(ge=1)] = 256,
        atrous_rates: Rates = (12, 24, 36),
        aspp_separable: bool = False,
        aspp_dropout: Dropout = 0.5,
        norm: Norm = "batch",
        form: HeadForm = "smp",
        resampling: Resampling = "grid",
    ) -> None:
        super().__init__()
        self.index = deepest(features)
        self.scored = features[self.index]
        self.aspp = ASPP(
            self.scored.channels,
            channels,
            atrous_rates,
            separable=aspp_separable,
            dropout=aspp_dropout,
            norm=norm,
        )
        self.conv = ConvNormAct(channels, channels, norm=norm) if form == "smp" else nn.Identity()
        self.score = score_layer(channels, num_classes)
        self.resampling: Resampling = resampling

    def forward(self, maps: Sequence[Tensor]) -> Scores:
        """Return scores for the backbone's maps, each (N, channels, h, w)."""
        scores = self.score(self.conv(self.aspp(maps[self.index])))
        return scores_of(scores, self.scored.grid, self.resampling, self.scored.border)


class DeepLabV3Plus(nn.Module):
    """As DeepLabV3, and refine the result with a fine map of the backbone, of about stride 4.

    Set ``output_stride: 16`` of the backbone, as the paper does. A cell depends on the whole image.

    ``channels``: of each view and of the refined map. ``atrous_rates``: dilations; the paper has
    (6, 12, 18) with stride 16. ``aspp_separable``: one filter for each channel, then a 1×1
    convolution, as everywhere in the refinement. ``aspp_dropout``: of what the views give together.
    ``form``: ``smp`` has one convolution before the fine map and one after it; ``paper`` has none
    before it and two after it.
    ``norm``: the normalization after each convolution. ``resampling``: how maps meet, at the
    positions of their cells (``grid``) or from size to size (``smp``).

    Raises: StrideError if all maps of the backbone have one stride.
    """

    def __init__(
        self,
        features: Sequence[FeatureSpec],
        num_classes: int,
        *,
        channels: Annotated[int, Field(ge=1)] = 256,
        atrous_rates: Rates = (12, 24, 36),
        aspp_separable: bool = True,
        aspp_dropout: Dropout = 0.5,
        norm: Norm = "batch",
        form: HeadForm = "smp",
        resampling: Resampling = "grid",
    ) -> None:
        super().__init__()
        self.index, self.fine_index = deepest(features), near_stride(features, 4)
        coarse, self.fine = features[self.index], features[self.fine_index]
        if self.fine.grid.stride >= coarse.grid.stride:
            raise StrideError("maps of two strides, such as 4 and 16", features, [PYRAMID])
        self.aspp = ASPP(
            coarse.channels,
            channels,
            atrous_rates,
            separable=aspp_separable,
            dropout=aspp_dropout,
            norm=norm,
        )

        def convolution(given: int) -> ConvNormAct:
            return ConvNormAct(given, channels, norm=norm, separable=True)

        self.smooth = convolution(channels) if form == "smp" else nn.Identity()
        self.up = OnGrid(
            coarse.grid,
            self.fine.grid,
            coarse.border,
            stretching="corners" if resampling == "smp" else None,
        )
        self.block1 = ConvNormAct(self.fine.channels, LOW_LEVEL_CHANNELS, 1, norm=norm)
        self.block2 = convolution(channels + LOW_LEVEL_CHANNELS)
        self.refine = convolution(channels) if form == "paper" else nn.Identity()
        self.score = score_layer(channels, num_classes)
        self.resampling: Resampling = resampling

    def forward(self, maps: Sequence[Tensor]) -> Scores:
        """Return scores for the backbone's maps, each (N, channels, h, w)."""
        fine = self.block1(maps[self.fine_index])
        coarse = self.up(self.smooth(self.aspp(maps[self.index])), fine.shape[-2:])
        scores = self.score(self.refine(self.block2(torch.cat([coarse, fine], dim=1))))
        return scores_of(scores, self.fine.grid, self.resampling, self.fine.border)
