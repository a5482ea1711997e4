"""Blocks of decoders: convolutions with normalization, context around a cell, and shared grids."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from math import gcd
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..geometry.grid import Border, Grid
from ..geometry.resampling import resample
from ..geometry.scores import Scores

Norm = Literal["batch", "group", "layer", "none"]
"""The normalization after a convolution. ``group``: 32 groups of channels, or as many as divide
them; ``layer``: over the channels of each cell; ``none``: the convolution has a bias instead."""
Resampling = Literal["grid", "smp"]
"""How maps meet. ``grid``: at the exact positions of their cells. ``smp``: from size to size, as
segmentation_models.pytorch does, for the weights of its models."""
HeadForm = Literal["smp", "paper"]
"""The layers: those of segmentation_models.pytorch, or those of the paper."""
Stretching = Literal["nearest", "bilinear", "corners"]
"""How to resample from size to size: the modes of ``functional.interpolate``; ``corners`` is
bilinear with aligned corners."""


def norm_layer(norm: Norm, channels: int) -> nn.Module:
    """Return the normalization of a map with ``channels``; the identity for ``none``."""
    if norm == "batch":
        return nn.BatchNorm2d(channels)
    if norm == "group":
        return nn.GroupNorm(gcd(32, channels), channels)
    return ChannelNorm(channels) if norm == "layer" else nn.Identity()


class ChannelNorm(nn.LayerNorm):
    """Layer normalization over the channels of each cell of a map (N, C, h, w)."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=1e-6)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002
        """Return the map, normalized at each cell."""
        return super().forward(input.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ConvNormAct(nn.Sequential):
    """A convolution that keeps the grid, its normalization, and ReLU.

    ``kernel``: odd. ``separable``: one filter for each channel, then a 1×1 convolution, without
    normalization between them (Chollet, CVPR 2017). ``bias``: by default, without normalization.

    Outside of the map are zeros, as in the backbones: ADR 22.
    """

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        kernel: int = 3,
        *,
        norm: Norm = "batch",
        dilation: int = 1,
        separable: bool = False,
        bias: bool | None = None,
    ) -> None:
        bias = norm == "none" if bias is None else bias
        padding = dilation * (kernel // 2)
        if separable:
            conv: nn.Module = nn.Sequential(
                nn.Conv2d(
                    channels_in,
                    channels_in,
                    kernel,
                    padding=padding,
                    dilation=dilation,
                    groups=channels_in,
                    bias=False,
                ),
                nn.Conv2d(channels_in, channels_out, 1, bias=bias),
            )
        else:
            conv = nn.Conv2d(
                channels_in, channels_out, kernel, padding=padding, dilation=dilation, bias=bias
            )
        super().__init__(conv, norm_layer(norm, channels_out), nn.ReLU(inplace=True))
        initialize(conv)


def initialize(module: nn.Module) -> None:
    """Initialize the convolutions in a module for ReLU (He et al., ICCV 2015, equation 10)."""
    for part in module.modules():
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.kaiming_uniform_(part.weight, nonlinearity="relu")
            if part.bias is not None:
                nn.init.zeros_(part.bias)


def score_layer(channels: int, num_classes: int, kernel: int = 1) -> nn.Conv2d:
    """Return the convolution from features with ``channels`` to scores of ``num_classes``.

    ``kernel``: its side, odd.
    """
    layer = nn.Conv2d(channels, num_classes, kernel, padding=kernel // 2)
    nn.init.xavier_uniform_(layer.weight)
    nn.init.zeros_(layer.bias)  # pyright: ignore[reportArgumentType]
    return layer


class OnGrid(nn.Module):
    """Resample maps from one grid to another, by linear interpolation at exact positions.

    ``stretching``: ignore the grids, and resample from size to size instead.
    """

    def __init__(
        self,
        source: Grid,
        target: Grid,
        border: Border = "replicate",
        stretching: Stretching | None = None,
    ) -> None:
        super().__init__()
        self.source, self.target = source, target
        self.border: Border = border
        self.stretching: Stretching | None = stretching

    def forward(self, maps: Tensor, size: Sequence[int]) -> Tensor:
        """Return (N, C, *size) for maps (N, C, h, w), of the same type."""
        if self.stretching is not None:
            return stretch(maps, size, self.stretching)
        scores = Scores(maps, self.source, self.border)
        return resample(scores, (size[0], size[1]), grid=self.target).to(maps.dtype)


def stretch(maps: Tensor, size: Sequence[int], stretching: Stretching) -> Tensor:
    """Return maps (N, C, h, w) resampled from size to size, (N, C, *size)."""
    if maps.shape[-2:] == tuple(size):
        return maps
    if stretching == "nearest":
        return functional.interpolate(maps, tuple(size), mode="nearest")
    corners = stretching == "corners"
    return functional.interpolate(maps, tuple(size), mode="bilinear", align_corners=corners)


def stretched_grid(cells: Sequence[int], size: Sequence[int], stretching: Stretching) -> Grid:
    """Return the grid of a map of ``cells`` if ``stretch`` would resample it to ``size`` pixels.

    Bilinear interpolation at its positions gives the same values, and the core computes it strip by
    strip. Raises: ValueError for ``nearest``.
    """
    if stretching == "nearest":
        raise ValueError("the nearest cell is not a linear interpolation between cells")
    pairs = list(zip(size, cells, strict=True))
    if stretching == "corners":
        return Grid([Fraction(max(pixels - 1, 1), max(count - 1, 1)) for pixels, count in pairs])
    strides = [Fraction(pixels, count) for pixels, count in pairs]
    return Grid(strides, [(stride - 1) / 2 for stride in strides])


class ASPP(nn.Module):
    """Atrous spatial pyramid pooling (Chen et al. 2017, section 3.3): five views of each cell.

    They are a 1×1 convolution, one 3×3 convolution for each of the ``rates`` (dilations), and the
    mean of the whole map. So a cell depends on the whole image.
    """

    def __init__(
        self,
        channels_in: int,
        channels: int,
        rates: Iterable[int],
        *,
        separable: bool = False,
        dropout: float = 0.5,
        norm: Norm = "batch",
    ) -> None:
        super().__init__()
        views = [ConvNormAct(channels_in, channels, 1, norm=norm)]
        views += [
            ConvNormAct(channels_in, channels, norm=norm, dilation=rate, separable=separable)
            for rate in rates
        ]
        views.append(ConvNormAct(channels_in, channels, 1, norm=norm))
        self.convs = nn.ModuleList(views)
        self.project = ConvNormAct(len(views) * channels, channels, 1, norm=norm)
        self.dropout = nn.Dropout(dropout)

    def forward(self, maps: Tensor) -> Tensor:
        """Return (N, channels, h, w)."""
        *local, whole = self.convs
        mean = whole(functional.adaptive_avg_pool2d(maps, 1)).expand(-1, -1, *maps.shape[-2:])
        views = [conv(maps) for conv in local]
        return self.dropout(self.project(torch.cat([*views, mean], dim=1)))


class PyramidPooling(nn.Module):
    """Pyramid pooling (Zhao et al., CVPR 2017, section 3.2): means of the map's parts, as maps.

    ``bins``: the map is divided into bins × bins parts. So a cell depends on the whole image.
    ``stretching``: see `OnGrid`; by default, the mean of a part is at its center.
    ``norm_of_whole``: the normalization of the mean of the whole map, of which there is one cell.
    """

    def __init__(
        self,
        channels_in: int,
        channels: int,
        *,
        bins: Sequence[int] = (1, 2, 3, 6),
        norm: Norm = "batch",
        norm_of_whole: Norm | None = None,
        stretching: Stretching = "bilinear",
    ) -> None:
        super().__init__()
        self.bins = tuple(bins)
        self.stretching: Stretching = stretching
        whole = norm if norm_of_whole is None else norm_of_whole
        self.blocks = nn.ModuleList(
            ConvNormAct(channels_in, channels, 1, norm=whole if count == 1 else norm)
            for count in self.bins
        )

    def forward(self, maps: Tensor) -> list[Tensor]:
        """Return a map (N, channels, h, w) for each number of bins."""
        size = maps.shape[-2], maps.shape[-1]
        pooled = [
            block(functional.adaptive_avg_pool2d(maps, count))
            for count, block in zip(self.bins, self.blocks, strict=True)
        ]
        return [self._spread(one, size) for one in pooled]

    def _spread(self, means: Tensor, size: tuple[int, int]) -> Tensor:
        grid = stretched_grid(means.shape[-2:], size, self.stretching)
        return resample(Scores(means, grid), size).to(means.dtype)


class SCSE(nn.Module):
    """Concurrent spatial and channel squeeze and excitation (Roy, Navab & Wachinger, MICCAI 2018).

    A cell depends on the whole image. ``reduction``: of the channels between the two layers.
    """

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        hidden = max(1, channels // reduction)
        self.channel = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(channels, hidden, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(hidden, channels, 1),
            nn.Sigmoid(),
        )
        self.spatial = nn.Sequential(nn.Conv2d(channels, 1, 1), nn.Sigmoid())

    def forward(self, maps: Tensor) -> Tensor:
        """Return the maps, each value weighted by its channel and by its cell."""
        return maps * self.channel(maps) + maps * self.spatial(maps)
