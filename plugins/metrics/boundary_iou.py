"""Boundary IoU (Cheng et al. 2021)."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from ...core.authoring import SegmentedBatch
from ._boundaries import diagonal, near_boundary


class BoundaryIoU:
    """IoU of the pixels of each class within a width of its boundary (Cheng et al. 2021).

    As in the published code, distances are the larger of the vertical and the horizontal one, and
    the edge of the image is a boundary. Ignored pixels belong to no boundary and do not count.

    ``width``: of the band, as a share of the diagonal of the image; at least one pixel. ``pixels``:
    the width in pixels, in place of a share. ``name``: of the score, for lists with several widths.
    """

    def __init__(
        self,
        *,
        width: Annotated[float, Field(gt=0, le=1)] = 0.02,
        pixels: Annotated[int, Field(ge=1)] | None = None,
        name: str = "boundary_iou",
    ) -> None:
        self.width, self.pixels, self.name = width, pixels, name

    def statistics(self, batch: SegmentedBatch) -> Tensor:
        """Return the pixels in both bands and in any of them, by class: (N, C, 2) int64."""
        labeled, classes = batch.labeled, batch.num_classes
        reach = self.pixels or max(1, round(self.width * diagonal(labeled)))
        in_prediction, in_target = (
            near_boundary(each, labeled, classes, reach, edge=True)
            for each in (batch.prediction, batch.target)
        )
        both = in_prediction & in_target & (batch.prediction == batch.target)
        common = batch.pixels_by_class(batch.target, both)
        predicted = batch.pixels_by_class(batch.prediction, in_prediction)
        true = batch.pixels_by_class(batch.target, in_target)
        return torch.stack([common, predicted + true - common], -1)

    def scores(self, total: Tensor) -> dict[str, Tensor]:
        """Return the boundary IoU of each class; undefined without pixels near its boundary."""
        common, union = total.double().unbind(-1)
        return {self.name: common / union}
