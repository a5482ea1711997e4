"""Two decoders that score the deepest map."""

from collections.abc import Sequence

from pluxel.core import FeatureSpec, Scores
from torch import Tensor, nn


class Sound(nn.Module):
    """A 1×1 convolution."""

    def __init__(self, features: Sequence[FeatureSpec], num_classes: int) -> None:
        super().__init__()
        self.grid = features[-1].grid
        self.score = nn.Conv2d(features[-1].channels, num_classes, kernel_size=1)

    def forward(self, maps: Sequence[Tensor]) -> Scores:
        """Return the scores and their grid."""
        return Scores(self.score(maps[-1]), self.grid)


class Miswired(Sound):
    """Asks for ``num_clases``, which Pluxel does not know."""

    def __init__(self, features: Sequence[FeatureSpec], num_clases: int) -> None:
        super().__init__(features, num_clases)
