"""Find out what a network does to positions, and which sizes it can take, without its weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, gcd, inf, lcm

from torch import nn

from ....registry import PluxelError
from ..grid import FeatureSpec, Grid, SpecSource
from ..regions import Size
from ._call import Shape
from ._dispatch import Trace, trace
from ._extent import Extent, Untraceable
from ._positions import Located
from ._probing import Extents, RandomWeights, Strides, probe
from ._replica import on_meta, replica

SIZES: Sequence[Size] = ((448, 896), (512, 1024), (480, 960))
"""Sizes to look at a network with: multiples of 2⁶ · 7, 2⁹ and 2⁵ · 15."""

REAL_SIZES: Sequence[Size] = ((224, 448), (256, 512))
"""The same for networks that do not run without data."""

LARGEST_MINIMUM = 4096


@dataclass(frozen=True)
class Measurement:
    """What a network makes of images.

    ``pad_multiple``: the grids hold for heights and widths that are multiples of it.
    ``minimum_size``: the smallest height and width that leave every map a cell. ``step``: the
    fewest pixels that are a whole number of cells of every layer, not of those of the maps alone.
    """

    specs: tuple[FeatureSpec, ...]
    pad_multiple: int
    minimum_size: int
    step: int


def measure(module: nn.Module, in_channels: int, names: Sequence[str] | None = None) -> Measurement:
    """Measure a module ``module(image) -> maps``, each (N, channels, h, w), as it is in evaluation.

    ``names`` are those of the maps. Parameters may lie anywhere, on the meta device too; they are
    neither read nor changed.

    Raises: PluxelError for a network that does not take images of any size.
    """
    subject, found = _first_run(module, in_channels)
    positions = _positions(found)
    strides = [
        (located.extents[0].stride, located.extents[1].stride)
        if located
        else subject.growth(index, found)
        for index, located in enumerate(positions)
    ]
    largest = max(ceil(stride) for pair in strides for stride in pair)
    multiple = subject.pad_multiple(found, largest)
    unknown = {
        index: strides[index]
        for index, (located, state) in enumerate(zip(positions, found.states, strict=True))
        if located is None and not state.mixed
    }
    minimum = subject.minimum_size(multiple)
    probed = probe(module, in_channels, unknown, max(multiple, largest), minimum) if unknown else {}
    names = names or [f"map{index}" for index in range(len(positions))]
    specs = [
        _spec(name, found.shapes[index][1], *_place(located, probed.get(index), strides[index]))
        for index, (name, located) in enumerate(zip(names, positions, strict=True))
    ]
    # Of a stride of 5/2, every fifth pixel is a cell again.
    step = lcm(*(stride.numerator for stride in found.strides.union(*strides)))
    return Measurement(tuple(specs), multiple, minimum, step)


def size_of_map(module: nn.Module, in_channels: int) -> Callable[[Size], Size]:
    """Return a function from the size of an image to that of ``module(image)``, (height, width).

    It runs the module without data; (0, 0) stands for a size that the module refuses.
    """
    subject, _ = _first_run(module, in_channels)

    def size(image: Size) -> Size:
        shapes = subject.shapes(image) if min(image) > 0 else None
        return (shapes[0][-2], shapes[0][-1]) if shapes else (0, 0)

    return size


def _place(
    located: Located | None, probed: Extents | None, strides: Strides
) -> tuple[Extents, bool, SpecSource]:
    """Return a map's extents, whether it sees everything, and how that was found."""
    if located is not None:
        # That attention leaves a token where it was is an assumption, if with good reason.
        source = "assumed" if located.mixed else "computed"
        return located.extents, located.everything, source
    if probed is not None:
        return probed, False, "probed"
    vertical, horizontal = (Extent(stride, (stride - 1) / 2) for stride in strides)
    return (vertical, horizontal), True, "assumed"


def _spec(
    name: str, channels: int, extents: Extents, everything: bool, source: SpecSource
) -> FeatureSpec:
    grid = Grid([e.stride for e in extents], [e.offset for e in extents])
    height, width = (inf if everything else float(e.receptive_field) for e in extents)
    return FeatureSpec(name, channels, grid, (height, width), source)


