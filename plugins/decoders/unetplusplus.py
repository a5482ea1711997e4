"""U-Net++: a U-Net whose skips pass through blocks that also see the coarser maps.

Zhou, Siddiquee, Tajbakhsh, Liang: "UNet++: A Nested U-Net Architecture for Medical Image
Segmentation", DLMIA 2018. The form is that of segmentation_models.pytorch, without the paper's
deep supervision.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn

from ...core import FeatureSpec, Grid, Scores
from ...core.authoring import Norm, score_layer
from ._maps import steps_to_pixels
from ._resampling import InterpolationChoice, scores_of
from .unet import Channels, DecoderBlock, center_block, upsampling


class UNetPlusPlus(nn.Module):
    """Go to the pixels as a U-Net, with blocks between each map and its use.

    Block (i, j) has the grid of step j and i blocks left of it on the way from map i: it gets
    block (i, j − 1), upsampled, and the maps of step j: blocks (i + 1 … j, j) and the backbone's.

    ``channels``: of each step's output, from the deepest on; blocks between have those of the
    backbone's map of their grid. Steps below a stride of 1 are left out. ``center``: two
    convolutions on the deepest map first. ``attention``: ``scse`` weights channels and cells (Roy
    et al. 2018); a cell then depends on the whole image.
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
        resampling: InterpolationChoice = "grid",
    ) -> None:
        super().__init__()
        self.first, self.steps = steps_to_pixels(features, len(channels))
        self.skips = [step.skip for step in self.steps if step.skip is not None]
        widths = [features[index].channels for index in (self.first, *self.skips)]
        self.center = center_block(widths[0], norm) if center else nn.Identity()
        self.blocks = nn.ModuleDict()
        outputs = [widths[0], *channels]
        for j, step in enumerate(self.steps):
            up = upsampling(step, resampling)
            dense = step.skip is not None
            for i in range(j + 1 if dense else 1):
                given = outputs[j] if i == 0 else widths[j]
                skip = widths[j + 1] * (j + 1 - i) if dense else 0
                out = outputs[j + 1] if i == 0 else widths[j + 1]
                self.blocks[f"x_{i}_{j}"] = DecoderBlock(
                    given, skip, out, up, norm=norm, attention=attention
                )
        self.score = score_layer(outputs[len(self.steps)], num_classes, 3)
        self.grid: Grid = self.steps[-1].fine
        self.resampling: InterpolationChoice = resampling

    def forward(self, maps: Sequence[Tensor]) -> Scores:
        """Return scores for the backbone's maps, each (N, channels, h, w)."""
        # The maps of the last step, by the map from which the way to them starts.
        last = {0: self.center(maps[self.first])}
        for j, skip in enumerate(self.skips):
            current = {j + 1: maps[skip]}
            for i in reversed(range(j + 1)):
                # The nearest way first, as the saved weights have it.
                seen = [current[k] for k in range(i + 1, j + 2)]
                current[i] = self.blocks[f"x_{i}_{j}"](last[i], seen)
            last = current
        result = last[0]
        for j in range(len(self.skips), len(self.steps)):
            result = self.blocks[f"x_0_{j}"](result, [])
        return scores_of(self.score(result), self.grid, self.resampling)
