"""Run convolutions, pools and paddings with strides and dilations other than their own."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import reduce
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from ...common.numerics import at_least_float32

Ints = tuple[int, int]
"""(vertical, horizontal)."""

ONE: Ints = (1, 1)


@dataclass(frozen=True)
class Sliding:
    """A window that slides over a map: a convolution, a max pool, an average pool, or a padding.

    ``before``, ``after``: cells of padding at the top left and the bottom right; negative numbers
    remove cells. ``value``: of the cells that a ``padding`` adds. ``overhang``: cells by which the
    last window of a pool with ``ceil_mode`` may extend beyond the map. ``divisor``: of averages;
    None for the number of cells in a window, which includes the padding if ``counts_padding``.
    """

    kind: Literal["convolution", "maximum", "average", "padding"]
    kernel: Ints
    stride: Ints
    before: Ints
    after: Ints
    dilation: Ints = ONE
    overhang: Ints = (0, 0)
    groups: int = 1
    counts_padding: bool = True
    divisor: int | None = None
    value: float = 0.0

    def __str__(self) -> str:
        values = ((one.name, getattr(self, one.name), one.default) for one in fields(self)[1:])
        given = [f"{name}={value}" for name, value, default in values if value != default]
        return f"{self.kind}({', '.join(given)})"

    def __call__(
        self, image: Tensor, weight: Tensor | None, bias: Tensor | None, rate: Ints, stride: Ints
    ) -> Tensor:
        """Slide over (N, C, h, w) with ``stride``, and padding and dilation times ``rate``."""
        dilation = times(self.dilation, rate)
        before = times(self.before, rate)
        after = times(plus(self.after, self.overhang), rate)
        if self.kind == "padding":
            return _padded(image, before, after, self.value)
        lowest = -torch.inf if self.kind == "maximum" else 0.0
        padded = _padded(image, before, after, lowest)
        pairs = zip(padded.shape[-2:], self.kernel, dilation, stride, strict=True)
        size = [max(0, (cells - d * (k - 1) - 1) // s + 1) for cells, k, d, s in pairs]
        if 0 in size:  # a fragment of a small map may be too small for a window
            channels = padded.shape[1] if weight is None else len(weight)
            return padded.new_empty(padded.shape[0], channels, *size)
        if self.kind == "convolution":
            assert weight is not None
            return functional.conv2d(
                padded, weight, bias, stride=stride, dilation=dilation, groups=self.groups
            )
        if self.kind == "maximum":
            return functional.max_pool2d(padded, self.kernel, stride, dilation=dilation)
        # In half precision, the sum of a window may overflow although its mean does not.
        wide = at_least_float32(padded)
        return self._average(wide, image.shape, rate, stride, dilation).to(image.dtype)

    def _average(
        self, padded: Tensor, shape: torch.Size, rate: Ints, stride: Ints, dilation: Ints
    ) -> Tensor:
        """Return the averages of a padded map; ``shape``: of the map without its padding.

        PyTorch's average pool has no dilation, so this adds the cells of each window.
        """
        total = _sum(padded, self.kernel, stride, dilation)
        if self.divisor is not None:
            return total / self.divisor
        # For a tracer, `padded.new_ones` would depend on the map.
        cells = torch.ones(1, 1, *shape[-2:], dtype=padded.dtype, device=padded.device)
        counted = 1.0 if self.counts_padding else 0.0
        cells = _padded(cells, times(self.before, rate), times(self.after, rate), counted)
        cells = _padded(cells, (0, 0), times(self.overhang, rate), 0.0)
        return total / _sum(cells, self.kernel, stride, dilation)


def times(a: Ints, b: Ints) -> Ints:
    """Multiply per axis."""
    return a[0] * b[0], a[1] * b[1]


def plus(a: Ints, b: Ints) -> Ints:
    """Add per axis."""
    return a[0] + b[0], a[1] + b[1]


def _padded(image: Tensor, before: Ints, after: Ints, value: float) -> Tensor:
    if not any((*before, *after)):
        return image
    return functional.pad(image, (before[1], after[1], before[0], after[0]), value=value)


def _sum(image: Tensor, kernel: Ints, stride: Ints, dilation: Ints) -> Tensor:
    """Sum each window by additions, which are exact under autocast and TF32, unlike products."""
    for dim, k, s, d in zip((2, 3), kernel, stride, dilation, strict=True):
        cells = image.shape[dim] - d * (k - 1)
        index = [(slice(None),) * dim + (slice(d * i, d * i + cells, s),) for i in range(k)]
        image = reduce(torch.add, [image[part] for part in index])
    return image
