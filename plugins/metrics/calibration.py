"""Expected calibration error: whether probabilities are fractions of correct pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field
from torch import Tensor

from ...core.authoring import SegmentedBatch, calibration_error


class Calibration:
    """Mean distance of confidence and accuracy over the labeled pixels, in bins of confidence.

    The confidence of a pixel is the probability of its predicted class. Naeini, Cooper &
    Hauskrecht 2015; Guo et al. 2017, equation 3, whose bins contain their upper edge.

    ``bins``: number of bins of equal width in 0–1.
    """

    lower_is_better: Sequence[str] = ("calibration_error",)

    def __init__(self, *, bins: Annotated[int, Field(ge=1)] = 15) -> None:
        self.bins = bins

    def statistics(self, batch: SegmentedBatch) -> Tensor:
        """Return pixels, right pixels and the sum of confidences of each bin, (N, bins, 3)."""
        return batch.reliability(self.bins)

    def scores(self, total: Tensor) -> dict[str, Tensor]:
        """Return ``calibration_error``, in 0–1."""
        return {"calibration_error": calibration_error(total)}