@dataclass(frozen=True)
class _NetworkReplica:
    """A stand-in for a network: a copy without data, or with random weights where it needs some."""

    network: nn.Module
    channels: int
    device: str

    def trace(self, size: Size) -> Trace:
        """Follow positions. Raises: whatever the network raises for this size."""
        return trace(self.network, (1, self.channels, *size), self.device)

    def shapes(self, size: Size) -> list[Shape] | None:
        """Return the shapes of the maps, or None if the network refuses or a map is empty."""
        try:
            shapes = self.trace(size).shapes
        except Exception:  # noqa: BLE001 - a network may refuse in any way
            return None
        return shapes if all(min(shape[-2:]) > 0 for shape in shapes) else None

    def growth(self, index: int, found: Trace) -> Strides:
        """Return the strides of a map: by how much the image grows when the map does by a cell."""
        (height, width), small = found.size, found.shapes[index]
        large = self.shapes((2 * height, 2 * width))
        rows, columns = (large[index][a] - small[a] for a in (-2, -1)) if large else (0, 0)
        if min(rows, columns) <= 0:
            raise PluxelError(f"map {index} of the network does not grow with the image")
        return Fraction(height, rows), Fraction(width, columns)

    def pad_multiple(self, found: Trace, largest: int) -> int:
        """Return 1, or the smallest multiple of the largest stride at which positions are as found.

        Networks that pad as TensorFlow does shift their maps by what is left over; others need
        whole windows. One uneven size speaks for all.
        """
        height, width = _uneven(largest)
        if self._agrees(found, (height + 1, width + 1)):
            return 1
        common = gcd(*found.size)
        for multiple in range(largest, common, largest):
            if common % multiple == 0 and self._agrees(found, _uneven(multiple)):
                return multiple
        return common

    def _agrees(self, found: Trace, size: Size) -> bool:
        try:
            other = self.trace(size)
        except Exception:  # noqa: BLE001
            return False
        here, there = ([one and one.extents for one in _positions(t)] for t in (found, other))
        return here == there and other.paddings == found.paddings

    def minimum_size(self, multiple: int) -> int:
        """Return the smallest square size by bisection among the multiples; 1 if all will do."""
        if self.shapes((multiple, multiple)):
            return 1
        low, high = 1, 2
        while not self.shapes((high * multiple, high * multiple)):
            low, high = high, 2 * high
            if high * multiple > LARGEST_MINIMUM:
                raise PluxelError(f"the network takes no image below {LARGEST_MINIMUM} pixels")
        while high - low > 1:
            middle = (low + high) // 2
            fits = self.shapes((middle * multiple, middle * multiple))
            low, high = (low, middle) if fits else (middle, high)
        return high * multiple


def _first_run(module: nn.Module, channels: int) -> tuple[_NetworkReplica, Trace]:
    """Return a stand-in, and what it does with an image of a size that it takes."""
    problems: list[Exception] = []
    for device, fill, sizes in (
        ("meta", on_meta, SIZES),
        ("cpu", RandomWeights(seed=0), REAL_SIZES),
    ):
        for size in sizes:
            try:
                subject = _NetworkReplica(replica(module, fill), channels, device)
                return subject, subject.trace(size)
            except Exception as error:  # noqa: BLE001
                problems.append(error)
    sizes = ", ".join(f"{height}×{width}" for height, width in SIZES)
    raise PluxelError(
        f"the network does not take images of any size: none of {sizes} pixels",
        [f"{type(problems[0]).__name__}: {problems[0]}"],
    ) from problems[0]


def _uneven(multiple: int) -> Size:
    """Return a height and a width that are odd multiples, about as large as usual images."""
    return ((448 // multiple) | 1) * multiple, ((896 // multiple) | 1) * multiple


def _positions(found: Trace) -> list[Located | None]:
    """Return where the cells of each map lie, if its rows and columns could be followed."""
    return [
        _as_map(state, shape, found.size)
        if isinstance(state, Located) and len(shape) == 4
        else None
        for state, shape in zip(found.states, found.shapes, strict=True)
    ]


def _as_map(state: Located, shape: Shape, size: Size) -> Located | None:
    try:
        # A cell stands for all of its channels; some may be phases of what was one channel.
        located = state.contracted(1, shape[1])
    except Untraceable:
        return None
    spans = (cells * e.stride for cells, e in zip(shape[-2:], located.extents, strict=True))
    whole = all(2 * span >= pixels for span, pixels in zip(spans, size, strict=True))
    return located if located.is_map and whole else None
