"""Compute loss, classes and probabilities at full resolution from coarse scores, strip by strip.

A strip is a range of rows. Its logits are resampled, used and freed, so full-resolution logits
never exist in memory. Results differ from those without strips only in the order of sums.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ..common.numerics import at_least_float32, full_precision
from ..contracts.kinds import Loss
from ..contracts.offers import offers
from ..contracts.optional import PerPixel, SumsLosses
from ..geometry.resampling import IMAGE, Axis, Block, Interpolation, matrix, resample
from ..geometry.scores import Scores

STRIP_BYTES = {"cpu": 4 << 20, "cuda": 64 << 20}
"""Bytes for the logits of a strip: what fits a CPU's cache, and what keeps a GPU busy."""

BAND_BYTES = 32 << 20
"""Bytes for a band: rows of scores that are resampled to the image's columns at once."""


@dataclass(frozen=True)
class Band:
    """Rows of scores resampled to the image's columns: ``wide`` is (h, N, C, W).

    ``source``: the rows of the scores. ``columns``: the resampling along the columns. Because the
    rows come first, the image's rows are one matrix product, and form a batch for any pixel loss.
    """

    source: slice
    columns: Axis
    wide: Tensor
    strips: list[Block]

    def logits(self, strip: Block) -> Tensor:
        """Return the logits of a strip, (rows · N, C, 1, W)."""
        rows = self.wide[strip.source].flatten(1)
        with full_precision(rows):
            logits = strip.weights @ rows
        return logits.view(-1, *self.wide.shape[2:]).unsqueeze(2)

    def add_gradient(self, total: Tensor, strip: Block, gradient: Tensor) -> None:
        """Add the gradient of a strip's logits to the band's gradient, shaped like ``wide``."""
        with full_precision(gradient):
            rows = total[strip.source].flatten(1)
            rows.addmm_(strip.weights.mT, gradient.reshape(len(strip.weights), -1))

    def narrowed(self, gradient: Tensor) -> Tensor:
        """Return the gradient (N, C, h, w) of the scores, given the gradient of ``wide``."""
        height, batch, channels, _ = gradient.shape
        with full_precision(gradient):
            narrow = self.columns.adjoint(gradient.flatten(1, 2), -1)
        return narrow.view(height, batch, channels, -1).permute(1, 2, 0, 3)


