"""Pixels near the boundaries of classes, for all classes at once.

A boundary lies between labeled pixels of two classes. Ignored pixels belong to no boundary: they do
not count as another class, in the ground truth or in the prediction.
"""

from __future__ import annotations

from collections.abc import Callable
from math import hypot, isqrt

import torch
from torch import Tensor
from torch.nn.functional import pad


def diagonal(images: Tensor) -> float:
    """Return the length of the diagonal of images (…, H, W), in pixels."""
    return hypot(*images.shape[-2:])


def near_boundary(
    classes: Tensor, labeled: Tensor, num_classes: int, reach: int, *, edge: bool
) -> Tensor:
    """Return whether a labeled pixel of another class is within ``reach``, (N, H, W) bool.

    ``classes``: (N, H, W) int64. ``labeled``: (N, H, W) bool; other pixels are never near.
    ``reach``: in pixels, the larger of the vertical and the horizontal distance. ``edge``: whether
    what lies beyond the edge of the image is another class, too.
    """
    known = classes.to(torch.int16)
    low, high = -1, num_classes
    largest = known.where(labeled, low)
    smallest = known.where(labeled, high)
    for dim in (1, 2):
        largest = _windows(largest, reach, dim, torch.maximum, high if edge else low)
        smallest = _windows(smallest, reach, dim, torch.minimum, low if edge else high)
    return labeled & ((largest > known) | (smallest < known))


def _windows(
    values: Tensor, reach: int, dim: int, combine: Callable[[Tensor, Tensor], Tensor], outside: int
) -> Tensor:
    """Combine each value with those up to ``reach`` before and after it; the windows double."""
    sides = (reach, reach) if dim == 2 else (0, 0, reach, reach)
    found, span, width = pad(values, sides, value=outside), 1, 2 * reach + 1
    while span < width:
        step = min(span, width - span)
        length = found.shape[dim] - step
        found = combine(found.narrow(dim, 0, length), found.narrow(dim, step, length))
        span += step
    return found


_BITS = 63


def matched(
    classes: Tensor, where: Tensor, others: Tensor, there: Tensor, num_classes: int, limit: float
) -> Tensor:
    """Return whether a pixel of its class in the other map is close to a pixel, (N, H, W) bool.

    ``classes``, ``others``: (N, H, W) int64, of which only pixels ``where`` and ``there`` count.
    ``limit``: the largest Euclidean distance in pixels.
    """
    found = torch.zeros_like(where)
    for first in range(0, num_classes, _BITS):
        # Each class is a bit, so that one pass dilates the pixels of all classes.
        bits = _bits(others, there, first)
        near = _dilated(bits, limit)
        found |= (near & _bits(classes, where, first)) != 0
    return found


def _bits(classes: Tensor, where: Tensor, first: int) -> Tensor:
    inside = where & (classes >= first) & (classes < first + _BITS)
    shift = (classes - first).where(inside, 0)
    return torch.bitwise_left_shift(torch.ones_like(shift), shift).where(inside, 0)


def _dilated(bits: Tensor, limit: float) -> Tensor:
    """Combine the bits (N, H, W) of all pixels within a Euclidean distance."""
    square = int(limit * limit + 1e-9)
    reach = isqrt(square)
    height, total = bits.shape[1], torch.zeros_like(bits)
    for down in range(min(reach, height - 1) + 1):
        row = _windows(bits, isqrt(square - down * down), 2, torch.bitwise_or, 0)
        total[:, down:] |= row[:, : height - down]
        total[:, : height - down] |= row[:, down:]
    return total
