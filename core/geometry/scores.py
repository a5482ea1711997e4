"""Class scores together with the grid of their cells."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ...registry import PluxelError
from .grid import Border, Grid


@dataclass(frozen=True)
class Scores:
    """Class scores on a known grid; ``tensor`` is (N, C, h, w), unnormalized.

    ``border``: the values outside of the map, used for resampling.
    """

    tensor: Tensor
    grid: Grid
    border: Border = "replicate"

    def check_finite(self, subject: str) -> None:
        """Raise PluxelError if a score is NaN or infinite: the best class is then undefined.

        ``subject``: the image that the error names. On a GPU, the host waits for the result.
        """
        if not self.tensor.isfinite().all():
            raise PluxelError(
                f"{subject}: the scores of the network are not finite. Are the weights of a "
                "training that diverged, or do values exceed the range of its precision?"
            )
