"""LinkNet: from the deepest map to the pixels in steps of 2×, adding the backbone's map each time.

Chaurasia & Culurciello: "LinkNet: Exploiting Encoder Representations for Efficient Semantic
Segmentation", VCIP 2017.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field
from torch import Tensor, nn

from ...core import FeatureSpec, Grid, Scores
from ...core.authoring import (
    ConvNormAct,
    Norm,
    OnGrid,
    Resampling,
    initialize,
    norm_layer,
    score_layer,
)
from ._maps import steps_to_pixels
from ._resampling import scores_of


class LinkNetBlock(nn.Sequential):
    """A 1×1 convolution to a quarter of the channels, a transposed one of 2×, and a 1×1 one."""

    def __init__(self, channels_in: int, channels: int, norm: Norm) -> None:
        quarter = max(1, channels_in // 4)
        up = nn.ConvTranspose2d(quarter, quarter, kernel_size=4, stride=2, padding=1)
        initialize(up)
        super().__init__(
            ConvNormAct(channels_in, quarter, 1, norm=norm),
            nn.Sequential(up, norm_layer(norm, quarter), nn.ReLU(inplace=True)),
            ConvNormAct(quarter, channels, 1, norm=norm),
        )


class LinkNet(nn.Module):
    """Go from the deepest map to the pixels in steps of 2×, and add the backbone's map each time.

    ``last_channels``: of the finest map, which is scored. ``steps``: how many steps at most; those
    below a stride of 1 are left out.
    ``norm``: the normalization after each convolution. ``resampling``: how maps meet, at the
    positions of their cells (``grid``) or from size to size (``smp``).
    """

    def __init__(
        self,
        features: Sequence[FeatureSpec],
        num_classes: int,
        *,
        steps: Annotated[int, Field(ge=1)] = 5,
        last_channels: Annotated[int, Field(ge=1)] = 32,
        norm: Norm = "batch",
        resampling: Resampling = "grid",
    ) -> None:
        super().__init__()
        self.first, self.steps = steps_to_pixels(features, steps)
        width = features[self.first].channels
        self.blocks = nn.ModuleList()
        self.onto_skips = nn.ModuleList()
        grid = features[self.first].grid
        for number, step in enumerate(self.steps, 1):
            if step.skip is not None:
                out = features[step.skip].channels
            else:
                out = last_channels if number == len(self.steps) else width
            self.blocks.append(LinkNetBlock(width, out, norm))
            stretching = "bilinear" if resampling == "smp" else None
            # A transposed convolution puts its cells symmetrically into those of the coarse map.
            self.onto_skips.append(OnGrid(grid.halves(), step.fine, stretching=stretching))
            grid = grid.halves() if step.skip is None else step.fine
            width = out
        self.score = score_layer(width, num_classes)
        self.grid: Grid = grid
        self.resampling: Resampling = resampling

    def forward(self, maps: Sequence[Tensor]) -> Scores:
        """Return scores for the backbone's maps, each (N, channels, h, w)."""
        current = maps[self.first]
        for step, block, onto_skip in zip(self.steps, self.blocks, self.onto_skips, strict=True):
            current = block(current)
            if step.skip is not None:
                skip = maps[step.skip]
                current = onto_skip(current, skip.shape[-2:]) + skip
        return scores_of(self.score(current), self.grid, self.resampling)
