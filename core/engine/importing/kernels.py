"""The kernels of deconvolutions: dense ones reduced to one per class."""

from __future__ import annotations

import torch
from torch import Tensor

from ....registry import PluxelError
from ...geometry.bilinear import bilinear_kernel

TOLERANCE = 1e-6
"""Largest difference from a bilinear kernel, and largest share of a value off the diagonal."""


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
    return float((kernels - bilinear_kernel(*kernels.shape[-2:])).abs().max())
