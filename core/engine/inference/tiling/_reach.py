"""How far scores depend on the image, backbone and decoder taken together."""

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
    """What tiles must know of a model: which pixels its scores depend on.

    ``specs``: grid and receptive field of the scores of each head and stream. ``step``: windows
    begin at its multiples. ``multiple``: inside an image, windows end at its multiples.
    ``minimum``: the fewest pixels of a window along each side, if the image has as many.
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
            _measured(model.streams[name], head, name)
            for head in model.heads.values()
            for name in head.decoders
        ]
        # A backbone may declare more than measuring shows.
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
        """Whether every cell sees only a part of the image."""
        return all(max(spec.receptive_field) < inf for spec in self.specs)

    @property
    def halo(self) -> int:
        """The most pixels, to either side, that the scores of a pixel depend on."""
        return max(
            ceil(spec.grid.stride[axis] + spec.reach[axis])
            for spec in self.specs
            for axis in (0, 1)
        )

    @property
    def block(self) -> int:
        """Pixels after which the network's cells and the blocks of files coincide again."""
        return lcm(self.step, BLOCK)

    def tiles(self, tile: int, pixels: int, axis: int) -> list[range]:
        """Cut an axis of an image into tiles of ``tile`` pixels; the first and the last are longer.

        They need no halo on their outer side, so their windows are not larger than the others.
        Tiles lie on the blocks of files if their size allows it.
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
        """Return the pixels that decide the scores of a tile, of all ``pixels`` along an axis."""
        seen = [_seen(spec, tile, pixels, axis) for spec in self.specs]
        needed = max(self.minimum, *(last + 1 for _, last in seen))
        stop = min(pixels, -(-needed // self.multiple) * self.multiple)
        start = min(*(first for first, _ in seen), stop - self.minimum)
        return range(max(0, start // self.step * self.step), stop)


def _seen(spec: FeatureSpec, tile: range, pixels: int, axis: int) -> tuple[int, int]:
    """Return the first and the last pixel that the cells around a tile's pixels see.

    The maps of networks without padding end inside the image: the first and the last cell then
    stand for all pixels beyond them.
    """
    stride, offset = spec.grid.stride[axis], spec.grid.offset[axis]
    half = spec.reach[axis]
    last = max(0, floor((pixels - 1 - half - offset) / stride))
    before = min(last, floor((tile.start - offset) / stride))
    after = max(0, floor((tile.stop - 1 - offset) / stride) + 1)
    return ceil(offset + stride * before - half), floor(offset + stride * after + half)


def reach_of(stream: Stream, head: Head, name: str) -> FeatureSpec:
    """Return grid and receptive field of the scores that a head's decoder gives stream ``name``.

    For a decoder that evaluates the backbone more densely: those of the coarse scores, which see as
    much of the image.

    Raises: PluxelError if backbone and decoder accept images of no size.
    """
    return _measured(stream, head, name).specs[0]


def _measured(stream: Stream, head: Head, name: str) -> Measurement:
    """Measure backbone and decoder as one network."""
    only = deepest(stream.backbone.feature_specs) if head.on_images else None
    network = ScoringNetwork(stream.backbone, head.decoders[name], only)
    return measure(network, stream.channels, [name])
