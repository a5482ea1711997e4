"""Count pixels by true and predicted class, exactly and fast."""

from __future__ import annotations

import torch
from torch import Tensor

from ...contracts.targets import TargetError, check_prediction, check_target, is_readable, within

_INTEGERS = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)
_WIDE_UNSIGNED = (torch.uint16, torch.uint32)  # torch has few operations for them


class Workspace:
    """Memory that is kept from one batch to the next: fresh pages cost as much as the counting."""

    def __init__(self) -> None:
        self._bytes = torch.empty(0, dtype=torch.uint8)

    def pair(self, size: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Return two tensors (size,) of whatever values, overwritten by the next call."""
        need = size * dtype.itemsize
        if len(self._bytes) < 2 * need:
            self._bytes = torch.empty(2 * need, dtype=torch.uint8)
        first, second = self._bytes[:need], self._bytes[need : 2 * need]
        return first.view(dtype)[:size], second.view(dtype)[:size]


def confusion(
    prediction: Tensor,
    target: Tensor,
    num_classes: int,
    ignore_index: int,
    scratch: Workspace | None = None,
) -> Tensor:
    """Return pixels by true class (row) and predicted class (column), (C, C) int64.

    ``prediction``, ``target``: class indices of one shape, each of any integer type. Pixels whose
    target is ``ignore_index`` do not count, whatever is predicted there.

    Raises: TargetError for a label or a counted prediction that is out of range.
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
    """Return the ``confusion`` of each of N images, (N, C, C): prediction and target (N, …)."""
    _check_shapes(prediction, target)
    predicted, labels = _flat("prediction", prediction), _flat("target", target)
    if not (is_readable(labels) and is_readable(predicted)):
        return _count_unseen(predicted, labels, num_classes, ignore_index)
    scratch = scratch or Workspace()
    counts = torch.empty(len(labels), num_classes, num_classes, dtype=torch.int64)
    for row, one, truth in zip(counts, predicted, labels, strict=True):
        row.copy_(_count_seen(one, truth, num_classes, ignore_index, scratch))
    return counts


def _check_shapes(prediction: Tensor, target: Tensor) -> None:
    if prediction.shape != target.shape:
        raise TargetError(
            f"prediction {tuple(prediction.shape)} and target {tuple(target.shape)} "
            "must have one shape"
        )


def _flat(name: str, values: Tensor) -> Tensor:
    """Return (N, P) of (N, …)."""
    if values.dtype not in _INTEGERS + _WIDE_UNSIGNED:
        raise TargetError(f"{name} must hold class indices, not {values.dtype}")
    return (values.long() if values.dtype in _WIDE_UNSIGNED else values).flatten(1)


def _count_seen(
    predicted: Tensor, labels: Tensor, num_classes: int, ignore_index: int, scratch: Workspace
) -> Tensor:
    """Count (P,) class indices; what is out of range is named."""
    counts = _count(predicted, labels, num_classes, ignore_index, scratch)
    if counts is None:
        counted = labels != ignore_index
        predicted, labels = predicted[counted], labels[counted]
        check_target(labels, num_classes, ignore_index)
        check_prediction(predicted, num_classes)
        counts = _count(predicted, labels, num_classes, ignore_index, scratch)
        assert counts is not None  # what could be out of range has been left out or refused
    return counts


def _count(
    predicted: Tensor, labels: Tensor, num_classes: int, ignore_index: int, scratch: Workspace
) -> Tensor | None:
    """Return the counts of (P,) class indices, or None if something is not in its usual range.

    Usual: predictions are classes; labels are classes or ``ignore_index``, from 0 to 255. All of
    these have a row in the table, so that a stray label shows itself when everything is counted.
    """
    rows = max(256, num_classes)
    bins = rows * num_classes
    if not (within(labels, rows) and within(predicted, num_classes)):
        return None
    # Memory is what it waits for: the index is narrow. Then it waits for counters: neighbors are
    # mostly alike, and one that was just written is not ready. So four neighbors count in four
    # tables; the offsets are added to four indices at once, seen as one int64 (modulo 2⁶⁴).
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


def _count_unseen(predicted: Tensor, labels: Tensor, num_classes: int, ignore_index: int) -> Tensor:
    """Count (N, P) all at once on the device, or for the shapes alone; no value is looked at."""
    check_target(labels, num_classes, ignore_index)
    counted = labels != ignore_index
    check_prediction(predicted.where(counted, 0), num_classes)
    images, bins = len(labels), num_classes * num_classes
    index = torch.where(counted, labels.long() * num_classes + predicted, bins)
    index += (bins + 1) * torch.arange(images, device=index.device)[:, None]
    index = index.flatten()
    if type(index) is Tensor and not torch.compiler.is_compiling():
        counts = torch.bincount(index, minlength=images * (bins + 1))
    else:  # the shape of bincount's result depends on the values
        counts = torch.zeros(images * (bins + 1), dtype=torch.int64, device=index.device)
        counts = counts.index_add(0, index, torch.ones_like(index))
    return counts.view(images, bins + 1)[:, :bins].unflatten(1, (num_classes, num_classes))
