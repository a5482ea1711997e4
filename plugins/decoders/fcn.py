"""Fully convolutional networks: scores of the deepest map, summed with those of finer ones.

Long, Shelhamer, Darrell: "Fully Convolutional Networks for Semantic Segmentation", CVPR 2015 and
PAMI 2016, section 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional

from ...core import FeatureSpec, Scores
from ...core.authoring import deepest, select_strides
from .._parameters import Dropout
from ._upsampling import upsampling

Upsampling = Literal["bilinear", "learned"]


class Score(nn.Conv2d):
    """A 1×1 convolution from features to class scores that starts at zero.

    ``scale`` multiplies the features by a constant (PAMI section 4.3, "at-once" training).
    """

    def __init__(self, channels: int, num_classes: int, scale: float = 1.0) -> None:
        super().__init__(channels, num_classes, kernel_size=1)
        self.scale = scale

    def reset_parameters(self) -> None:
        """Zero both: random scores neither trained faster nor ended better (section 4.3)."""
        nn.init.zeros_(self.weight)
        nn.init.zeros_(self.bias)  # pyright: ignore[reportArgumentType]

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002
        """input: (N, channels, h, w); returns (N, num_classes, h, w)."""
        return functional.conv2d(input, self.scale * self.weight, self.bias)


class FCN32s(nn.Module):
    """Score the deepest map, whatever its stride.

    ``dropout``: of the deepest map before it is scored, for backbones that bring none.
    """

    def __init__(
        self, features: Sequence[FeatureSpec], num_classes: int, *, dropout: Dropout = 0.0
    ) -> None:
        super().__init__()
        self.index = deepest(features)
        self.scored = features[self.index]
        self.dropout = nn.Dropout(dropout)
        self.score = Score(self.scored.channels, num_classes)

    def forward(self, maps: Sequence[Tensor]) -> Scores:
        """Return scores for the backbone's maps, each (N, channels, h, w)."""
        return Scores(
            self.score(self.dropout(maps[self.index])), self.scored.grid, self.scored.border
        )


class _Skips(nn.Module):
    """Scores of the coarsest of some maps, upsampled to the next and added to its scores, in turn.

    Module names do not depend on the number of skips: a finer network starts from a coarser one.
    """

    strides: tuple[int, ...]

    def __init__(
        self,
        features: Sequence[FeatureSpec],
        num_classes: int,
        learned: bool,
        skip_scales: Sequence[float],
        dropout: float,
    ) -> None:
        super().__init__()
        self.indices = select_strides(features, self.strides)[::-1]
        coarsest, *finer = (features[index] for index in self.indices)
        self.dropout = nn.Dropout(dropout)
        self.score = Score(coarsest.channels, num_classes)
        self.skip_scores = nn.ModuleList(
            Score(spec.channels, num_classes, scale)
            for spec, scale in zip(finer, skip_scales, strict=True)
        )
        self.upsampling = nn.ModuleList(
            upsampling(num_classes, coarse, fine, learned=learned)
            for coarse, fine in zip([coarsest, *finer], finer, strict=False)
        )
        self.finest = finer[-1]

    def forward(self, maps: Sequence[Tensor]) -> Scores:
        """Return scores on the finest grid for the backbone's maps, each (N, channels, h, w)."""
        coarsest, *finer = (maps[index] for index in self.indices)
        scores = self.score(self.dropout(coarsest))
        for fine, score, upsample in zip(finer, self.skip_scores, self.upsampling, strict=True):
            skip = score(fine)
            scores = skip + upsample(scores, skip.shape[-2:])
        return Scores(scores, self.finest.grid, self.finest.border)


class FCN16s(_Skips):
    """Add the scores of stride 16 (pool4) to those of stride 32, upsampled 2×.

    ``upsampling``: fixed, or learned from a bilinear start. ``skip_scales``: constants that the
    skip's features are multiplied by, e.g. (0.01,) to train all at once from a classifier.
    ``dropout``: of the deepest map before it is scored.
    """

    strides = (16, 32)

    def __init__(
        self,
        features: Sequence[FeatureSpec],
        num_classes: int,
        *,
        upsampling: Upsampling = "bilinear",
        skip_scales: tuple[float] = (1.0,),
        dropout: Dropout = 0.0,
    ) -> None:
        super().__init__(features, num_classes, upsampling == "learned", skip_scales, dropout)


class FCN8s(_Skips):
    """Add the scores of strides 16 and 8 (pool4, pool3) to those of stride 32, each upsampled 2×.

    ``upsampling``: fixed, or learned from a bilinear start. ``skip_scales``: constants that the
    features of pool4 and pool3 are multiplied by; (0.01, 0.0001) trains all at once (PAMI).
    ``dropout``: of the deepest map before it is scored.
    """

    strides = (8, 16, 32)

    def __init__(
        self,
        features: Sequence[FeatureSpec],
        num_classes: int,
        *,
        upsampling: Upsampling = "bilinear",
        skip_scales: tuple[float, float] = (1.0, 1.0),
        dropout: Dropout = 0.0,
    ) -> None:
        super().__init__(features, num_classes, upsampling == "learned", skip_scales, dropout)
