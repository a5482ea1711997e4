"""SegFormer's all-MLP decoder: a linear layer for each map, and one over all of them.

Xie, Wang, Yu, Anandkumar, Alvarez, Luo: "SegFormer: Simple and Efficient Design for Semantic
Segmentation with Transformers", NeurIPS 2021, section 3.2. The default form is that of
segmentation_models.pytorch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from ...core import FeatureSpec, Scores
from ...core.authoring import ConvNormAct, HeadForm, Norm, OnGrid, Resampling, score_layer
from .._parameters import Dropout
from ._maps import near_stride, pyramid
from ._resampling import scores_of


class SegFormer(nn.Module):
    """Project each map to the same number of channels, and fuse them by a 1×1 convolution.

    ``segmentation_channels``: of each projection and of the fused map, which has about stride 4.
    ``dropout``: of whole channels before scoring.
    ``form``: ``smp`` fuses the five deepest maps whose strides double, or as many as there are;
    ``paper`` fuses four.
    ``norm``: the normalization after each convolution. ``resampling``: how maps meet, at the
    positions of their cells (``grid``) or from size to size (``smp``).
    """

    def __init__(
        self,
        features: Sequence[FeatureSpec],
        num_classes: int,
        *,
        segmentation_channels: Annotated[int, Field(ge=1)] = 256,
        dropout: Dropout = 0.0,
        norm: Norm = "batch",
        form: HeadForm = "smp",
        resampling: Resampling = "grid",
    ) -> None:
        super().__init__()
        self.indices = pyramid(features, 5 if form == "smp" else 4)
        specs = [features[index] for index in self.indices]
        fused = near_stride(specs, 4)
        self.fused, self.fused_index = specs[fused], self.indices[fused]
        self.mlp_stage = nn.ModuleList(
            score_layer(spec.channels, segmentation_channels) for spec in specs
        )
        stretching = "bilinear" if resampling == "smp" else None
        self.onto_fused = nn.ModuleList(
            OnGrid(spec.grid, self.fused.grid, stretching=stretching) for spec in specs
        )
        self.finer = [spec.grid.stride < self.fused.grid.stride for spec in specs]
        self.fuse_stage = ConvNormAct(
            len(specs) * segmentation_channels, segmentation_channels, 1, norm=norm
        )
        self.dropout = nn.Dropout2d(dropout)
        self.score = score_layer(segmentation_channels, num_classes)
        self.resampling: Resampling = resampling

    def forward(self, maps: Sequence[Tensor]) -> Scores:
        """Return scores for the backbone's maps, each (N, channels, h, w)."""
        size = maps[self.fused_index].shape[-2:]
        fuse: Any = self.fuse_stage
        # Each map passes both linear layers before it is upsampled: the sum is that of one layer
        # over all maps, because interpolation is linear and its weights sum to 1.
        parts: list[Tensor] = []
        for index, mlp, weight, onto_fused, finer in zip(
            self.indices,
            self.mlp_stage,
            fuse[0].weight.chunk(len(self.indices), dim=1),
            self.onto_fused,
            self.finer,
            strict=True,
        ):
            given = onto_fused(maps[index], size) if finer else maps[index]
            part = functional.conv2d(mlp(given), weight)
            parts.append(part if finer else onto_fused(part, size))
        fused = sum(parts[1:], parts[0])
        if fuse[0].bias is not None:
            fused = fused + fuse[0].bias[:, None, None]
        scores = self.score(self.dropout(fuse[2](fuse[1](fused))))
        return scores_of(scores, self.fused.grid, self.resampling, self.fused.border)
