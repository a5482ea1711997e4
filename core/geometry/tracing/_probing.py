"""Use gradients to find the pixels that the cells of a map depend on, for any network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

import torch
from torch import Tensor, nn

from ...common.progress import Advance, track
from ._extent import Extent
from ._replica import replica
from ._trees import as_maps

BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)

LENGTHS = (448, 896)
"""Pixels along the probed axis."""
WIDTH = 64
"""Pixels across it; each axis is probed separately, with a strip, which is cheap."""
PHASES = 8
"""Adjacent cells to unite if their receptive fields differ, as after upsampling."""
SCALE = 2.0**60
"""Factor for gradients, because those of the outermost pixels are products of small weights."""

Strides = tuple[Fraction, Fraction]
Extents = tuple[Extent, Extent]


def probe(
    module: nn.Module,
    channels: int,
    strides: Mapping[int, Strides],
    multiple: int = 1,
    minimum: int = 1,
    lengths: Sequence[int] = LENGTHS,
) -> dict[int, Extents | None]:
    """Return the extents of some maps by index; None if a cell depends on the whole image.

    ``strides``: index -> the strides of each map to probe. ``multiple``, ``minimum``: of the height
    and width of an image. ``lengths``: of the images along the probed axis; each one is for the
    maps whose cells depend on the whole previous image.

    An interior cell depends on the pixels at which the gradient of its sum over channels is not
    zero for at least one of several random images. The weights are random in a copy of the module,
    because trained or initial weights may be zero.
    """
    # Gradients need data, even if networks are built without memory (`torch.device("meta")`).
    with torch.enable_grad(), torch.device("cpu"), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        stand_in = replica(module, RandomWeights(seed=0))
        width = _up(max(WIDTH, minimum), multiple)
        sizes = [(_up(max(length, minimum), multiple), width) for length in lengths]
        # A network with local attention may take minutes.
        with track("measuring receptive fields", 2 * len(strides)) as advance:
            vertical = _along(stand_in, channels, strides, 0, sizes, advance)
            rest = {index: pair for index, pair in strides.items() if vertical[index]}
            horizontal = _along(stand_in, channels, rest, 1, sizes, advance)
    extents = {index: (vertical[index], horizontal.get(index)) for index in strides}
    return {index: (v, h) if v and h else None for index, (v, h) in extents.items()}


class RandomWeights:
    """Returns random parameters that keep the scale of signals, and copies of buffers.

    All of them are on the CPU, whatever the default device.
    """

    def __init__(self, seed: int) -> None:
        self._generator = torch.Generator("cpu").manual_seed(seed)

    def __call__(self, tensor: Tensor) -> Tensor:
        if not isinstance(tensor, nn.Parameter):
            buffer = torch.zeros_like(tensor, device="cpu") if tensor.is_meta else tensor
            return buffer.detach().cpu().clone()
        if tensor.ndim < 2:  # scales, some of which start at zero
            return torch.ones(tensor.shape, device="cpu")
        noise = torch.randn(tensor.shape, generator=self._generator, device="cpu")
        return noise * (2 / tensor[0].numel()) ** 0.5


def _along(
    network: nn.Module,
    channels: int,
    strides: Mapping[int, Strides],
    axis: int,
    sizes: Sequence[tuple[int, int]],
    advance: Advance,
) -> dict[int, Extent | None]:
    """Return the extents along one axis by index of the map, and advance with each of them."""
    extents: dict[int, Extent | None] = {}
    for along, across in sizes:
        missing = {index: pair[axis] for index, pair in strides.items() if not extents.get(index)}
        if missing:
            image, maps = _run(network, channels, axis, along, across)
            for index, stride in missing.items():
                extents[index] = _extent(maps[index], image, axis, stride)
                if extents[index] or (along, across) == sizes[-1]:
                    advance()
    return extents


def _run(
    network: nn.Module, channels: int, axis: int, along: int, across: int
) -> tuple[Tensor, list[Tensor]]:
    """Return images and their maps; use square images if the network rejects strips."""
    image = _images(channels, along, across)
    image = image if axis == 0 else image.mT
    try:
        _calibrate(network, image)
        image.requires_grad_()
        return image, as_maps(network(image))
    except Exception:
        if across >= along:
            raise
        return _run(network, channels, axis, along, along)


def _images(channels: int, along: int, across: int) -> Tensor:
    """Return noise and two slopes, which make max pools select either end of their windows."""
    slope = torch.linspace(-2, 2, along).view(-1, 1).expand(channels, along, across)
    noise = torch.randn(3, channels, along, across)
    return torch.stack([noise[0], slope + 1e-3 * noise[1], -slope + 1e-3 * noise[2]])


def _up(size: int, multiple: int) -> int:
    return -(-size // multiple) * multiple


@torch.no_grad()
def _calibrate(network: nn.Module, image: Tensor) -> None:
    """Set the statistics of batch norms from the image, so that no activation saturates."""
    norms = [part for part in network.modules() if isinstance(part, BATCH_NORMS)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
        norm.train()
    if norms:
        network(image)
    for norm in norms:
        norm.eval()


def _extent(feature_map: Tensor, image: Tensor, axis: int, stride: Fraction) -> Extent | None:
    cells = feature_map.movedim(axis - 2, 0)
    middle, ranges = len(cells) // 2, []
    for cell in range(middle, min(middle + PHASES, len(cells))):
        rows = _support(cells[cell], image, axis)
        if not rows or rows[0] == 0 or rows[-1] == image.shape[axis - 2] - 1:
            return None
        ranges.append((rows[0] - stride * cell, rows[-1] - stride * cell))
        if len(ranges) == 2 and ranges[0] == ranges[1]:
            break
    first, last = min(f for f, _ in ranges), max(e for _, e in ranges)
    return Extent(stride, (first + last) / 2, first, last)


def _support(cells: Tensor, image: Tensor, axis: int) -> Sequence[int]:
    """Return the rows (columns) of the images on which these cells depend."""
    total = (cells * torch.randn_like(cells)).sum() * SCALE
    (gradient,) = torch.autograd.grad(total, image, retain_graph=True)
    return gradient.movedim(axis - 2, 0).flatten(1).any(1).nonzero().flatten().tolist()
