"""Loss and classes at full resolution from coarse scores, strip by strip of rows.

What is resampled of a strip is used and forgotten: full-resolution logits never exist in memory.
Each strip is a resampling of its own (``Grid.crop``), so it equals the whole to the last bit but
the order of sums.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor

from .contracts import Loss, Scores
from .numerics import at_least_float32
from .resampling import IMAGE, Axis, Interpolation, Resampling, resample

STRIP_BYTES = {"cpu": 4 << 20, "cuda": 64 << 20}
"""Memory of a strip's logits: what a processor has in its cache, what keeps a GPU busy."""


@runtime_checkable
class PerPixel(Protocol):
    """A loss that is ``per_pixel(logits, target).sum() / normaliser(target)``."""

    def per_pixel(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the loss of each pixel, (N, H, W)."""
        ...

    def normaliser(self, target: Tensor) -> Tensor:
        """Return what the sum is divided by, ()."""
        ...


class Strip(NamedTuple):
    """Rows of the image, the rows of the map that they need, and what leads from these to those."""

    rows: slice
    source: slice
    resampling: Resampling


def strips(scores: Scores, size: tuple[int, int]) -> Iterator[Strip]:
    """Cut an image of ``size`` = (H, W) into strips of rows."""
    tensor = scores.tensor
    like = at_least_float32(tensor[:0])
    down, across = (
        Interpolation.between(scores.grid, IMAGE, axis, tensor.shape[axis - 2], size[axis])
        for axis in (0, 1)
    )
    columns = Axis.along(across, scores.border, like)
    row_bytes = like.element_size() * tensor.shape[0] * tensor.shape[1] * size[1]
    budget = STRIP_BYTES["cpu" if tensor.device.type == "cpu" else "cuda"]
    height = max(1, budget // max(1, row_bytes))
    for first in range(0, size[0], height):
        last = min(first + height, size[0])
        source, part = down.part(first, last)
        rows = Axis.along(part, scores.border, like)
        yield Strip(slice(first, last), source, Resampling(rows, columns))


def resampled_loss(loss: Loss, scores: Scores, target: Tensor) -> Tensor:
    """Return ``loss(resample(scores), target)`` for target (N, H, W) int64.

    Losses with ``per_pixel`` and ``normaliser`` are summed strip by strip; the others, and those
    that are trained themselves, get full logits.
    """
    height, width = target.shape[-2:]
    if not isinstance(loss, PerPixel) or _is_trained(loss):
        return loss(resample(scores, (height, width)), target)
    tensor = at_least_float32(scores.tensor)
    wanted = tensor.requires_grad and torch.is_grad_enabled()
    return _FusedLoss.apply(tensor, replace(scores, tensor=tensor.detach()), target, loss, wanted)


def _is_trained(loss: object) -> bool:
    return isinstance(loss, torch.nn.Module) and any(p.requires_grad for p in loss.parameters())


class _FusedLoss(torch.autograd.Function):
    """The loss, and on the way its gradient, as both want the same strips."""

    @staticmethod
    def forward(
        ctx: Any, tensor: Tensor, scores: Scores, target: Tensor, loss: PerPixel, wanted: bool
    ) -> Tensor:
        total = tensor.new_zeros(())
        gradient = torch.zeros_like(scores.tensor, memory_format=torch.contiguous_format)
        height, width = target.shape[-2:]
        for rows, source, resampling in strips(scores, (height, width)):
            logits = resampling(scores.tensor[:, :, source]).requires_grad_(wanted)
            with torch.set_grad_enabled(wanted):
                part = loss.per_pixel(logits, target[:, rows]).sum()
            total += part.detach()
            if wanted:
                (slope,) = torch.autograd.grad(part, logits)
                gradient[:, :, source] += resampling.adjoint(slope)
        normaliser = loss.normaliser(target)
        ctx.save_for_backward(gradient / normaliser)
        return total / normaliser

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None, None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        (slope,) = ctx.saved_tensors
        return gradient * slope, None, None, None, None


def resampled_classes(scores: Scores, size: tuple[int, int]) -> Tensor:
    """Return ``resample(scores, size).argmax(1)``: (N, H, W), uint8 up to 256 classes, else int16.

    Of equal scores, the first counts.
    """
    batch, classes = scores.tensor.shape[:2]
    kind = torch.uint8 if classes <= 256 else torch.int16
    found = torch.empty((batch, *size), dtype=kind, device=scores.tensor.device)
    for rows, source, resampling in strips(scores, size):
        found[:, rows] = resampling(at_least_float32(scores.tensor[:, :, source])).argmax(1)
    return found
