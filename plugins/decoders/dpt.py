"""DPT: the blocks of a vision transformer as maps of four strides, fused from coarse to fine.

Ranftl, Bochkovskiy, Koltun: "Vision Transformers for Dense Prediction", ICCV 2021, section 3. The
form is that of segmentation_models.pytorch with ``decoder_readout="ignore"``.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import log2
from typing import Annotated

from pydantic import Field
from torch import Tensor, nn

from ...core import FeatureSpec, Grid, Scores
from ...core.authoring import (
    ConvNormAct,
    Norm,
    OnGrid,
    doubling_chain,
    initialize,
    norm_layer,
    score_layer,
)
from .._parameters import Dropout

Four = tuple[
    Annotated[int, Field(ge=1)],
    Annotated[int, Field(ge=1)],
    Annotated[int, Field(ge=1)],
    Annotated[int, Field(ge=1)],
]


class ResidualConvBlock(nn.Module):
    """Two 3×3 convolutions, each after ReLU, added to what they get."""

    def __init__(self, channels: int, norm: Norm) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for _ in range(2):
            conv = nn.Conv2d(channels, channels, 3, padding=1, bias=norm == "none")
            layers += [nn.ReLU(), conv, norm_layer(norm, channels)]
        self.layers = nn.Sequential(*layers)
        initialize(self)

    def forward(self, maps: Tensor) -> Tensor:
        """Return a map of the same size."""
        return maps + self.layers(maps)


class FusionBlock(nn.Module):
    """Add a map to the one that comes from the coarser maps, and upsample the sum."""

    def __init__(self, channels: int, up: OnGrid, norm: Norm) -> None:
        super().__init__()
        self.residual1 = ResidualConvBlock(channels, norm)
        self.residual2 = ResidualConvBlock(channels, norm)
        self.up = up
        self.project = nn.Conv2d(channels, channels, 1)
        initialize(self.project)

    def forward(self, maps: Tensor, coarser: Tensor | None, size: Sequence[int]) -> Tensor:
        """Return (N, C, *size) for two maps (N, C, h, w)."""
        maps = self.residual1(maps)
        fused = self.residual2(maps if coarser is None else maps + coarser)
        # A 1×1 convolution and interpolation commute; the coarse side is four times cheaper.
        return self.up(self.project(fused), size)


class DPT(nn.Module):
    """Bring maps to strides of about 4, 8, 16 and 32, and fuse them from coarse to fine.

    Of a backbone whose maps have one stride, such as the blocks of a vision transformer, it takes
    four at equal distances, the last among them; of another, the deepest whose strides double.
    It does not see class tokens.

    ``intermediate_channels``: of each map before it changes its stride, from fine to coarse.
    ``fusion_channels``: of the maps that are fused. ``dropout``: before scoring.
    ``norm``: the normalization after each convolution.
    """

    def __init__(
        self,
        features: Sequence[FeatureSpec],
        num_classes: int,
        *,
        intermediate_channels: Four = (256, 512, 1024, 1024),
        fusion_channels: Annotated[int, Field(ge=1)] = 256,
        dropout: Dropout = 0.1,
        norm: Norm = "batch",
    ) -> None:
        super().__init__()
        self.indices = _fine_to_coarse(features)
        self.reassemble = nn.ModuleList()
        grids: list[Grid] = []
        for level, (index, middle) in enumerate(
            zip(self.indices, intermediate_channels, strict=False)
        ):
            spec = features[index]
            change, grid = _to_stride(spec.grid, 4 * 2**level, middle)
            project = nn.Conv2d(spec.channels, middle, 1)
            last = nn.Conv2d(middle, fusion_channels, 3, padding=1, bias=False)
            block = nn.Sequential(project, change, last)
            initialize(block)
            self.reassemble.append(block)
            grids.append(grid)
        self.grid: Grid = grids[0].halves()
        self.fusion = nn.ModuleList(
            FusionBlock(fusion_channels, OnGrid(coarse, fine), norm)
            for fine, coarse in pairwise([self.grid, *grids])
        )
        self.head = nn.Sequential(
            ConvNormAct(fusion_channels, fusion_channels, norm=norm), nn.Dropout(dropout)
        )
        self.score = score_layer(fusion_channels, num_classes)

    def forward(self, maps: Sequence[Tensor]) -> Scores:
        """Return scores for the backbone's maps, each (N, channels, h, w)."""
        levels = [
            block(maps[index]) for index, block in zip(self.indices, self.reassemble, strict=True)
        ]
        finest = [2 * cells for cells in levels[0].shape[-2:]]
        sizes = [finest, *(level.shape[-2:] for level in levels[:-1])]
        fused: Tensor | None = None
        for fusion, level, size in reversed(list(zip(self.fusion, levels, sizes, strict=True))):
            fused = fusion(level, fused, size)
        return Scores(self.score(self.head(fused)), self.grid)


def _fine_to_coarse(features: Sequence[FeatureSpec]) -> list[int]:
    """Return the indices of up to four maps, from fine to coarse."""
    if len({spec.grid.stride for spec in features}) > 1:
        return doubling_chain(features)[:4][::-1]
    count = min(4, len(features))
    return [len(features) * (number + 1) // count - 1 for number in range(count)]


def _to_stride(grid: Grid, stride: int, channels: int) -> tuple[nn.Module, Grid]:
    """Return a layer that changes the stride by a power of two, the nearest, and its grid."""
    power = round(log2(max(grid.stride) / stride))
    if power > 0:
        factor = 2**power
        up = nn.ConvTranspose2d(channels, channels, factor, factor)
        return up, grid.deconv(factor, factor)
    if power == 0:
        return nn.Identity(), grid
    factor = 2**-power
    return nn.Conv2d(channels, channels, 3, factor, 1), grid.conv(3, factor, 1)