def bands(scores: Scores, size: tuple[int, int]) -> Iterator[Band]:
    """Yield the bands, each with its strips, that resample scores to ``size`` = (H, W)."""
    tensor = at_least_float32(scores.tensor)
    batch, channels = tensor.shape[:2]
    down, across = (
        Interpolation.between(scores.grid, IMAGE, axis, tensor.shape[axis - 2], size[axis])
        for axis in (0, 1)
    )
    columns = Axis.along(across, scores.border, tensor)
    row_bytes = max(1, tensor.element_size() * batch * channels * size[1])
    budget = STRIP_BYTES["cpu" if tensor.device.type == "cpu" else "cuda"]
    height = max(1, budget // row_bytes)
    band_height = max(height, int(BAND_BYTES / row_bytes / down.step))
    for first in range(0, size[0], band_height):
        last = min(first + band_height, size[0])
        source, part = down.part(first, last)
        with full_precision(tensor):
            rows = tensor[:, :, source].permute(2, 0, 1, 3).flatten(1, 2)
            wide = columns.apply(rows, -1).unflatten(1, (batch, channels))
        strips = []
        for top in range(first, last, height):
            bottom = min(top + height, last)
            needed, piece = part.part(top - first, bottom - first)
            weights = matrix(piece, scores.border, tensor)
            strips.append(Block(slice(top, bottom), needed, weights))
        yield Band(source, columns, wide, strips)


def _pixels(target: Tensor, rows: slice) -> Tensor:
    """Return the labels of some rows in the layout of a strip's logits, (rows · N, 1, W)."""
    return target[:, rows].transpose(0, 1).flatten(0, 1).unsqueeze(1)


def terms_of(loss: Loss) -> Iterator[tuple[str, float, Loss]]:
    """Yield name, weight and loss of each term of a sum; any other loss is a single term."""
    if not offers(loss, SumsLosses):
        yield "", 1.0, loss
        return
    for name, (weight, term) in loss.terms.items():
        for inner, factor, innermost in terms_of(term):
            yield f"{name}/{inner}" if inner else name, weight * factor, innermost


def resampled_loss(
    loss: Loss, scores: Scores, target: Tensor, shares: Sequence[Tensor] | None = None
) -> Tensor:
    """Return ``loss(resample(scores), target)`` for target (N, H, W) int64.

    `PerPixel` losses, including terms of a sum, are summed strip by strip. All other losses, and
    losses with trainable parameters, receive full-resolution logits. ``shares``: a factor () for
    each of ``terms_of(loss)``.
    """
    height, width = target.shape[-2:]
    logits: Tensor | None = None
    total: list[Tensor] = []
    for i, (_, weight, term) in enumerate(terms_of(loss)):
        if offers(term, PerPixel) and not _is_trained(term):
            value = _strip_loss(term, scores, target)
        else:
            logits = resample(scores, (height, width)) if logits is None else logits
            value = term(logits, target)
        value = value if shares is None else shares[i] * value
        total.append(value if weight == 1 else weight * value)
    return total[0] if len(total) == 1 else torch.stack(total).sum()


def normalizers(loss: Loss, target: Tensor) -> list[Tensor]:
    """Return the normalizer () of each of ``terms_of(loss)``; 1 for terms without one."""
    one = torch.ones((), device=target.device)
    return [
        term.normalizer(target).float() if offers(term, PerPixel) else one
        for _, _, term in terms_of(loss)
    ]


def _is_trained(loss: object) -> bool:
    return isinstance(loss, torch.nn.Module) and any(p.requires_grad for p in loss.parameters())


def _strip_loss(loss: PerPixel, scores: Scores, target: Tensor) -> Tensor:
    tensor = at_least_float32(scores.tensor)
    if tensor.requires_grad and torch.is_grad_enabled():
        detached = replace(scores, tensor=tensor.detach())
        return _StripLoss.apply(tensor, detached, target, loss)
    height, width = target.shape[-2:]
    total = tensor.new_zeros(())
    for band in bands(scores, (height, width)):
        for strip in band.strips:
            total += loss.per_pixel(band.logits(strip), _pixels(target, strip.target)).sum()
    return total / _divisor(loss, target)


def _divisor(loss: PerPixel, target: Tensor) -> Tensor:
    normalizer = loss.normalizer(target)
    return torch.where(normalizer > 0, normalizer, 1)


class _StripLoss(torch.autograd.Function):
    """A loss whose forward pass also computes the gradient: both need the same strips."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor, scores: Scores, target: Tensor, loss: PerPixel) -> Tensor:
        total = tensor.new_zeros(())
        gradient = torch.zeros_like(scores.tensor, memory_format=torch.contiguous_format)
        height, width = target.shape[-2:]
        for band in bands(scores, (height, width)):
            wide = torch.zeros_like(band.wide)
            for strip in band.strips:
                logits = band.logits(strip).requires_grad_()
                with torch.enable_grad():
                    part = loss.per_pixel(logits, _pixels(target, strip.target)).sum()
                total += part.detach()
                band.add_gradient(wide, strip, *torch.autograd.grad(part, logits))
            gradient[:, :, band.source] += band.narrowed(wide)
        divisor = _divisor(loss, target)
        ctx.save_for_backward(gradient.div_(divisor))
        return total / divisor

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        (own,) = ctx.saved_tensors
        return gradient * own, None, None, None


def resampled_classes(scores: Scores, size: tuple[int, int]) -> Tensor:
    """Return the classes of `resampled_predictions`, (N, H, W), for ``size``, (H, W)."""
    classes, _ = resampled_predictions(scores, size, probabilities=False)
    return classes


def resampled_predictions(
    scores: Scores, size: tuple[int, int], *, probabilities: bool
) -> tuple[Tensor, Tensor | None]:
    """Return argmax and, if requested, softmax of ``resample(scores, size)`` along the classes.

    Classes: (N, H, W), uint8 for up to 256 classes, else int16. Of equal scores, the first wins.
    Probabilities: (N, C, H, W) float32, in 0–1; None unless requested.
    """
    tensor, (batch, count) = scores.tensor, scores.tensor.shape[:2]
    kind = torch.uint8 if count <= 256 else torch.int16
    classes = tensor.new_empty((batch, *size), dtype=kind)
    softmax = None
    if probabilities:
        softmax = tensor.new_empty((batch, count, *size), dtype=torch.float32)
    for band in bands(scores, size):
        for strip in band.strips:
            logits = band.logits(strip)
            best = logits.max(1).indices  # argmax takes several times as long
            classes[:, strip.target] = best.view(-1, batch, size[1]).transpose(0, 1)
            if softmax is not None:
                rows = logits.softmax(1).view(-1, batch, count, size[1])
                softmax[:, :, strip.target] = rows.permute(1, 2, 0, 3)
    return classes, softmax


def resampled_confidence(scores: Scores, size: tuple[int, int]) -> Tensor:
    """Return the largest of the softmax of ``resample(scores, size)``, (N, H, W) float32.

    It is the probability of the class of `resampled_classes`, without the memory of all classes.
    """
    batch = scores.tensor.shape[0]
    found = scores.tensor.new_empty((batch, *size), dtype=torch.float32)
    for band in bands(scores, size):
        for strip in band.strips:
            best = band.logits(strip).softmax(1).amax(1)
            found[:, strip.target] = best.view(-1, batch, size[1]).transpose(0, 1)
    return found
