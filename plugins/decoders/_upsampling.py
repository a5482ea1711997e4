"""Upsample scores to the grid of a finer map: fixed bilinear, or by a learned deconvolution."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor
from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional

from ...core import FeatureSpec, Grid, Scores, resample
from ...core.authoring import Border, bilinear_kernel, logger


class KernelAlignment(NamedTuple):
    """How a deconvolution maps a coarse axis to a fine one.

    Fine cell *j* is at coarse position ``start + j / factor``, and at position ``crop + j`` of the
    full output of the deconvolution (``kernel`` taps, stride ``factor``, no padding).
    """

    start: Fraction
    factor: int
    kernel: int
    crop: int

    @classmethod
    def between(cls, coarse: Grid, fine: Grid, axis: int) -> KernelAlignment | None:
        """Apply the parity rule; return None if no symmetric bilinear kernel aligns the grids.

        A kernel of 2f taps is centered at f − ½, one of 2f − 1 taps at f − 1. The correct kernel
        puts fine cell 0 on an integer position of the output.
        """
        ratio = coarse.stride[axis] / fine.stride[axis]
        start = (fine.offset[axis] - coarse.offset[axis]) / coarse.stride[axis]
        for kernel in (2 * ratio, 2 * ratio - 1):
            crop = ratio * start + (kernel - 1) / 2
            if ratio.denominator == crop.denominator == 1:
                return cls(start, int(ratio), int(kernel), int(crop))
        return None

    def border(self, coarse_cells: int, fine_cells: int) -> tuple[int, int]:
        """Return how many cells interpolation needs before and after the coarse axis."""
        last = self.start + Fraction(fine_cells - 1, self.factor)
        return max(0, -floor(self.start)), max(0, ceil(last) - coarse_cells + 1)


class LearnedUpsampling(nn.Module):
    """A deconvolution with one kernel per class, initialized to bilinear interpolation.

    Outside of the map it uses the map's ``border``, so it initially equals ``resample`` everywhere.
    """

    def __init__(
        self, num_classes: int, rows: KernelAlignment, columns: KernelAlignment, border: Border
    ) -> None:
        super().__init__()
        self.axes = (rows, columns)
        self.border: Border = border
        kernel = bilinear_kernel(rows.kernel, columns.kernel)
        self.weight = nn.Parameter(kernel.repeat(num_classes, 1, 1, 1))

    def forward(self, scores: Tensor, size: tuple[int, int]) -> Tensor:
        """Return scores (N, C, *size) on the fine grid for scores (N, C, h, w)."""
        borders = [
            axis.border(cells, fine)
            for axis, cells, fine in zip(self.axes, scores.shape[-2:], size, strict=True)
        ]
        (top, bottom), (left, right) = borders
        if any((top, bottom, left, right)):
            # Resample by whole cells, because functional.pad is not deterministic on every device.
            height, width = scores.shape[-2:]
            scores = resample(
                Scores(scores, Grid(), self.border),
                (top + height + bottom, left + width + right),
                grid=Grid(1, (-top, -left)),
            )
        full = functional.conv_transpose2d(
            scores, self.weight, stride=[a.factor for a in self.axes], groups=len(self.weight)
        )
        first_row, first_column = (
            axis.crop + axis.factor * before
            for axis, (before, _) in zip(self.axes, borders, strict=True)
        )
        return full[..., first_row : first_row + size[0], first_column : first_column + size[1]]


class BilinearUpsampling(nn.Module):
    """Fixed bilinear interpolation from one grid to another."""

    def __init__(self, coarse: Grid, fine: Grid, border: Border) -> None:
        super().__init__()
        self.coarse, self.fine = coarse, fine
        self.border: Border = border

    def forward(self, scores: Tensor, size: tuple[int, int]) -> Tensor:
        """Return scores (N, C, *size) on the fine grid for scores (N, C, h, w)."""
        return resample(Scores(scores, self.coarse, self.border), size, grid=self.fine)


def upsampling(
    num_classes: int, coarse: FeatureSpec, fine: FeatureSpec, *, learned: bool
) -> nn.Module:
    """Return a module ``(scores, size) -> scores`` from the grid of a map to a finer grid.

    If no symmetric kernel aligns the grids, ``learned`` has no effect but a warning.
    """
    if learned:
        rows, columns = (KernelAlignment.between(coarse.grid, fine.grid, axis) for axis in (0, 1))
        if rows and columns:
            return LearnedUpsampling(num_classes, rows, columns, coarse.border)
        logger.warning(
            "upsampling from %s to %s is fixed, because no symmetric kernel aligns the two grids",
            coarse.grid,
            fine.grid,
        )
    return BilinearUpsampling(coarse.grid, fine.grid, coarse.border)
