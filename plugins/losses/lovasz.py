"""Lovász-Softmax (Berman, Triki & Blaschko 2018): the convex extension of the Jaccard loss."""

from __future__ import annotations

import torch
from torch import Tensor

from ...core.authoring import SegmentationLoss, is_readable
from ._overlap import AveragedClasses, mean_over


class Lovasz(SegmentationLoss):
    """The Lovász extension of the Jaccard loss of each class, averaged over classes.

    ``per_image``: average over the images with labeled pixels, instead of treating the batch as one
    image. ``classes``: average over the classes ``present`` in the labels, or over ``all``.
    """

    def __init__(
        self,
        num_classes: int,
        ignore_index: int,
        *,
        per_image: bool = False,
        classes: AveragedClasses = "present",
    ) -> None:
        super().__init__(num_classes, ignore_index)
        self.per_image = per_image
        self.classes: AveragedClasses = classes

    def batch_loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the mean over classes, and over images with ``per_image``."""
        probabilities = logits.softmax(1)
        if not self.per_image:
            return lovasz_softmax(probabilities, target, self.ignore_index, self.classes)
        images = [
            lovasz_softmax(p[None], t[None], self.ignore_index, self.classes)
            for p, t in zip(probabilities, target, strict=True)
        ]
        labeled = (target != self.ignore_index).flatten(1).any(1)
        return torch.stack(images).where(labeled, 0).sum() / labeled.sum().clamp(min=1)


def lovasz_softmax(
    probabilities: Tensor, target: Tensor, ignore_index: int, classes: AveragedClasses
) -> Tensor:
    """Return the mean over classes of Σ_k m_(k) g_k (equation 9), with the batch as one image.

    ``probabilities``: (N, C, H, W). ``target``: (N, H, W). m: the errors of a class, |g − p|, in
    descending order. g_k: what the k-th pixel adds to the Jaccard loss of the pixels before it.
    """
    num_classes = probabilities.shape[1]
    counted = (target != ignore_index).flatten()
    truth = torch.where(counted, target.flatten(), -1)
    labeled = torch.stack([(truth == c).sum() for c in range(num_classes)])
    # Sorting dominates the run time, so skip absent classes if the labels are readable.
    absent = classes == "present" and is_readable(target)
    losses = [
        _class_loss(p.flatten(), truth == c, counted)
        if not absent or labeled[c] > 0
        else p.sum() * 0
        for c, p in enumerate(probabilities.unbind(1))
    ]
    return mean_over(torch.stack(losses), labeled, classes)


def _class_loss(probability: Tensor, truth: Tensor, counted: Tensor) -> Tensor:
    errors = (truth.to(probability.dtype) - probability).abs()
    # Ignored pixels come last, where they do not affect the others.
    order = errors.detach().masked_fill(~counted, -1).argsort(descending=True)
    weights = torch.empty_like(errors).scatter(0, order, _added_loss(truth[order], errors.dtype))
    return (errors.where(counted, 0) * weights).sum()


def _added_loss(truth: Tensor, dtype: torch.dtype) -> Tensor:
    """Return what each pixel adds to the Jaccard loss 1 − I / U if it is wrong too.

    A wrong pixel of the class subtracts 1 from I; any other wrong pixel adds 1 to U. This closed
    form avoids the cancellation that the paper's algorithm 1 suffers over millions of pixels.
    """
    outside = (~truth).cumsum(0)
    intersection = truth.sum() - truth.cumsum(0)
    union = truth.sum() + outside
    before = (union - 1).clamp(min=1)
    added = intersection.to(dtype) / union / before
    # The loss of an absent class is 1 from the first wrong pixel on.
    added = torch.where(union == 1, 1, added)
    return torch.where(truth, 1 / union.to(dtype), added)
