"""The expanding path of U-Net (Ronneberger, Fischer & Brox, MICCAI 2015) over any backbone."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from pluxel.core import FeatureSpec, Scores, resample
from torch import Tensor, nn


class UNet(nn.Module):
    """Merge the maps from the coarsest to the finest, and score the finest.

    If several maps have the same stride, the last one is used. Maps are interpolated at exact
    positions to the next grid, so backbones may have any strides, padding and offsets.

    ``width``: channels of every merged map.
    """

    def __init__(
        self, features: Sequence[FeatureSpec], num_classes: int, *, width: int = 64
    ) -> None:
        super().__init__()
        by_stride = {spec.grid.stride: index for index, spec in enumerate(features)}
        self.indices = [by_stride[stride] for stride in sorted(by_stride, reverse=True)]
        self.grids = [features[index].grid for index in self.indices]
        self.narrow = nn.ModuleList(
            nn.Conv2d(features[index].channels, width, kernel_size=1) for index in self.indices
        )
        self.join = nn.ModuleList(_two_convolutions(2 * width, width) for _ in self.indices[1:])
        self.score = nn.Conv2d(width, num_classes, kernel_size=1)

    def forward(self, maps: Sequence[Tensor]) -> Scores:
        """Return scores (N, num_classes, h, w) on the grid of the finest map."""
        coarsest, *finer = [
            narrow(maps[index]) for narrow, index in zip(self.narrow, self.indices, strict=True)
        ]
        fused, grid = coarsest, self.grids[0]
        for skip, finer_grid, join in zip(finer, self.grids[1:], self.join, strict=True):
            raised = resample(Scores(fused, grid), skip.shape[-2:], grid=finer_grid)
            fused, grid = join(torch.cat([raised, skip], dim=1)), finer_grid
        return Scores(self.score(fused), grid)


def _two_convolutions(channels_in: int, channels_out: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for channels in (channels_in, channels_out):
        layers += [
            # Replicate the border, since zeros would introduce an artificial edge.
            nn.Conv2d(channels, channels_out, 3, padding=1, padding_mode="replicate", bias=False),
            nn.BatchNorm2d(channels_out),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers)
