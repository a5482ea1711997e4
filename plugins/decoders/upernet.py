"""UPerNet: pyramid pooling of the deepest map, then a feature pyramid whose levels are appended.

Xiao, Liu, Zhou, Jiang, Sun: "Unified Perceptual Parsing for Scene Understanding", ECCV 2018. The
default form is that of segmentation_models.pytorch.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from ...core import FeatureSpec, Scores
from ...core.authoring import (
    ConvNormAct,
    HeadForm,
    Norm,
    OnGrid,
    PyramidPooling,
    Resampling,
    norm_layer,
    score_layer,
)
from .._parameters import Dropout
from ._maps import pyramid
from ._resampling import scores_of

LEVELS = 4


class UPerNet(nn.Module):
    """Pool the deepest map at four sizes, and fuse it with the finer ones as a feature pyramid.

    The levels are the four deepest maps whose strides double, or as many as there are. A cell
    depends on the whole image.

    ``channels``: of each level. ``dropout``: of whole channels before scoring.
    ``form``: ``smp`` normalizes the channels of each map of the backbone first; ``paper`` does not.
    ``norm``: the normalization after each convolution. ``resampling``: how maps meet, at the
    positions of their cells (``grid``) or from size to size (``smp``).
    """

    def __init__(
        self,
        features: Sequence[FeatureSpec],
        num_classes: int,
        *,
        channels: Annotated[int, Field(ge=1)] = 256,
        dropout: Dropout = 0.0,
        norm: Norm = "batch",
        form: HeadForm = "smp",
        resampling: Resampling = "grid",
    ) -> None:
        super().__init__()
        self.indices = pyramid(features, LEVELS)
        specs = [features[index] for index in self.indices]
        stretching = "bilinear" if resampling == "smp" else None
        self.feature_norms = nn.ModuleList(
            norm_layer("layer" if form == "smp" else "none", spec.channels) for spec in specs
        )
        self.psp = PyramidPooling(specs[0].channels, channels, norm=norm)
        pooled = specs[0].channels + len(self.psp.bins) * channels
        self.out_conv = ConvNormAct(pooled, channels, norm=norm)
        self.laterals = nn.ModuleList(
            ConvNormAct(spec.channels, channels, 1, norm=norm) for spec in specs[1:]
        )
        self.down = nn.ModuleList(
            OnGrid(coarse.grid, fine.grid, stretching=stretching)
            for coarse, fine in pairwise(specs)
        )
        self.smooth = nn.ModuleList(ConvNormAct(channels, channels, norm=norm) for _ in specs[1:])
        self.finest = specs[-1]
        self.up = nn.ModuleList(
            OnGrid(spec.grid, self.finest.grid, stretching=stretching) for spec in specs[:-1]
        )
        self.fusion = ConvNormAct(len(specs) * channels, channels, norm=norm)
        self.dropout = nn.Dropout2d(dropout)
        self.score = score_layer(channels, num_classes)
        self.resampling: Resampling = resampling

    def forward(self, maps: Sequence[Tensor]) -> Scores:
        """Return scores for the backbone's maps, each (N, channels, h, w)."""
        coarsest, *finer = (
            norm(maps[index]) for norm, index in zip(self.feature_norms, self.indices, strict=True)
        )
        levels = [self.out_conv(torch.cat([coarsest, *self.psp(coarsest)], dim=1))]
        for lateral, down, skip in zip(self.laterals, self.down, finer, strict=True):
            level = lateral(skip)
            levels.append(down(levels[-1], level.shape[-2:]) + level)
        levels[1:] = [conv(level) for conv, level in zip(self.smooth, levels[1:], strict=True)]
        size = levels[-1].shape[-2:]
        upsampled = [up(level, size) for up, level in zip(self.up, levels[:-1], strict=True)]
        # Fine to coarse, as the saved weights have it.
        fused = self.fusion(torch.cat([levels[-1], *reversed(upsampled)], dim=1))
        return scores_of(
            self.score(self.dropout(fused)), self.finest.grid, self.resampling, self.finest.border
        )
