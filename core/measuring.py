"""Find out what a network does to positions, and which sizes it can take, without its weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import inf

from torch import nn

from ..registry import PluxelError
from ._positions import Extent, Located
from ._replica import on_meta, replica
from ._tracing import Trace, trace
from .geometry import FeatureSpec, Grid

Size = tuple[int, int]

SIZES: Sequence[Size] = ((448, 896), (480, 960), (240, 480))
"""Sizes to look at a network with: multiples of the strides there are, 14 · 32 and 15 · 32."""

LARGEST_MINIMUM = 4096


@dataclass(frozen=True)
class Measurement:
    """What a network makes of images.

    ``pad_multiple``: the grids hold for heights and widths that are multiples of it.
    ``minimum_size``: the smallest height and width of which every map keeps a cell.
    """

    specs: tuple[FeatureSpec, ...]
    pad_multiple: int
    minimum_size: int


def measure(
    module: nn.Module, in_channels: int, names: Sequence[str] | None = None
) -> Measurement:
    """Measure a module ``module(image) -> maps``, each (N, channels, h, w), as it is in evaluation.

    ``names`` are those of the maps. Parameters may lie anywhere, on the meta device too; they are
    neither read nor changed.

    Raises: PluxelError if the network takes none of the usual sizes.
    """
    shell = replica(module, on_meta)
    size, found = _first_size(shell, in_channels)
    extents = [_extents(shell, in_channels, size, found, index) for index in range(len(found.states))]
    largest = max(_whole(one.stride) for pair in extents for one in pair)
    multiple = largest if _depends_on_size(shell, in_channels, found, largest) else 1
    names = names or [f"map{index}" for index in range(len(found.shapes))]
    specs = tuple(_spec(*args) for args in zip(names, found.shapes, found.states, extents, strict=True))
    return Measurement(specs, multiple, _minimum_size(shell, in_channels, multiple))


def _first_size(shell: nn.Module, channels: int) -> tuple[Size, Trace]:
    problem = None
    for size in SIZES:
        try:
            return size, trace(shell, (1, channels, *size))
        except Exception as error:  # noqa: BLE001 - a network may refuse a size in any way
            problem = problem or error
    sizes = ", ".join(f"{height}×{width}" for height, width in SIZES)
    raise PluxelError(
        f"the network takes no image of {sizes} pixels, so not images of any size",
        [f"{type(problem).__name__}: {problem}"],
    ) from problem


def _extents(
    shell: nn.Module, channels: int, size: Size, found: Trace, index: int
) -> tuple[Extent, Extent]:
    state = found.states[index]
    if isinstance(state, Located) and state.line(-2) == 0 and state.line(-1) == 1:
        return state.extents
    larger = trace(shell, (1, channels, 2 * size[0], 2 * size[1])).shapes[index]
    strides = [
        Fraction(size[axis], larger[axis - 2] - found.shapes[index][axis - 2]) for axis in (0, 1)
    ]
    vertical, horizontal = (Extent(stride, (stride - 1) / 2) for stride in strides)
    return vertical, horizontal


def _whole(stride: Fraction) -> int:
    return -(-stride.numerator // stride.denominator)


def _depends_on_size(shell: nn.Module, channels: int, found: Trace, largest: int) -> bool:
    """Tell whether positions differ, or the network refuses, at a size of which no stride is a factor."""
    try:
        odd = trace(shell, (1, channels, 15 * largest + 1, 29 * largest + 1))
    except Exception:  # noqa: BLE001 - whatever it says, it wants another size
        return True
    return odd.paddings != found.paddings or any(
        isinstance(one, Located) and (not isinstance(other, Located) or one.extents != other.extents)
        for one, other in zip(found.states, odd.states, strict=True)
    )


def _minimum_size(shell: nn.Module, channels: int, multiple: int) -> int:
    """Return the smallest size, found by bisection among multiples of ``multiple``; 1 if all do."""

    def fits(count: int) -> bool:
        size = count * multiple
        try:
            shapes = trace(shell, (1, channels, size, size)).shapes
        except Exception:  # noqa: BLE001
            return False
        return all(min(shape[-2:]) > 0 for shape in shapes)

    if fits(1):
        return 1
    high = 2
    while not fits(high):
        high *= 2
        if high * multiple > LARGEST_MINIMUM:
            raise PluxelError(f"the network takes no square image below {LARGEST_MINIMUM} pixels")
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if fits(middle) else (middle, high)
    return high * multiple


def _spec(
    name: str, shape: Sequence[int], state: object, extents: tuple[Extent, Extent]
) -> FeatureSpec:
    grid = Grid([e.stride for e in extents], [e.offset for e in extents])
    located = isinstance(state, Located)
    everything = not located or state.everything
    height, width = (inf if everything else float(e.receptive_field) for e in extents)
    source = "computed" if located and not state.mixed else "assumed"
    return FeatureSpec(name, shape[1], grid, (height, width), source)
