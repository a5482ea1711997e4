"""The mean over images of the mean IoU of each image."""

from __future__ import annotations

import torch
from torch import Tensor

from ...core.authoring import SegmentedBatch, to_float64


class PerImage:
    """Mean over images of the mean IoU of each: small images and rare classes weigh more.

    The mean IoU of an image is over the classes that are labeled or predicted in it (Csurka et al.
    2013, section 3). Images without a labeled pixel do not count.
    """

    def statistics(self, batch: SegmentedBatch) -> Tensor:
        """Return the mean IoU of each image, and 1 if it is defined, else 0 and 0: (N, 2)."""
        right, labeled, predicted = to_float64(batch.counts).unbind(-1)
        mean = (right / (labeled + predicted - right)).nanmean(-1)
        return torch.stack([mean.nan_to_num(0), mean.isfinite().to(mean)], -1)

    def scores(self, total: Tensor) -> dict[str, Tensor]:
        """Return ``per_image_mean_iou``."""
        return {"per_image_mean_iou": total[..., 0] / total[..., 1]}
