"""Measure how a network maps positions, and which image sizes it accepts, without its weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, gcd, inf, lcm

import torch
from torch import nn

from ....registry import PluxelError
from ..grid import FeatureSpec, Grid
from ..regions import Size
from ._call import Shape
from ._constants import TracedValue
from ._dispatch import Trace, as_maps, shapes_of, trace, type_of
from ._extent import Extent, Untraceable
from ._positions import Located
from ._probing import Extents, RandomWeights, Strides, probe
from ._replica import on_meta, replica

SIZES: Sequence[Size] = ((448, 896), (512, 1024), (480, 960))
"""Image sizes for tracing: multiples of 2⁶ · 7, 2⁹ and 2⁵ · 15."""

REAL_SIZES: Sequence[Size] = ((224, 448), (256, 512))
"""Image sizes for networks that do not run without data."""

LARGE = 320
"""Side of an image on which networks with tables of positions must run, in pixels."""

LARGEST_MINIMUM = 4096


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

    ``names``: of the maps. The parameters may be on any device, including the meta device; they are
    neither read nor changed.

    Raises: PluxelError for a network that accepts only some sizes of images.
    """
    network, reference = _first_run(module, in_channels)
    positions = _positions(reference)
    strides = [
        (located.extents[0].stride, located.extents[1].stride)
        if located
        else network.growth(index, reference)
        for index, located in enumerate(positions)
    ]
    largest = max(ceil(stride) for pair in strides for stride in pair)
    multiple = network.pad_multiple(reference, largest)
    reference = network.compared(reference, multiple)
    if reference.looks_up:
        _check_large(module, in_channels, multiple)
    positions = _positions(reference)
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
    # With a stride of 5/2, every fifth pixel is a cell.
    step = lcm(*(stride.numerator for stride in reference.strides.union(*strides)))
    return Measurement(tuple(specs), multiple, minimum, step)


def size_of_map(module: nn.Module, in_channels: int) -> Callable[[Size], Size]:
    """Return a function from the size of an image to the size of ``module(image)``.

    Sizes are (height, width); (0, 0) if the module raises. The function runs it without data.
    """
    network, _ = _first_run(module, in_channels)

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


@dataclass(frozen=True)
class _NetworkReplica:
    """A copy of a network without data, or with random weights if it needs data to run."""

    network: nn.Module
    channels: int
    device: str

    def trace(self, size: Size, others: Sequence[TracedValue] | None = None) -> Trace:
        """Trace an image of a size. Raises: any error that the network raises for it."""
        return trace(self.network, (1, self.channels, *size), self.device, others)

    def compared(self, reference: Trace, multiple: int) -> Trace:
        """Trace again if the network knows the size of the image or the position of a cell."""
        if not reference.values:
            return reference
        for size in (_uneven(multiple), *SIZES):
            if size == reference.size:
                continue
            try:
                others = self.trace(size).values
            except Exception:  # noqa: BLE001 - a network may raise any error
                continue
            if others == reference.values:
                return reference
            return self.trace(reference.size, others)
        return reference

    def shapes(self, size: Size) -> list[Shape] | None:
        """Return the shapes of the maps, or None if the network raises or a map is empty."""
        try:
            image = (1, self.channels, *size)
            on_meta = self.device == "meta"
            shapes = shapes_of(self.network, image) if on_meta else self.trace(size).shapes
        except Exception:  # noqa: BLE001 - a network may raise any error
            return None
        return shapes if all(min(shape[-2:]) > 0 for shape in shapes) else None

    def growth(self, index: int, reference: Trace) -> Strides:
        """Return the strides of a map: how many pixels the image grows per cell of the map."""
        (height, width), small = reference.size, reference.shapes[index]
        large = self.shapes((2 * height, 2 * width))
        rows, columns = (large[index][a] - small[a] for a in (-2, -1)) if large else (0, 0)
        if min(rows, columns) <= 0:
            raise PluxelError(f"map {index} of the network does not grow with the image")
        return Fraction(height, rows), Fraction(width, columns)

    def pad_multiple(self, reference: Trace, largest: int) -> int:
        """Return 1, or the smallest multiple of the largest stride that keeps all positions.

        Networks that pad as TensorFlow does shift their maps depending on the size; other networks
        need whole windows. One odd multiple is tried for each candidate.
        """
        height, width = _uneven(largest)
        if self._agrees(reference, (height + 1, width + 1)) and all(
            self.shapes((height + rest, width + rest)) for rest in _residues(largest)
        ):
            return 1
        common = gcd(*reference.size)
        for multiple in range(largest, common, largest):
            if common % multiple == 0 and self._agrees(reference, _uneven(multiple)):
                return multiple
        return common

    def _agrees(self, reference: Trace, size: Size) -> bool:
        try:
            other = self.trace(size)
        except Exception:  # noqa: BLE001
            return False
        extents, other_extents = (
            [located and located.extents for located in _positions(t)] for t in (reference, other)
        )
        return extents == other_extents and other.paddings == reference.paddings

    def minimum_size(self, multiple: int) -> int:
        """Return the smallest square size, by bisection among the multiples; 1 if all work."""
        if self.shapes((multiple, multiple)):
            return 1
        low, high = 1, 2
        while not self.shapes((high * multiple, high * multiple)):
            low, high = high, 2 * high
            if high * multiple > LARGEST_MINIMUM:
                raise PluxelError(
                    f"the network accepts no image smaller than {LARGEST_MINIMUM} pixels"
                )
        while high - low > 1:
            middle = (low + high) // 2
            fits = self.shapes((middle * multiple, middle * multiple))
            low, high = (low, middle) if fits else (middle, high)
        return high * multiple


