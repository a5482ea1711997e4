"""The positions of a feature map's cells in the input image, in exact fractions.

The center of cell *i* of a map is at input pixel ``offset + stride · i``; pixel centers are
integers. FCN (Long, Shelhamer, Darrell, PAMI 2016) sets its crop offsets by hand; this module
computes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, inf
from typing import Literal

from ...registry import PluxelError

Scalar = int | Fraction
PerAxis = tuple[Fraction, Fraction]
SpecSource = Literal["computed", "probed", "assumed"]
Border = Literal["replicate", "zeros"]
"""The values outside of a map: those of its nearest cells, or zeros."""


def pair(value: Scalar | Iterable[Scalar]) -> PerAxis:
    """Return (vertical, horizontal) as fractions; a single number applies to both axes."""
    if isinstance(value, int | Fraction):
        return Fraction(value), Fraction(value)
    vertical, horizontal = value
    return Fraction(vertical), Fraction(horizontal)


@dataclass(frozen=True)
class Grid:
    """The positions of a map's cells in input pixels, per axis (vertical, horizontal).

    ``Grid(32, Fraction(31, 2))`` is the same on both axes. ``Grid()`` is the grid of the pixels.
    """

    stride: PerAxis
    offset: PerAxis

    def __init__(
        self, stride: Scalar | Iterable[Scalar] = 1, offset: Scalar | Iterable[Scalar] = 0
    ) -> None:
        object.__setattr__(self, "stride", pair(stride))
        object.__setattr__(self, "offset", pair(offset))
        if min(self.stride) <= 0:
            raise ValueError(f"a stride must be positive, not {self.stride}")

    def __str__(self) -> str:
        """Such as ``stride 32, offset 31/2``; two axes that differ are joined by ``×``."""
        stride, offset = ("×".join(map(str, dict.fromkeys(p))) for p in (self.stride, self.offset))
        return f"stride {stride}, offset {offset}"

    def conv(
        self,
        kernel: Scalar | Iterable[Scalar],
        stride: Scalar | Iterable[Scalar] = 1,
        padding: Scalar | Iterable[Scalar] = 0,
        dilation: Scalar | Iterable[Scalar] = 1,
    ) -> Grid:
        """Return the grid after a convolution or pooling with ``padding`` at the top and left."""
        k, s, p, d = pair(kernel), pair(stride), pair(padding), pair(dilation)
        return Grid(
            [self.stride[a] * s[a] for a in (0, 1)],
            [self.offset[a] + self.stride[a] * (d[a] * (k[a] - 1) / 2 - p[a]) for a in (0, 1)],
        )

    def deconv(
        self,
        kernel: Scalar | Iterable[Scalar],
        stride: Scalar | Iterable[Scalar],
        padding: Scalar | Iterable[Scalar] = 0,
    ) -> Grid:
        """Return the grid after a transposed convolution."""
        k, s, p = pair(kernel), pair(stride), pair(padding)
        finer = [self.stride[a] / s[a] for a in (0, 1)]
        return Grid(finer, [self.offset[a] - finer[a] * ((k[a] - 1) / 2 - p[a]) for a in (0, 1)])

    def halves(self) -> Grid:
        """Return the grid of twice as many cells: each cell divided into two along each axis."""
        return self.deconv(2, 2)

    def crop(self, cells: Scalar | Iterable[Scalar]) -> Grid:
        """Return the grid without the first ``cells`` (top, left)."""
        c = pair(cells)
        return Grid(self.stride, [self.offset[a] + self.stride[a] * c[a] for a in (0, 1)])


@dataclass(frozen=True)
class FeatureSpec:
    """The description of one feature map of a backbone.

    ``receptive_field``: (height, width) in input pixels; infinite if a cell depends on the whole
    image. ``source``: how grid and receptive field were determined, ``computed`` from the layers,
    ``probed`` by gradients, or ``assumed``. ``border``: the values outside of the map; zeros if the
    network pads its image with a wide frame of zeros.
    """

    name: str
    channels: int
    grid: Grid
    receptive_field: tuple[float, float]
    source: SpecSource
    border: Border = "replicate"

    @property
    def reach(self) -> tuple[float | Fraction, float | Fraction]:
        """How far the receptive field extends to either side of its center, in pixels."""
        vertical, horizontal = (
            inf if size == inf else Fraction(ceil(size) - 1, 2) for size in self.receptive_field
        )
        return vertical, horizontal


class StrideError(PluxelError):
    """A decoder needs maps with strides that the backbone does not produce.

    ``needed``: the maps, in words. ``notes``: how to get them.
    """

    def __init__(
        self, needed: str, features: Sequence[FeatureSpec], notes: Iterable[str] = ()
    ) -> None:
        self.needed = needed
        strides = [_show(spec.grid.stride) for spec in features]
        self.given = _named(strides) if strides else "no maps"
        super().__init__(self.message_for("the decoder", "the backbone"), notes)

    def message_for(self, decoder: str, backbone: str) -> str:
        """Return the message with the names of both components, such as ``decoder 'fcn8s'``."""
        return f"{decoder} needs {self.needed}; {backbone} gives {self.given}"


def _named(strides: Sequence[str]) -> str:
    return f"{'strides' if len(strides) > 1 else 'stride'} {', '.join(strides)}"


def _show(stride: PerAxis) -> str:
    vertical, horizontal = stride
    return str(vertical) if vertical == horizontal else f"{vertical}×{horizontal}"


def select_strides(features: Sequence[FeatureSpec], needed: Sequence[int]) -> list[int]:
    """Return the index of the map of each ``needed`` stride; the last one, if maps share a stride.

    Raises: StrideError if no map has one of the strides.
    """
    index = _by_stride(features)
    try:
        return [index[pair(stride)] for stride in needed]
    except KeyError:
        raise StrideError(_named([str(stride) for stride in needed]), features) from None


def select_doubling(features: Sequence[FeatureSpec], count: int) -> list[int]:
    """Return the indices of the deepest ``count`` maps whose strides double, fine to coarse.

    The coarsest of them has the largest stride for which all others exist. If two maps share a
    stride, the later counts.

    Raises: StrideError if there are no such maps.
    """
    index = _by_stride(features)
    for vertical, horizontal in sorted(index, reverse=True):
        halvings = [2**power for power in reversed(range(count))]
        chain = [(vertical / factor, horizontal / factor) for factor in halvings]
        if all(stride in index for stride in chain):
            return [index[stride] for stride in chain]
    example = ", ".join(str(32 >> power) for power in reversed(range(count)))
    raise StrideError(f"{count} maps whose strides double, such as {example}", features)


def doubling_chain(features: Sequence[FeatureSpec]) -> list[int]:
    """Return the index of the deepest map, then of each map of half the stride, coarse to fine.

    The chain ends where no map has half the stride. If two maps share a stride, the later counts.
    """
    index = _by_stride(features)
    chain = [deepest(features)]
    while (half := _half(features[chain[-1]].grid.stride)) in index:
        chain.append(index[half])
    return chain


def _half(stride: PerAxis) -> PerAxis:
    return stride[0] / 2, stride[1] / 2


def _by_stride(features: Sequence[FeatureSpec]) -> dict[PerAxis, int]:
    return {spec.grid.stride: index for index, spec in enumerate(features)}


def deepest(features: Sequence[FeatureSpec]) -> int:
    """Return the index of the map with the largest stride; if two maps share it, the later."""
    return max(range(len(features)), key=lambda i: (features[i].grid.stride, i))
