"""Scores from any grid to any other: linear interpolation at exact positions, axis by axis.

``out(x) = Σ_i s[i] · max(0, 1 − |y(x) − i|)``, where ``y(x)`` is the position of target cell *x* in
cells of the source. With zeros for a border this is FCN's bilinear deconvolution and crop, without
its C × C kernels; a border that replicates keeps the sum of the taps at 1 up to the image's edge.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from .contracts import Scores
from .geometry import Grid

Border = Literal["replicate", "zeros"]
IMAGE = Grid()


def resample(
    scores: Scores, size: tuple[int, int], *, grid: Grid = IMAGE, border: Border = "replicate"
) -> Tensor:
    """Return the scores at the first ``size`` = (H, W) cells of ``grid``: (N, C, H, W).

    ``grid`` is by default that of the image's pixels. ``border`` says what lies outside the map:
    its nearest cells, or zeros. Computed in float32 (float64 stays), also under autocast;
    deterministic, and so is its gradient.
    """
    tensor = scores.tensor
    tensor = tensor if tensor.dtype == torch.float64 else tensor.float()
    if grid == scores.grid and tuple(tensor.shape[-2:]) == tuple(size):
        return tensor
    rows, columns = (
        _matrix(
            Interpolation.between(scores.grid, grid, axis, tensor.shape[axis - 2], size[axis]),
            border,
            tensor,
        )
        for axis in (0, 1)
    )
    batch, channels = tensor.shape[:2]
    with _without_autocast(tensor.device.type):
        wide = tensor @ columns.mT
        # One batched product; a broadcast ``rows @ wide`` would copy its operands.
        full = torch.bmm(rows.expand(batch * channels, -1, -1), wide.flatten(0, 1))
    return full.view(batch, channels, *size)


def _without_autocast(device: str) -> AbstractContextManager[object]:
    if torch.amp.is_autocast_available(device):
        return torch.autocast(device, enabled=False)
    return nullcontext()


@dataclass(frozen=True)
class Interpolation:
    """Along one axis, target cell *j* lies at source cell ``start + step · j``."""

    start: Fraction
    step: Fraction
    cells_in: int
    cells_out: int

    @classmethod
    def between(
        cls, source: Grid, target: Grid, axis: int, cells_in: int, cells_out: int
    ) -> Interpolation:
        """Return what leads from ``cells_in`` cells of one grid to ``cells_out`` of the other."""
        start = (target.offset[axis] - source.offset[axis]) / source.stride[axis]
        return cls(start, target.stride[axis] / source.stride[axis], cells_in, cells_out)


@lru_cache(maxsize=256)
def taps(interpolation: Interpolation, border: Border) -> np.ndarray:
    """Return the weights (cells_out, cells_in), float64, of a linear interpolation.

    Positions are computed in integers over a common denominator, so no size lets them drift.
    """
    at = interpolation
    common = at.start.denominator * at.step.denominator
    first, step = int(at.start * common), int(at.step * common)
    position = first + step * np.arange(at.cells_out, dtype=np.int64)
    if border == "replicate":
        position = position.clip(0, (at.cells_in - 1) * common)
    below, remainder = np.divmod(position, common)
    weights = np.zeros((at.cells_out, at.cells_in))
    row = np.arange(at.cells_out)
    for cell, weight in ((below, 1 - remainder / common), (below + 1, remainder / common)):
        inside = (cell >= 0) & (cell < at.cells_in)
        weights[row[inside], cell[inside]] = weight[inside]
    weights.flags.writeable = False
    return weights


def _matrix(interpolation: Interpolation, border: Border, like: Tensor) -> Tensor:
    """Return the taps where ``like`` is; under a fake-tensor mode they are not kept."""
    ordinary = type(torch.empty(0)) is Tensor and type(like.detach()) is Tensor
    make = _stored if ordinary else _stored.__wrapped__
    return make(interpolation, border, like.dtype, like.device)


@lru_cache(maxsize=64)
def _stored(
    interpolation: Interpolation, border: Border, dtype: torch.dtype, device: torch.device
) -> Tensor:
    # A tensor made in inference mode could never take part in a backward pass later.
    with torch.inference_mode(False):
        return torch.tensor(taps(interpolation, border), dtype=dtype, device=device)
