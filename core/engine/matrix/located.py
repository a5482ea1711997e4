"""Compare declared grids with the pixels that cells depend on, by gradients."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ...geometry.grid import FeatureSpec

TOLERANCE = 0.75
"""Strides by which the center of a cell's gradient may differ from its declared position."""

NOISE = 0.3
"""Share of the spread of gradients by which it may differ too: random filters are not symmetric."""


def grid_problem(backbone: Any, image: Tensor) -> str:
    """Return how a declared grid contradicts the gradients of one cell per map; empty if none.

    ``image``: (1, channels, H, W), with data. The cell is the one nearest to the center of the
    image. The pixels that it depends on must lie within its declared receptive field, and the
    center of its gradients must lie near its declared position.
    """
    backbone.eval()
    image = image.clone().requires_grad_()
    for spec, one in zip(backbone.feature_specs, backbone(image), strict=True):
        problem = _problem(spec, one, image)
        if problem:
            return problem
    return ""


def _problem(spec: FeatureSpec, feature_map: Tensor, image: Tensor) -> str:
    cell = [
        min(max(round(float(((pixels - 1) / 2 - offset) / stride)), 0), cells - 1)
        for pixels, offset, stride, cells in zip(
            image.shape[-2:],
            spec.grid.offset,
            spec.grid.stride,
            feature_map.shape[-2:],
            strict=True,
        )
    ]
    values = feature_map[0, :, cell[0], cell[1]]
    weights = torch.randn(values.shape, generator=torch.Generator().manual_seed(0))
    (gradient,) = torch.autograd.grad((values * weights).sum(), image, retain_graph=True)
    for axis in (0, 1):
        strength = gradient[0].square().sum(0).double().sum(1 - axis)
        if not strength.any():
            return f"map {spec.name}: its central cell depends on no pixel"
        position = float(spec.grid.offset[axis] + spec.grid.stride[axis] * cell[axis])
        pixels = torch.arange(len(strength), dtype=torch.float64)
        center = float((strength * pixels).sum() / strength.sum())
        rows = strength.nonzero()
        first, last = int(rows[0]), int(rows[-1])
        reach = spec.reach[axis]
        if position - first > reach or last - position > reach:
            return (
                f"map {spec.name}: a cell at {position:g} depends on pixels {first} to {last}, "
                f"beyond its receptive field of {spec.receptive_field[axis]:g}"
            )
        spread = float((strength * (pixels - center).square()).sum() / strength.sum()) ** 0.5
        allowed = TOLERANCE * float(spec.grid.stride[axis]) + NOISE * (1 + spread)
        if abs(center - position) > allowed:
            return f"map {spec.name}: a cell declared at {position:g} is centered at {center:.1f}"
    return ""
