"""The kernels of deconvolutions: dense ones reduced to one per class, and bilinear ones."""

from __future__ import annotations

import torch
from torch import Tensor

from ....registry import PluxelError

TOLERANCE = 1e-6
"""Largest difference from a bilinear kernel, and largest share of a value off the diagonal."""


def bilinear_kernel(size: int) -> Tensor:
    """Return the kernel of FCN's surgery, (size, size), float32: Long et al. 2015, section 3.3."""
    factor = (size + 1) // 2
    center = factor - 1 if size % 2 else factor - 0.5
    taps = 1 - (torch.arange(size, dtype=torch.float64) - center).abs() / factor
    return torch.outer(taps, taps).float()


def kernel_per_class(layer: str, weight: Tensor) -> Tensor:
    """Return the kernel of each class, (C, 1, k, k), of a deconvolution that does not mix classes.

    ``weight``: dense, (C, C, k, k), or grouped, (C, 1, k, k).

    Raises: PluxelError if the weight has another shape or mixes classes.
    """
    classes, others, *sides = weight.shape
    if weight.ndim != 4 or others not in (1, classes) or sides[0] != sides[1]:
        shape = "×".join(map(str, weight.shape))
        raise PluxelError(f"layer {layer} upsamples scores, but its weights are {shape}")
    if others == 1:
        return weight
    own = torch.arange(classes)
    kernels = weight[own, own]
    mixing = weight.abs().amax((2, 3))
    mixing[own, own] = 0
    largest = float(mixing.max())
    if largest > TOLERANCE * float(kernels.abs().max()):
        source, target = divmod(int(mixing.argmax()), classes)
        raise PluxelError(
            f"layer {layer} mixes classes: its largest value off the diagonal is {largest:.3g}, "
            f"from class {source} to class {target}",
            ["the published networks upsample each class alone, by one kernel"],
        )
    return kernels[:, None]


def distance_from_bilinear(kernels: Tensor) -> float:
    """Return the largest difference of kernels (C, 1, k, k) from bilinear interpolation."""
    return float((kernels - bilinear_kernel(kernels.shape[-1])).abs().max())
