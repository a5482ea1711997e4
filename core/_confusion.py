"""Count pixels by true and predicted class, exactly and fast."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from .targets import TargetError, check_prediction, check_target, is_readable

_BLOCK = 2**15  # pixels; two blocks of int64 stay in the cache while they are worked on
_LANES = 4
_INTEGERS = {
    torch.uint8,
    torch.uint16,
    torch.uint32,
    torch.int8,
    torch.int16,
    torch.int32,
    torch.int64,
}


def confusion(prediction: Tensor, target: Tensor, num_classes: int, ignore_index: int) -> Tensor:
    """Return pixels by true class (row) and predicted class (column), (C, C) int64.

    ``prediction``, ``target``: class indices of one shape, each of any integer type. Pixels whose
    target is ``ignore_index`` do not count, whatever is predicted there.

    Raises: TargetError for a label or a counted prediction that is out of range.
    """
    _check_kinds(prediction, target)
    if not (is_readable(target) and target.device.type == "cpu" == prediction.device.type):
        return _count_unseen(prediction, target, num_classes, ignore_index)
    labels, predicted = target.reshape(-1).numpy(), prediction.reshape(-1).numpy()
    counts = _count(predicted, labels, num_classes, ignore_index)
    if counts is None:
        counted = labels != ignore_index
        labels, predicted = labels[counted], predicted[counted]
        check_target(_signed(labels), num_classes, ignore_index)
        check_prediction(_signed(predicted), num_classes)
        counts = _count(predicted, labels, num_classes, ignore_index)
        assert counts is not None  # nothing is left that could be out of range
    return counts


def _check_kinds(prediction: Tensor, target: Tensor) -> None:
    if prediction.shape != target.shape:
        raise TargetError(
            f"prediction {tuple(prediction.shape)} and target {tuple(target.shape)} "
            "must have one shape"
        )
    for name, tensor in (("prediction", prediction), ("target", target)):
        if tensor.dtype not in _INTEGERS:
            raise TargetError(f"{name} must hold class indices, not {tensor.dtype}")


def _signed(values: np.ndarray) -> Tensor:
    """Return a tensor that torch can compare: it has few operations for wide unsigned types."""
    return torch.from_numpy(values.astype(np.int64))


def _count(
    predicted: np.ndarray, labels: np.ndarray, num_classes: int, ignore_index: int
) -> Tensor | None:
    """Return the counts of (P,) integers, or None if something is not in its usual range.

    Usual: predictions are classes; labels are classes or ``ignore_index``, from 0 to 255. All of
    these have a row in the table, so that a stray label shows itself when everything is counted.
    """
    rows = max(256, num_classes)
    bins = rows * num_classes
    # Neighbours are mostly alike, and a counter that was just written must be waited for; so where
    # the index stays narrow, four neighbours are counted in four tables.
    lanes = _LANES if _LANES * bins <= 2**15 else 1
    index = np.empty(len(labels), np.int16 if lanes * bins <= 2**15 else np.int32)
    first_bins = np.tile(np.arange(lanes, dtype=index.dtype) * bins, _BLOCK // lanes)
    for start in range(0, len(index), _BLOCK):
        label, guess, block = (
            values[start : start + _BLOCK] for values in (labels, predicted, index)
        )
        if _reaches(label, rows) or _reaches(guess, num_classes):
            return None
        block[...] = label
        block *= num_classes
        block += guess.astype(index.dtype)
        block += first_bins[: len(block)]
    table = torch.bincount(torch.from_numpy(index), minlength=lanes * bins)
    counts = table.view(lanes, rows, num_classes).sum(0)
    if 0 <= ignore_index < rows:
        counts[ignore_index] = 0
    return None if counts[num_classes:].any() else counts[:num_classes]


def _reaches(values: np.ndarray, limit: int) -> bool:
    """Tell whether a value is negative, or ``limit`` or more."""
    # Read as unsigned, a negative number is larger than any that its type can hold.
    return int(values.view(f"u{values.itemsize}").max()) >= min(
        limit, np.iinfo(values.dtype).max + 1
    )


def _count_unseen(
    prediction: Tensor, target: Tensor, num_classes: int, ignore_index: int
) -> Tensor:
    """Count on the device, or for the shapes alone, without looking at a value."""
    prediction, target = prediction.reshape(-1).long(), target.reshape(-1).long()
    check_target(target, num_classes, ignore_index)
    counted = target != ignore_index
    check_prediction(prediction.where(counted, 0), num_classes)
    bins = num_classes * num_classes
    index = torch.where(counted, target * num_classes + prediction, bins)
    if type(index) is Tensor and not torch.compiler.is_compiling():
        counts = torch.bincount(index, minlength=bins + 1)
    else:  # the shape of bincount's result depends on the values
        counts = torch.zeros(bins + 1, dtype=torch.int64, device=index.device)
        counts = counts.index_add(0, index, torch.ones_like(index))
    return counts[:bins].view(num_classes, num_classes)
