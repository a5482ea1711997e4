"""Measure how a network maps positions, and which image sizes it accepts, without its weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, inf, lcm

import torch
from torch import nn

from ...common.progress import busy
from ..grid import FeatureSpec, Grid
from ..regions import Size
from ._dispatch import Trace
from ._extent import Extent
from ._positions import Located
from ._probing import Extents, RandomWeights, Strides, probe
from ._replica import replica, type_of
from ._sizes import FixedSizeError, first_run, positions_of
from ._trees import as_maps

LARGE = 320
"""Side of an image on which networks with tables of positions must run, in pixels."""


@dataclass(frozen=True)
class Measurement:
    """The maps that a network computes, and the image sizes that it accepts.

    ``pad_multiple``: the grids are valid for heights and widths that are multiples of it.
    ``minimum_size``: the smallest height and width for which every map has a cell. ``step``: the
    smallest number of pixels that is a whole number of cells in every layer, not only in the maps.
    """

    specs: tuple[FeatureSpec, ...]
    pad_multiple: int
    minimum_size: int
    step: int


def measure(module: nn.Module, in_channels: int, names: Sequence[str] | None = None) -> Measurement:
    """Measure ``module(image) -> maps``, each map (N, channels, h, w), in evaluation mode.

    ``in_channels``: of the image. ``names``: of the maps. The parameters may be on any device,
    including the meta device; they are neither read nor changed.

    Raises: FixedSizeError for a network that accepts only some sizes of images.
    """
    with busy("measuring the network"):
        return _measure(module, in_channels, names)


def _measure(module: nn.Module, in_channels: int, names: Sequence[str] | None) -> Measurement:
    network, reference = first_run(module, in_channels)
    positions = positions_of(reference)
    strides = [
        (located.extents[0].stride, located.extents[1].stride)
        if located
        else network.growth(index, reference)
        for index, located in enumerate(positions)
    ]
    largest = max(ceil(stride) for pair in strides for stride in pair)
    # With a stride of 5/2, every fifth pixel is a cell.
    step = lcm(*(stride.numerator for stride in reference.strides.union(*strides)))
    multiple, other = network.pad_multiple(reference, largest, step)
    reference = network.compared(reference, other)
    if reference.looks_up:
        _check_large(module, in_channels, multiple)
    positions = positions_of(reference)
    unknown = {
        index: strides[index]
        for index, (located, state) in enumerate(zip(positions, reference.states, strict=True))
        if located is None and not (state.mixed or state.placed)
    }
    minimum = network.minimum_size(multiple)
    probed = probe(module, in_channels, unknown, max(multiple, largest), minimum) if unknown else {}
    names = names or [f"map{index}" for index in range(len(positions))]
    specs = [
        _spec(
            name,
            reference.shapes[index][1],
            located,
            probed.get(index),
            _guess(reference, index, strides[index]),
        )
        for index, (name, located) in enumerate(zip(names, positions, strict=True))
    ]
    return Measurement(tuple(specs), multiple, minimum, step)


def positions(module: nn.Module, in_channels: int) -> list[Located | None]:
    """Return the positions of the cells of each tensor of ``module(image) -> tensors``.

    None for tensors that are no maps, and for those that could not be followed.
    """
    return positions_of(first_run(module, in_channels)[1])


def size_of_map(module: nn.Module, in_channels: int) -> Callable[[Size], Size]:
    """Return a function from the size of an image to the size of ``module(image)``.

    Sizes are (height, width); (0, 0) if the module raises. The function runs it without data, on
    an image of ``in_channels`` channels.
    """
    network, _ = first_run(module, in_channels)

    def size(image: Size) -> Size:
        shapes = network.shapes(image) if min(image) > 0 else None
        return (shapes[0][-2], shapes[0][-1]) if shapes else (0, 0)

    return size


def _guess(reference: Trace, index: int, strides: Strides) -> Extents:
    """Return where the cells of a map probably are: where the last located map had them."""
    state = reference.states[index]
    if isinstance(state, Located) and state.guessed:
        vertical, horizontal = state.extents
        if (vertical.stride, horizontal.stride) == strides:
            return vertical, horizontal
    vertical, horizontal = (Extent(stride, (stride - 1) / 2) for stride in strides)
    return vertical, horizontal


def _spec(
    name: str, channels: int, located: Located | None, probed: Extents | None, guessed: Extents
) -> FeatureSpec:
    """Return the description of a map, given what was found by tracing or probing."""
    everything, source = False, "probed"
    if located is not None:
        # Attention is assumed to keep the position of each token.
        extents, everything = located.extents, located.everything
        source = "assumed" if located.mixed else "computed"
    elif probed is not None:
        extents = probed
    else:  # a cell may depend on the whole image
        extents, everything = guessed, True
        source = "assumed"
    grid = Grid([e.stride for e in extents], [e.offset for e in extents])
    height, width = (inf if everything else float(e.receptive_field) for e in extents)
    return FeatureSpec(name, channels, grid, (height, width), source)


def _check_large(module: nn.Module, channels: int, multiple: int) -> None:
    """Run a copy with random weights on a large image of an odd size.

    Raises: FixedSizeError if it looks up positions that it does not have.
    """
    side = ((LARGE // multiple) | 1) * multiple
    network = replica(module, RandomWeights(seed=0))
    try:
        with torch.inference_mode(), torch.device("cpu"):
            as_maps(network(torch.zeros(1, channels, side, side, dtype=type_of(network))))
    except Exception as error:
        raise FixedSizeError.failing([(side, side)], error) from error
