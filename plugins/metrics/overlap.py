"""Dice, precision and recall of each class, from the pixels that are right."""

from __future__ import annotations

from torch import Tensor

from ...core.authoring import SegmentedBatch


class _OfCounts:
    """A metric of the right, labeled and predicted pixels of each class: (C, 3) int64."""

    def statistics(self, batch: SegmentedBatch) -> Tensor:
        """Return the counts of each image, (N, C, 3)."""
        return batch.counts


class DiceScore(_OfCounts):
    """2 · right / (labeled + predicted), also called F1 (Dice 1945).

    0 if no predicted pixel is correct; undefined for a class that is neither labeled nor predicted.
    """

    def scores(self, total: Tensor) -> dict[str, Tensor]:
        """Return ``dice`` of each class."""
        right, labeled, predicted = total.double().unbind(-1)
        return {"dice": 2 * right / (labeled + predicted)}


class PrecisionScore(_OfCounts):
    """Share of the pixels predicted as a class that are correct; undefined if there are none."""

    def scores(self, total: Tensor) -> dict[str, Tensor]:
        """Return ``precision`` of each class."""
        right, _, predicted = total.double().unbind(-1)
        return {"precision": right / predicted}


class RecallScore(_OfCounts):
    """Share of the pixels labeled as a class that are correct; undefined if there are none.

    It equals the accuracy of the class, which every evaluation reports.
    """

    def scores(self, total: Tensor) -> dict[str, Tensor]:
        """Return ``recall`` of each class."""
        right, labeled, _ = total.double().unbind(-1)
        return {"recall": right / labeled}