def _check_large(module: nn.Module, channels: int, multiple: int) -> None:
    """Run a copy with random weights on a large image of an odd size.

    Raises: PluxelError if it looks up positions that it does not have.
    """
    side = ((LARGE // multiple) | 1) * multiple
    network = replica(module, RandomWeights(seed=0))
    try:
        with torch.inference_mode(), torch.device("cpu"):
            as_maps(network(torch.zeros(1, channels, side, side, dtype=type_of(network))))
    except Exception as error:
        raise PluxelError(
            f"the network must accept images of any size, but it fails for {side}×{side} pixels",
            [f"{type(error).__name__}: {error}"],
        ) from error


def _first_run(module: nn.Module, channels: int) -> tuple[_NetworkReplica, Trace]:
    """Return a copy of a network, and its trace for the first size that it accepts."""
    problems: list[Exception] = []
    for device, fill, sizes in (
        ("meta", on_meta, SIZES),
        ("cpu", RandomWeights(seed=0), REAL_SIZES),
    ):
        for size in sizes:
            try:
                network = _NetworkReplica(replica(module, fill), channels, device)
                return network, network.trace(size)
            except Exception as error:  # noqa: BLE001
                problems.append(error)
    sizes = ", ".join(f"{height}×{width}" for height, width in SIZES)
    raise PluxelError(
        f"the network must accept images of any size, but it fails for {sizes} pixels",
        [f"{type(problems[0]).__name__}: {problems[0]}"],
    ) from problems[0]


def _residues(stride: int) -> Sequence[int]:
    """Return remainders of a size by the stride that round differently in the layers."""
    parts = (stride // 4, stride // 3, stride // 2, stride // 2 + 1, 2 * stride // 3, stride - 1)
    return sorted({part for part in parts if 1 < part < stride} | ({3} if stride > 3 else set()))


def _uneven(multiple: int) -> Size:
    """Return a height and a width that are odd multiples, close to usual image sizes."""
    return ((448 // multiple) | 1) * multiple, ((896 // multiple) | 1) * multiple


def _positions(reference: Trace) -> list[Located | None]:
    """Return the positions of each map's cells, or None if they could not be followed."""
    return [
        _as_map(state, shape, reference.size)
        if isinstance(state, Located) and not state.guessed and len(shape) == 4
        else None
        for state, shape in zip(reference.states, reference.shapes, strict=True)
    ]


def _as_map(state: Located, shape: Shape, size: Size) -> Located | None:
    try:
        # Combine all channels of a cell, because some may be phases of one earlier channel.
        located = state.contracted(1, shape[1])
    except Untraceable:
        return None
    spans = (cells * e.stride for cells, e in zip(shape[-2:], located.extents, strict=True))
    whole = all(2 * span >= pixels for span, pixels in zip(spans, size, strict=True))
    return located if located.is_map and whole else None
