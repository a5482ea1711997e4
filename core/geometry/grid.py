"""Where the cells of a feature map sit in the input image, in exact fractions.

Cell *i* of a map lies at input pixel ``offset + stride · i``; pixel centers are integers.
FCN (Long, Shelhamer, Darrell, PAMI 2016) has crops written by hand; here they are arithmetic.
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
"""What lies outside of a map: its nearest cells, or zeros."""


def pair(value: Scalar | Iterable[Scalar]) -> PerAxis:
    """Return (vertical, horizontal) as fractions; a single number stands for both axes."""
    if isinstance(value, int | Fraction):
        return Fraction(value), Fraction(value)
    vertical, horizontal = value
    return Fraction(vertical), Fraction(horizontal)


@dataclass(frozen=True)
class Grid:
    """The positions of a map's cells, per axis (vertical, horizontal), in input pixels.

    ``Grid(32, Fraction(31, 2))`` means the same on both axes. ``Grid()`` is the image itself.
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

    def conv(
        self,
        kernel: Scalar | Iterable[Scalar],
        stride: Scalar | Iterable[Scalar] = 1,
        padding: Scalar | Iterable[Scalar] = 0,
        dilation: Scalar | Iterable[Scalar] = 1,
    ) -> Grid:
        """Return the grid after a convolution or a pooling, ``padding`` that of the top left."""
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

    def crop(self, cells: Scalar | Iterable[Scalar]) -> Grid:
        """Return the grid after the first ``cells`` (top, left) have been cut off."""
        c = pair(cells)
        return Grid(self.stride, [self.offset[a] + self.stride[a] * c[a] for a in (0, 1)])


@dataclass(frozen=True)
class FeatureSpec:
    """What a backbone says of one of its maps.

    ``receptive_field`` is (height, width) in input pixels, infinite where a cell sees everything.
    ``source`` tells how grid and receptive field were found: ``computed`` from the layers,
    ``probed`` by gradients, or ``assumed``. ``border``: what lies outside of the map; zeros where
    the network itself sees its image in a wide frame of zeros.
    """

    name: str
    channels: int
    grid: Grid
    receptive_field: tuple[float, float]
    source: SpecSource
    border: Border = "replicate"

    @property
    def reach(self) -> tuple[float | Fraction, float | Fraction]:
        """Pixels (vertical, horizontal) that a cell sees to either side of its center."""
        vertical, horizontal = (
            inf if seen == inf else Fraction(ceil(seen) - 1, 2) for seen in self.receptive_field
        )
        return vertical, horizontal


class StrideError(PluxelError):
    """A decoder needs maps of strides that the backbone does not give."""

    def __init__(self, needed: Sequence[int], features: Sequence[FeatureSpec]) -> None:
        self.needed = ", ".join(map(str, needed))
        self.given = ", ".join(_show(spec.grid.stride) for spec in features) or "none"
        super().__init__(self.message_for("the decoder", "the backbone"))

    def message_for(self, decoder: str, backbone: str) -> str:
        """Return the message with both parties named, e.g. ``decoder 'fcn8s'``."""
        return f"{decoder} needs strides {self.needed}; {backbone} gives {self.given}"


def _show(stride: PerAxis) -> str:
    vertical, horizontal = stride
    return str(vertical) if vertical == horizontal else f"{vertical}×{horizontal}"


def select_strides(features: Sequence[FeatureSpec], needed: Sequence[int]) -> list[int]:
    """Return the indices of the maps with these strides; of two alike, the later counts.

    Raises: StrideError if one is missing.
    """
    index = {spec.grid.stride: i for i, spec in enumerate(features)}
    try:
        return [index[pair(stride)] for stride in needed]
    except KeyError:
        raise StrideError(needed, features) from None


def deepest(features: Sequence[FeatureSpec]) -> int:
    """Return the index of the map with the largest stride; of two alike, the later."""
    return max(range(len(features)), key=lambda i: (features[i].grid.stride, i))
