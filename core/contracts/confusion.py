"""Count pixels by true and predicted class, exactly and fast."""

from __future__ import annotations

import torch
from torch import Tensor

from .targets import TargetError, check_prediction, check_target, is_readable, within

_INTEGERS = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)
_WIDE_UNSIGNED = (torch.uint16, torch.uint32)  # torch has few operations for them


class Workspace:
    """Memory reused between batches: allocating pages costs as much time as counting."""

    def __init__(self) -> None:
        self._bytes = torch.empty(0, dtype=torch.uint8)

    def pair(self, size: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Return two uninitialized tensors (size,); the next call reuses their memory."""
        length = size * dtype.itemsize
        if len(self._bytes) < 2 * length:
            self._bytes = torch.empty(2 * length, dtype=torch.uint8)
        first, second = self._bytes[:length], self._bytes[length : 2 * length]
        return first.view(dtype)[:size], second.view(dtype)[:size]


def confusion(
    prediction: Tensor,
    target: Tensor,
    num_classes: int,
    ignore_index: int,
    scratch: Workspace | None = None,
) -> Tensor:
    """Return the number of pixels by true class (row) and predicted class (column), (C, C) int64.

    ``prediction``, ``target``: class indices of equal shape and any integer types. Pixels whose
    target is ``ignore_index`` do not count, whatever their prediction.

    Raises: TargetError if a label or a counted prediction is out of range.
    """
    _check_shapes(prediction, target)
    flat = prediction.reshape(1, -1), target.reshape(1, -1)
    return confusion_each(*flat, num_classes, ignore_index, scratch)[0]


def confusion_each(
    prediction: Tensor,
    target: Tensor,
    num_classes: int,
    ignore_index: int,
    scratch: Workspace | None = None,
) -> Tensor:
    """Return ``confusion`` per image, (N, C, C), of a prediction and a target (N, …)."""
    _check_shapes(prediction, target)
    predicted, labels = _flat("prediction", prediction), _flat("target", target)
    if not (is_readable(labels) and is_readable(predicted)):
        return _count_unread(predicted, labels, num_classes, ignore_index)
    scratch = scratch or Workspace()
    counts = torch.empty(len(labels), num_classes, num_classes, dtype=torch.int64)
    for row, guess, truth in zip(counts, predicted, labels, strict=True):
        row.copy_(_count_read(guess, truth, num_classes, ignore_index, scratch))
    return counts


def _check_shapes(prediction: Tensor, target: Tensor) -> None:
    if prediction.shape != target.shape:
        raise TargetError(
            f"prediction {tuple(prediction.shape)} and target {tuple(target.shape)} "
            "must have the same shape"
        )


def _flat(name: str, values: Tensor) -> Tensor:
    """Return values (N, …) as (N, P) of an integer type that torch computes with."""
    if values.dtype not in _INTEGERS + _WIDE_UNSIGNED:
        raise TargetError(f"{name} must contain class indices, not {values.dtype}")
    return (values.long() if values.dtype in _WIDE_UNSIGNED else values).flatten(1)


def _count_read(
    predicted: Tensor, labels: Tensor, num_classes: int, ignore_index: int, scratch: Workspace
) -> Tensor:
    """Count (P,) class indices; errors name the values that are out of range."""
    counts = _count(predicted, labels, num_classes, ignore_index, scratch)
    if counts is None:
        counted = labels != ignore_index
        predicted, labels = predicted[counted], labels[counted]
        check_target(labels, num_classes, ignore_index)
        check_prediction(predicted, num_classes)
        counts = _count(predicted, labels, num_classes, ignore_index, scratch)
        assert counts is not None  # all remaining values are in range
    return counts


def _count(
    predicted: Tensor, labels: Tensor, num_classes: int, ignore_index: int, scratch: Workspace
) -> Tensor | None:
    """Return the counts of (P,) class indices, or None if a value is not in its usual range.

    Usual predictions are classes; usual labels are classes or ``ignore_index``, from 0 to 255. The
    table has a row for each label in this range, so counting also reveals invalid labels.
    """
    rows = max(256, num_classes)
    bins = rows * num_classes
    if not (within(labels, rows) and within(predicted, num_classes)):
        return None
    # Memory bandwidth limits the speed, so the index type is narrow. Then the counters do: adjacent
    # pixels mostly have equal labels, and each increment must wait for the one before. So four
    # adjacent pixels use four tables. One int64 addition (modulo 2⁶⁴) offsets four int16 indices.
    lanes = 4 if 4 * bins <= 2**15 else 1
    index, other = scratch.pair(len(labels), torch.int16 if lanes * bins <= 2**15 else torch.int32)
    index.copy_(labels).mul_(num_classes).add_(other.copy_(predicted))
    if lanes > 1:
        offsets = sum(lane * bins << 16 * lane for lane in range(lanes))
        index[: len(index) // lanes * lanes].view(torch.int64).add_(offsets)
    table = torch.bincount(index, minlength=lanes * bins)
    counts = table.view(lanes, rows, num_classes).sum(0)
    if 0 <= ignore_index < rows:
        counts[ignore_index] = 0
    return None if counts[num_classes:].any() else counts[:num_classes]


def _count_unread(predicted: Tensor, labels: Tensor, num_classes: int, ignore_index: int) -> Tensor:
    """Count (N, P) at once on the device, or for fake tensors, without reading a value."""
    check_target(labels, num_classes, ignore_index)
    counted = labels != ignore_index
    check_prediction(predicted.where(counted, 0), num_classes)
    bins = num_classes * num_classes
    index = torch.where(counted, labels.long() * num_classes + predicted, bins)
    counts = count_by_image(index, bins + 1)
    return counts[:, :bins].unflatten(1, (num_classes, num_classes))


def count_by_image(index: Tensor, length: int) -> Tensor:
    """Return how often each of 0 … ``length`` − 1 occurs in each row, (N, length) int64.

    ``index``: (N, P) int64. It runs on the device, and for fake tensors, without reading a value.
    """
    images = len(index)
    flat = (index + length * torch.arange(images, device=index.device)[:, None]).flatten()
    if type(flat) is Tensor and not torch.compiler.is_compiling():
        counts = torch.bincount(flat, minlength=images * length)
    else:  # the shape of a bincount depends on the values
        counts = torch.zeros(images * length, dtype=torch.int64, device=flat.device)
        counts = counts.index_add(0, flat, torch.ones_like(flat))
    return counts.view(images, length)
