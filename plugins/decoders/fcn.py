"""Fully convolutional networks: scores of the deepest map, added to scores of finer maps.

Long, Shelhamer, Darrell: "Fully Convolutional Networks for Semantic Segmentation", CVPR 2015 and
PAMI 2016, section 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from ...core import FeatureSpec, Scores
from ...core.authoring import deepest, select_strides
from .._parameters import Dropout
from ._maps import doubling
from ._upsampling import upsampling

Upsampling = Literal["bilinear", "learned"]


class Score(nn.Conv2d):
    """A 1×1 convolution from features to class scores, initialized to zero.

    ``scale`` multiplies the features by a constant (PAMI section 4.3, "at-once" training).
    """

    def __init__(self, channels: int, num_classes: int, scale: float = 1.0) -> None:
        super().__init__(channels, num_classes, kernel_size=1)
        self.scale = scale

    def reset_parameters(self) -> None:
        """Set both to 0: random scores train neither faster nor better (section 4.3)."""
        nn.init.zeros_(self.weight)
        nn.init.zeros_(self.bias)  # pyright: ignore[reportArgumentType]

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002
        """Return scores (N, num_classes, h, w) for features (N, channels, h, w)."""
        return functional.conv2d(input, self.scale * self.weight, self.bias)


class FCN32s(nn.Module):
    """Score one map: the deepest, of any stride.

    ``stride``: that of the map to score instead; 16 scores pool4 alone (PAMI, table 3).
    ``dropout``: of the map before scoring, for backbones without dropout.
    """

    def __init__(
        self,
        features: Sequence[FeatureSpec],
        num_classes: int,
        *,
        stride: Annotated[int, Field(ge=1)] | None = None,
        dropout: Dropout = 0.0,
    ) -> None:
        super().__init__()
        chosen = [deepest(features)] if stride is None else select_strides(features, (stride,))
        self.index = chosen[0]
        self.scored = features[self.index]
        self.dropout = nn.Dropout(dropout)
        self.score = Score(self.scored.channels, num_classes)

    def forward(self, maps: Sequence[Tensor]) -> Scores:
        """Return scores for the backbone's maps, each (N, channels, h, w)."""
        return Scores(
            self.score(self.dropout(maps[self.index])), self.scored.grid, self.scored.border
        )


class _Skips(nn.Module):
    """Scores of several maps: from the coarsest on, upsampled and added to those of the next.

    They are the deepest maps whose strides double, whatever the largest stride is. Module names do
    not depend on the number of skips, so a finer network can start from the weights of a coarser
    one.

    Raises: StrideError if the backbone does not have such maps.
    """

    def __init__(
        self,
        features: Sequence[FeatureSpec],
        num_classes: int,
        learned: bool,
        skip_scales: Sequence[float],
        dropout: float,
    ) -> None:
        super().__init__()
        self.indices = doubling(features, 1 + len(skip_scales))[::-1]
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
    """Add the scores of half the largest stride (pool4) to those of the largest, upsampled 2×.

    ``upsampling``: fixed, or learned and initialized to bilinear. ``skip_scales``: constant factor
    for the skip's features; (0.01,) trains all at once from a classifier.
    ``dropout``: of the deepest map before scoring.
    """

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
    """As FCN-16s, and add the scores of a quarter of the largest stride (pool3).

    ``upsampling``: fixed, or learned and initialized to bilinear. ``skip_scales``: constant factors
    for the features of pool4 and pool3; (0.01, 0.0001) trains all at once (PAMI).
    ``dropout``: of the deepest map before scoring.
    """

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


class FCN4s(_Skips):
    """As FCN-8s, and add the scores of an eighth of the largest stride (pool2).

    The paper stops at FCN-8s, whose gain over FCN-16s is already small.

    ``upsampling``: fixed, or learned and initialized to bilinear. ``skip_scales``: constant factors
    for the features of pool4, pool3 and pool2.
    ``dropout``: of the deepest map before scoring.
    """

    def __init__(
        self,
        features: Sequence[FeatureSpec],
        num_classes: int,
        *,
        upsampling: Upsampling = "bilinear",
        skip_scales: tuple[float, float, float] = (1.0, 1.0, 1.0),
        dropout: Dropout = 0.0,
    ) -> None:
        super().__init__(features, num_classes, upsampling == "learned", skip_scales, dropout)


class FCN2s(_Skips):
    """As FCN-4s, and add the scores of a sixteenth of the largest stride (pool1).

    ``upsampling``: fixed, or learned and initialized to bilinear. ``skip_scales``: constant factors
    for the features of pool4, pool3, pool2 and pool1.
    ``dropout``: of the deepest map before scoring.
    """

    def __init__(
        self,
        features: Sequence[FeatureSpec],
        num_classes: int,
        *,
        upsampling: Upsampling = "bilinear",
        skip_scales: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0),
        dropout: Dropout = 0.0,
    ) -> None:
        super().__init__(features, num_classes, upsampling == "learned", skip_scales, dropout)
