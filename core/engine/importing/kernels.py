"""The kernels of deconvolutions: dense ones reduced to one per class."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

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


def kernel_notes(file: Path, kernels: Mapping[str, Tensor]) -> Iterator[str]:
    """Yield notes on kernels by layer, (C, 1, k, k), that differ from bilinear interpolation.

    Caffe starts deconvolutions from zeros. A training that does not fill them with bilinear
    kernels, and does not train them either, leaves them so.
    """
    empty = {layer: int((one.abs().amax((1, 2, 3)) == 0).sum()) for layer, one in kernels.items()}
    for layer, count in empty.items():
        if count:
            classes = len(kernels[layer])
            of = "all classes" if count == classes else f"{count} of {classes} classes"
            yield (
                f"the kernels of layer {layer} are zero for {of}: the coarser scores of these "
                f"classes are lost, so only the skips count. {file.name} was probably trained "
                "without filling its deconvolutions with bilinear kernels"
            )
    learned = [layer for layer, one in kernels.items() if empty[layer] < len(one)]
    if learned:
        yield (
            f"the kernels of {' and '.join(learned)} differ from bilinear interpolation: they are "
            "kept, as upsampling: learned"
        )
