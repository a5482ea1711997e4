"""One linear layer on features, to see how well they separate the classes.

Oquab et al.: "DINOv2: Learning Robust Visual Features without Supervision", TMLR 2024, section 7.4.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from ...core import FeatureSpec, Scores
from ...core.authoring import Norm, deepest, norm_layer, score_layer
from .._parameters import Dropout


class Linear(nn.Module):
    """Normalize the deepest map, and score it by a 1×1 convolution.

    ``maps``: how many of the last maps of the deepest stride to append; DINOv2's "+ms" has 4.
    ``norm``: of the features; ``batch``, as DINOv2 has it. ``dropout``: of whole channels.
    """

    def __init__(
        self,
        features: Sequence[FeatureSpec],
        num_classes: int,
        *,
        maps: Annotated[int, Field(ge=1)] = 1,
        norm: Norm = "batch",
        dropout: Dropout = 0.0,
    ) -> None:
        super().__init__()
        last = features[deepest(features)]
        same = [i for i, spec in enumerate(features) if spec.grid == last.grid]
        self.indices = same[-maps:]
        channels = sum(features[index].channels for index in self.indices)
        self.norm = norm_layer(norm, channels)
        self.dropout = nn.Dropout2d(dropout)
        self.score = score_layer(channels, num_classes)
        self.scored = last

    def forward(self, maps: Sequence[Tensor]) -> Scores:
        """Return scores for the backbone's maps, each (N, channels, h, w)."""
        features = torch.cat([maps[index] for index in self.indices], dim=1)
        scores = self.score(self.dropout(self.norm(features)))
        return Scores(scores, self.scored.grid, self.scored.border)
