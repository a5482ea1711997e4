"""Boundary F1 (Csurka et al. 2013)."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from ...core.authoring import SegmentedBatch, to_float64
from ._boundaries import diagonal, matched, near_boundary


class BoundaryF1:
    """F1 of the boundary pixels of each class, averaged over images (Csurka et al. 2013).

    A boundary pixel of a class has a labeled pixel of another class among its eight neighbors.
    Precision is the share of the predicted ones near a true one, recall the reverse. An image
    counts for a class if the class has a boundary in its ground truth or in the prediction; its F1
    is 0 if only one of both has. Ignored pixels and the edge of the image belong to no boundary.

    ``tolerance``: the largest Euclidean distance, as a share of the diagonal of the image.
    ``pixels``: that distance in pixels, in place of a share. ``name``: of the score, for lists with
    several tolerances.
    """

    def __init__(
        self,
        *,
        tolerance: Annotated[float, Field(ge=0, le=1)] = 0.0075,
        pixels: Annotated[float, Field(ge=0)] | None = None,
        name: str = "boundary_f1",
    ) -> None:
        self.tolerance, self.pixels, self.name = tolerance, pixels, name

    def statistics(self, batch: SegmentedBatch) -> Tensor:
        """Return F1 and 1 if it is defined, else 0 and 0, by image and class: (N, C, 2)."""
        labeled, classes = batch.labeled, batch.num_classes
        limit = self.tolerance * diagonal(labeled) if self.pixels is None else self.pixels
        maps = batch.prediction, batch.target
        lines = [near_boundary(each, labeled, classes, 1, edge=False) for each in maps]
        totals, hits = [], []
        for own, other in ((0, 1), (1, 0)):
            near = matched(maps[own], lines[own], maps[other], lines[other], classes, limit)
            totals.append(batch.pixels_by_class(maps[own], lines[own]))
            hits.append(batch.pixels_by_class(maps[own], near))
        # 2 P R / (P + R), without dividing by a length of 0
        (found, right), (true, hit) = (
            map(to_float64, pair) for pair in zip(totals, hits, strict=True)
        )
        product, sum_ = 2 * right * hit, right * true + hit * found
        defined = (found + true) > 0
        f1 = torch.where(sum_ > 0, product / sum_.clamp(min=1), 0)
        return torch.stack([f1, defined.to(f1)], -1)

    def scores(self, total: Tensor) -> dict[str, Tensor]:
        """Return the boundary F1 of each class; undefined without an image that counts."""
        return {self.name: total[..., 0] / total[..., 1]}
