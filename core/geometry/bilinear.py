"""Kernels of deconvolutions that interpolate linearly: Long et al. 2015, section 3.3."""

from __future__ import annotations

import torch
from torch import Tensor


def bilinear_taps(size: int) -> Tensor:
    """Return the taps of linear interpolation, (size,), float64; those of each phase sum to 1.

    ``size``: 2f or 2f − 1 for upsampling by f.
    """
    factor = (size + 1) // 2
    distance = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    return 1 - distance.abs() / factor


def bilinear_kernel(height: int, width: int) -> Tensor:
    """Return the kernel of bilinear interpolation, (height, width), float32."""
    return torch.outer(bilinear_taps(height), bilinear_taps(width)).float()
