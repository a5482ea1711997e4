"""A batch of segmented images with their ground truth, as metrics see it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import torch
from torch import Tensor

from .confusion import confusion_each, count_by_image


def to_float64(tensor: Tensor) -> Tensor:
    """Return a tensor as float64: on its device, or on the CPU if the device (MPS) lacks it."""
    return (tensor.cpu() if tensor.device.type == "mps" else tensor).double()


class SegmentedBatch:
    """Predicted classes and ground truth of images at their own size, without padding.

    Each property is computed on first access, and only then: a metric that does not ask for
    probabilities costs no softmax, and several metrics share what they ask for.
    """

    def __init__(
        self,
        prediction: Tensor,
        target: Tensor,
        num_classes: int,
        ignore_index: int,
        *,
        probabilities: Callable[[], Tensor],
        confidence: Callable[[], Tensor] | None = None,
        confusion: Tensor | None = None,
    ) -> None:
        """Take ``prediction`` and ``target``, (N, H, W) of any integer types.

        ``probabilities``, ``confidence``: compute the properties of these names.
        ``confusion``: the property of this name, if it is known already.
        """
        self._prediction, self._target = prediction, target
        self._probabilities, self._confidence = probabilities, confidence
        self.num_classes, self.ignore_index = num_classes, ignore_index
        if confusion is not None:
            self.__dict__["confusion"] = confusion

    @classmethod
    def of(cls, probabilities: Tensor, target: Tensor, ignore_index: int) -> SegmentedBatch:
        """Return the batch of probabilities (N, C, H, W) and a target (N, H, W)."""
        best = probabilities.max(1).indices
        classes = probabilities.shape[1]
        return cls(best, target, classes, ignore_index, probabilities=lambda: probabilities)

    def __len__(self) -> int:
        return len(self._target)

    @cached_property
    def prediction(self) -> Tensor:
        """Predicted classes, (N, H, W) int64; also where no pixel is labeled."""
        return self._prediction.long()

    @cached_property
    def target(self) -> Tensor:
        """True classes, (N, H, W) int64; ``ignore_index`` where a pixel does not count."""
        return self._target.long()

    @cached_property
    def labeled(self) -> Tensor:
        """Whether each pixel counts, (N, H, W) bool."""
        return self._target != self.ignore_index

    @cached_property
    def probabilities(self) -> Tensor:
        """Softmax of the class scores, (N, C, H, W) float32 in 0–1: as large as the image × C."""
        return self._probabilities()

    @cached_property
    def confidence(self) -> Tensor:
        """Probability of the predicted class, (N, H, W) float32 in 0–1: less memory than all."""
        if self._confidence is not None:
            return self._confidence()
        return self.probabilities.gather(1, self.prediction[:, None])[:, 0]

    @cached_property
    def confusion(self) -> Tensor:
        """Labeled pixels of each image by true and predicted class, (N, C, C) int64."""
        return confusion_each(self._prediction, self._target, self.num_classes, self.ignore_index)

    @cached_property
    def counts(self) -> Tensor:
        """Pixels of each image and class: right, labeled, predicted, (N, C, 3) int64."""
        counts = self.confusion
        right = counts.diagonal(dim1=1, dim2=2)
        return torch.stack([right, counts.sum(2), counts.sum(1)], -1)

    def pixels_by_class(self, classes: Tensor, where: Tensor) -> Tensor:
        """Return the number of pixels of each image and class, (N, C) int64.

        ``classes``: (N, H, W) int64, valid ``where`` (N, H, W) bool is true; others do not count.
        """
        index = classes.where(where, self.num_classes).flatten(1)
        return count_by_image(index, self.num_classes + 1)[:, : self.num_classes]

    def reliability(self, bins: int) -> Tensor:
        """Return labeled pixels, right pixels and the sum of confidences of each bin, (N, bins, 3).

        Bins of equal width in 0–1 contain their upper edge (Guo et al. 2017); float64.
        """
        confidence = to_float64(self.confidence)
        edges = torch.linspace(0, 1, bins + 1, dtype=torch.float64)[1:-1].to(confidence.device)
        index = torch.bucketize(confidence, edges)
        index = index.where(self.labeled.to(index.device), bins)  # the last one is dropped
        images = torch.arange(len(index), device=index.device)[:, None, None]
        flat = (index + (bins + 1) * images).flatten()
        right = (self._prediction == self._target).to(confidence)
        values = torch.stack([torch.ones_like(confidence), right, confidence], -1).flatten(0, 2)
        sums = values.new_zeros(len(index) * (bins + 1), 3).index_add(0, flat, values)
        return sums.unflatten(0, (len(index), -1))[:, :bins]


def calibration_error(reliability: Tensor) -> Tensor:
    """Return the expected calibration error, 0–1 (Guo et al. 2017, equation 3); NaN without pixels.

    ``reliability``: sums of `SegmentedBatch.reliability`, (…, bins, 3).
    """
    pixels, right, confidence = reliability.unbind(-1)
    return (right - confidence).abs().sum(-1) / pixels.sum(-1)
