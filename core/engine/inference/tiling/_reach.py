"""Measure on which pixels scores depend, for backbone and decoder together."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import ceil, floor, inf, lcm

from ....contracts.offers import minimum_size, pad_multiple
from ....geometry.grid import FeatureSpec, deepest
from ....geometry.regions import BLOCK
from ....geometry.tracing import Measurement, measure
from ....model.network import Head, ScoringNetwork, SegmentationModel, Stream


@dataclass(frozen=True)
class Reach:
    """The pixels that the scores of a model depend on, as tiling needs them.

    ``specs``: grid and receptive field of the scores of each head and stream. Windows begin at
    multiples of ``step``, and end at multiples of ``multiple`` or at the end of the image.
    ``minimum``: the smallest side of a window in pixels, unless the image is smaller.
    """

    specs: tuple[FeatureSpec, ...]
    step: int
    multiple: int
    minimum: int

    @classmethod
    def of(cls, model: SegmentationModel) -> Reach:
        """Measure a model."""
        backbones = [stream.backbone for stream in model.streams.values()]
        networks = [
            measured(model.streams[name], head, name)
            for head in model.heads.values()
            for name in head.decoders
        ]
        # A backbone may declare stricter limits than the measured ones.
        multiple = lcm(
            *map(pad_multiple, backbones),
            *(network.pad_multiple for network in networks),
        )
        minimum = max(
            *map(minimum_size, backbones),
            *(network.minimum_size for network in networks),
        )
        step = lcm(multiple, *(network.step for network in networks))
        return cls(tuple(network.specs[0] for network in networks), step, multiple, minimum)

    @property
    def is_finite(self) -> bool:
        """Whether all receptive fields are finite."""
        return all(max(spec.receptive_field) < inf for spec in self.specs)

    @property
    def halo(self) -> int:
        """The largest distance in pixels, along an axis, at which pixels affect a score."""
        return max(
            ceil(spec.grid.stride[axis] + spec.reach[axis])
            for spec in self.specs
            for axis in (0, 1)
        )

    @property
    def block(self) -> int:
        """Smallest distance in pixels between common edges of file blocks and window steps."""
        return lcm(self.step, BLOCK)

    def tiles(self, tile: int, pixels: int, axis: int) -> list[range]:
        """Cut an axis of an image into tiles of ``tile`` pixels; the first and the last are longer.

        Since these need no halo on their outer side, their windows are not larger than others.
        Tiles align with the blocks of files if their size allows it.
        """
        far = self.step * (self.halo + self.minimum)
        inner = range(far, far + tile)
        window = self.window(inner, 3 * far + tile, axis)
        before, after = inner.start - window.start, window.stop - inner.stop
        unit = self.block if tile % self.block == 0 else self.step
        first = (tile + before) // unit * unit
        cuts = [0, *range(first, pixels - after, tile), pixels]
        return [range(start, stop) for start, stop in pairwise(cuts)]

    def window(self, tile: range, pixels: int, axis: int) -> range:
        """Return the range of pixels that determine the scores of a tile along an axis."""
        seen = [_seen(spec, tile, pixels, axis) for spec in self.specs]
        needed = max(self.minimum, *(last + 1 for _, last in seen))
        stop = min(pixels, -(-needed // self.multiple) * self.multiple)
        start = min(*(first for first, _ in seen), stop - self.minimum)
        return range(max(0, start // self.step * self.step), stop)


def _seen(spec: FeatureSpec, tile: range, pixels: int, axis: int) -> tuple[int, int]:
    """Return the first and the last pixel that affect the scores of a tile.

    The map of a network without padding is smaller than the image: its first and its last cell
    then also give the scores of all pixels outside.
    """
    stride, offset = spec.grid.stride[axis], spec.grid.offset[axis]
    half = spec.reach[axis]
    last = max(0, floor((pixels - 1 - half - offset) / stride))
    before = min(last, floor((tile.start - offset) / stride))
    after = max(0, floor((tile.stop - 1 - offset) / stride) + 1)
    return ceil(offset + stride * before - half), floor(offset + stride * after + half)


def measured(stream: Stream, head: Head, name: str) -> Measurement:
    """Measure the backbone of stream ``name`` and the decoder of a head as one network.

    If the decoder evaluates the backbone densely, this measures the coarse scores, whose receptive
    field is equally large.

    Raises: PluxelError if backbone and decoder accept no image size.
    """
    only = deepest(stream.backbone.feature_specs) if head.on_images else None
    network = ScoringNetwork(stream.backbone, head.decoders[name], only)
    return measure(network, stream.channels, [name])
