"""Semantic FPN: a feature pyramid, each level of which is convolved and upsampled to the finest.

Kirillov, Girshick, He, Dollár: "Panoptic Feature Pyramid Networks", CVPR 2019, section 3.1. The
default form is that of segmentation_models.pytorch.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from ...core import FeatureSpec, Scores
from ...core.authoring import ConvNormAct, HeadForm, Norm, OnGrid, initialize, score_layer
from .._parameters import Dropout
from ._maps import pyramid
from ._resampling import BETWEEN_MAPS, InterpolationChoice, scores_of

LEVELS = 4


class SemanticFPN(nn.Module):
    """Convolve and upsample each level of a feature pyramid to the finest, and merge them.

    The levels are the four deepest maps whose strides double, or as many as there are.
    ``pyramid_channels``: of each level. ``segmentation_channels``: of the maps to merge.
    ``merge_policy``: add them, or append them. ``dropout``: of whole channels of the result.
    ``norm``: ``group``, as in the paper, makes a cell depend on the whole image.
    ``form``: ``paper`` convolves each level of the pyramid once more.
    ``resampling``: how maps meet, at the positions of their cells (``grid``) or from size to size
    (``smp``).
    """

    def __init__(
        self,
        features: Sequence[FeatureSpec],
        num_classes: int,
        *,
        pyramid_channels: Annotated[int, Field(ge=1)] = 256,
        segmentation_channels: Annotated[int, Field(ge=1)] = 128,
        merge_policy: Literal["add", "cat"] = "add",
        dropout: Dropout = 0.2,
        norm: Norm = "group",
        form: HeadForm = "smp",
        resampling: InterpolationChoice = "grid",
    ) -> None:
        super().__init__()
        self.indices = pyramid(features, LEVELS)
        grids = [features[index].grid for index in self.indices]
        self.laterals = nn.ModuleList(
            nn.Conv2d(features[index].channels, pyramid_channels, 1) for index in self.indices
        )
        initialize(self.laterals)
        self.down = nn.ModuleList(
            OnGrid(coarse, fine, stretching=BETWEEN_MAPS[resampling])
            for coarse, fine in pairwise(grids)
        )
        self.smooth = nn.ModuleList(
            ConvNormAct(pyramid_channels, pyramid_channels, norm=norm)
            if form == "paper"
            else nn.Identity()
            for _ in grids
        )
        self.levels = nn.ModuleList()
        for first in range(len(grids)):
            widths = [pyramid_channels] + [segmentation_channels] * max(1, len(grids) - 1 - first)
            self.levels.append(
                nn.ModuleList(ConvNormAct(a, b, norm=norm) for a, b in pairwise(widths))
            )
        self.up = nn.ModuleList(
            OnGrid(coarse, fine, stretching=None if resampling == "grid" else "corners")
            for coarse, fine in pairwise(grids)
        )
        self.merge_policy = merge_policy
        merged = segmentation_channels * (len(grids) if merge_policy == "cat" else 1)
        self.dropout = nn.Dropout2d(dropout)
        self.score = score_layer(merged, num_classes)
        self.finest = features[self.indices[-1]]
        self.resampling: InterpolationChoice = resampling

    def forward(self, maps: Sequence[Tensor]) -> Scores:
        """Return scores for the backbone's maps, each (N, channels, h, w)."""
        chosen = [maps[index] for index in self.indices]
        sizes = [level.shape[-2:] for level in chosen]
        pyramid_maps = [self.laterals[0](chosen[0])]
        for lateral, down, level in zip(self.laterals[1:], self.down, chosen[1:], strict=True):
            skip = lateral(level)
            pyramid_maps.append(down(pyramid_maps[-1], skip.shape[-2:]) + skip)
        merged = [
            self._finest(first, smooth(level), sizes)
            for first, (smooth, level) in enumerate(zip(self.smooth, pyramid_maps, strict=True))
        ]
        joined = torch.cat(merged, 1) if self.merge_policy == "cat" else sum(merged[1:], merged[0])
        scores = self.score(self.dropout(joined))
        return scores_of(scores, self.finest.grid, self.resampling, self.finest.border)

    def _finest(self, first: int, level: Tensor, sizes: Sequence[torch.Size]) -> Tensor:
        """Return the level ``first`` on the finest grid: convolved, then upsampled, repeatedly."""
        convolutions: Any = self.levels[first]
        for at, convolution in enumerate(convolutions, first):
            level = convolution(level)
            if at < len(self.up):
                level = self.up[at](level, sizes[at + 1])
        return level
