"""U-Net: from the deepest map to the pixels in steps of 2×, each with the backbone's map there.

Ronneberger, Fischer, Brox: "U-Net: Convolutional Networks for Biomedical Image Segmentation",
MICCAI 2015. The default form is that of segmentation_models.pytorch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from ...core import FeatureSpec, Grid, Scores
from ...core.authoring import SCSE, ConvNormAct, HeadForm, Norm, OnGrid, score_layer
from ._maps import UpStep, steps_to_pixels
from ._resampling import BETWEEN_MAPS, InterpolationChoice, scores_of

Channels = Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)]


class DecoderBlock(nn.Module):
    """Upsample a map 2×, append a skip, and apply two 3×3 convolutions.

    ``skip_channels``: of the maps to append; 0 without. ``form``: ``paper`` also convolves the
    upsampled map, to half its channels (an "up-convolution").
    """

    def __init__(
        self,
        channels_in: int,
        skip_channels: int,
        channels: int,
        upsampling: OnGrid,
        *,
        norm: Norm,
        attention: Literal["scse"] | None,
        form: HeadForm = "smp",
    ) -> None:
        super().__init__()
        self.upsampling = upsampling
        # Interpolation and a convolution in place of a transposed one, which leaves a pattern.
        upsampled = max(1, channels_in // 2) if form == "paper" else channels_in
        self.up = (
            ConvNormAct(channels_in, upsampled, norm=norm) if form == "paper" else nn.Identity()
        )
        joined = upsampled + skip_channels
        self.conv1 = ConvNormAct(joined, channels, norm=norm)
        self.conv2 = ConvNormAct(channels, channels, norm=norm)
        with_attention = attention == "scse"
        self.attention1 = SCSE(joined) if with_attention and skip_channels else nn.Identity()
        self.attention2 = SCSE(channels) if with_attention else nn.Identity()

    def forward(self, maps: Tensor, skips: Sequence[Tensor]) -> Tensor:
        """Return (N, channels, 2h, 2w), or the size of the skips, for maps (N, C, h, w)."""
        size = skips[0].shape[-2:] if skips else [2 * cells for cells in maps.shape[-2:]]
        maps = self.up(self.upsampling(maps, size))
        if skips:
            maps = self.attention1(torch.cat([maps, *skips], dim=1))
        return self.attention2(self.conv2(self.conv1(maps)))


def center_block(channels: int, norm: Norm) -> nn.Module:
    """Return two 3×3 convolutions that keep the number of channels."""
    return nn.Sequential(*(ConvNormAct(channels, channels, norm=norm) for _ in range(2)))


class UNet(nn.Module):
    """Go from the deepest map to the pixels in steps of 2×, each with the backbone's map there.

    ``channels``: of each step's output, from the deepest on. Steps below a stride of 1 are left
    out. ``center``: two convolutions on the deepest map first. ``attention``: ``scse`` weights
    channels and cells (Roy et al. 2018); a cell then depends on the whole image.
    ``form``: ``paper`` halves the channels of each upsampled map by a convolution.
    ``norm``: the normalization after each convolution. ``resampling``: how maps meet, at the
    positions of their cells (``grid``) or from size to size (``smp``).
    """

    def __init__(
        self,
        features: Sequence[FeatureSpec],
        num_classes: int,
        *,
        channels: Channels = (256, 128, 64, 32, 16),
        norm: Norm = "batch",
        center: bool = False,
        attention: Literal["scse"] | None = None,
        form: HeadForm = "smp",
        resampling: InterpolationChoice = "grid",
    ) -> None:
        super().__init__()
        self.first, self.steps = steps_to_pixels(features, len(channels))
        width = features[self.first].channels
        self.center = center_block(width, norm) if center else nn.Identity()
        self.blocks = nn.ModuleList()
        for step, out in zip(self.steps, channels, strict=False):
            skip = 0 if step.skip is None else features[step.skip].channels
            up = upsampling(step, resampling)
            block = DecoderBlock(width, skip, out, up, norm=norm, attention=attention, form=form)
            self.blocks.append(block)
            width = out
        self.score = score_layer(width, num_classes, 3)
        self.grid: Grid = self.steps[-1].fine
        self.resampling: InterpolationChoice = resampling

    def forward(self, maps: Sequence[Tensor]) -> Scores:
        """Return scores for the backbone's maps, each (N, channels, h, w)."""
        current = self.center(maps[self.first])
        for step, block in zip(self.steps, self.blocks, strict=True):
            current = block(current, [] if step.skip is None else [maps[step.skip]])
        return scores_of(self.score(current), self.grid, self.resampling)


def upsampling(step: UpStep, resampling: InterpolationChoice) -> OnGrid:
    """Return the module that upsamples a map for a step."""
    return OnGrid(step.coarse, step.fine, stretching=BETWEEN_MAPS[resampling])
