"""Images of any size through a model in pieces, with the result of the whole.

A pixel's scores come from the cells around it, and a cell sees no further than its receptive field.
So a piece of the image with that much around it (a halo), cut where the network's strides fall on
the same pixels, gives the scores that the whole image gives; what layers pad at the cut stays in
the halo. Where receptive fields have no end (attention, global pooling), no piece can be exact:
windows that overlap are blended there, each counting by a Gaussian around its middle.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from math import ceil, floor, inf, lcm

import torch
from torch import Tensor

from ..registry import PluxelError
from .contracts import Scores
from .geometry import FeatureSpec, Grid
from .model import SegmentationModel
from .reach import reach_of

Size = tuple[int, int]

SPREAD = 0.25
"""Standard deviation of the Gaussian that windows are blended by, as a share of their length."""


@dataclass(frozen=True)
class Region:
    """A rectangle of the image: its rows and its columns."""

    rows: range
    columns: range

    @property
    def size(self) -> Size:
        """(height, width)."""
        return len(self.rows), len(self.columns)

    @property
    def slices(self) -> tuple[slice, slice]:
        """Where it lies in an array of the whole image."""
        return slice(self.rows.start, self.rows.stop), slice(self.columns.start, self.columns.stop)

    def common(self, other: Region) -> Region:
        """Return the part that two regions share; empty if there is none."""
        rows, columns = (
            range(max(a.start, b.start), max(a.start, b.start, min(a.stop, b.stop)))
            for a, b in ((self.rows, other.rows), (self.columns, other.columns))
        )
        return Region(rows, columns)

    def within(self, other: Region) -> tuple[slice, slice]:
        """Return where it lies in a region that holds it."""
        top, left = self.rows.start - other.rows.start, self.columns.start - other.columns.start
        return slice(top, top + len(self.rows)), slice(left, left + len(self.columns))


@dataclass(frozen=True)
class Reach:
    """How a model looks at images, as far as windows must know it.

    ``specs``: grid and receptive field of the scores of each head and stream. ``step``: windows
    begin at its multiples. ``multiple``: inside of an image they end at multiples of it.
    ``minimum``: pixels of a window along each side, where the image has them.
    """

    specs: tuple[FeatureSpec, ...]
    step: int
    multiple: int
    minimum: int

    @classmethod
    def of(cls, model: SegmentationModel) -> Reach:
        """Measure a model."""
        backbones = [stream.backbone for stream in model.streams.values()]
        strides = [
            int(stride)
            for backbone in backbones
            for spec in backbone.feature_specs
            for stride in spec.grid.stride
        ]
        multiples = [getattr(backbone, "pad_multiple", 1) for backbone in backbones]
        specs = [
            reach_of(model.streams[name], head, name)
            for head in model.heads.values()
            for name in head.decoders
        ]
        return cls(
            tuple(specs),
            lcm(*strides, *multiples),
            lcm(*multiples),
            max(getattr(backbone, "minimum_size", 1) for backbone in backbones),
        )

    @property
    def is_finite(self) -> bool:
        """Whether every cell sees a part of the image only."""
        return all(max(spec.receptive_field) < inf for spec in self.specs)

    @property
    def halo(self) -> int:
        """The most pixels to either side that the scores of a pixel depend on."""
        return max(
            ceil(spec.grid.stride[axis] + Fraction(int(spec.receptive_field[axis]) - 1, 2))
            for spec in self.specs
            for axis in (0, 1)
        )

    def tiles(self, tile: int, pixels: int, axis: int) -> list[range]:
        """Cut an axis into tiles of so many pixels, those at its ends longer.

        An end needs no halo on its outer side, so that all windows are of one size but the last.
        """
        far = self.step * (self.halo + self.minimum)
        inner = range(far, far + tile)
        window = self.window(inner, 3 * far + tile, axis)
        before, after = inner.start - window.start, window.stop - inner.stop
        cuts = [0, *range(tile + before, pixels - after, tile), pixels]
        return [range(start, stop) for start, stop in pairwise(cuts)]

    def window(self, tile: range, pixels: int, axis: int) -> range:
        """Return the pixels that decide the scores of a tile of an image of so many pixels."""
        seen = [_seen(spec, tile, pixels, axis) for spec in self.specs]
        stop = -(-max(last + 1 for _, last in seen) // self.multiple) * self.multiple
        stop = min(pixels, stop)
        start = min(*(first for first, _ in seen), stop - self.minimum)
        return range(max(0, start // self.step * self.step), stop)


def _seen(spec: FeatureSpec, tile: range, pixels: int, axis: int) -> tuple[int, int]:
    """Return the first and the last pixel that the cells around a tile's pixels see.

    Maps of networks without padding end inside the image: the last cell then stands for all pixels
    beyond it, as does the first.
    """
    stride, offset = spec.grid.stride[axis], spec.grid.offset[axis]
    half = Fraction(int(spec.receptive_field[axis]) - 1, 2)
    last = max(0, floor((pixels - 1 - half - offset) / stride))
    before = min(last, floor((tile.start - offset) / stride))
    after = max(0, floor((tile.stop - 1 - offset) / stride) + 1)
    return ceil(offset + stride * before - half), floor(offset + stride * after + half)


Window = tuple[Region, dict[str, Scores]]
"""A piece of the image, and the scores that the model gives for it."""

Read = Callable[[Region], Mapping[str, Tensor]]
"""Returns the pixels of a region, (1, channels, h, w) by name of the input, on the device."""


@dataclass(frozen=True)
class Tiling:
    """A model on images by tiles of ``tile`` pixels along each side."""

    model: SegmentationModel
    reach: Reach
    tile: int

    @classmethod
    def of(cls, model: SegmentationModel, reach: Reach, tile: int) -> Tiling:
        """Round a tile up to whole steps.

        Raises: PluxelError for one that is smaller than the halo that it would need.
        """
        if reach.is_finite and tile < reach.halo:
            raise PluxelError(
                f"a tile of {tile} pixels is smaller than what its scores look at around it, "
                f"{reach.halo} pixels: give it at least that"
            )
        return cls(model, reach, -(-tile // reach.step) * reach.step)

    def tiles(self, size: Size) -> list[Region]:
        """Return the tiles of an image (H, W), row by row."""
        rows, columns = (self._cut(pixels, axis) for axis, pixels in enumerate(size))
        return [Region(row, column) for row in rows for column in columns]

    def _cut(self, pixels: int, axis: int) -> list[range]:
        if self.reach.is_finite:
            return self.reach.tiles(self.tile, pixels, axis)
        starts = range(0, pixels, self.tile)
        return [range(start, min(start + self.tile, pixels)) for start in starts]

    def run(self, read: Read, size: Size) -> Iterator[tuple[Region, dict[str, Scores]]]:
        """Yield each tile of an image (H, W) with its scores by head.

        The grid of the scores counts pixels from the corner of the tile.
        """
        if not self.reach.is_finite:
            yield from _Blend(self, read, size).run()
            return
        for tile in self.tiles(size):
            window = self.window(tile, size)
            scores = self.model(read(window))
            yield tile, {head: moved(one, window, tile) for head, one in scores.items()}

    def window(self, tile: Region, size: Size) -> Region:
        """Return the piece of the image that decides the scores of a tile."""
        return Region(
            self.reach.window(tile.rows, size[0], 0), self.reach.window(tile.columns, size[1], 1)
        )


def moved(scores: Scores, origin: Region, to: Region) -> Scores:
    """Return scores with a grid that counts from the corner of ``to``, not of ``origin``."""
    by = origin.rows.start - to.rows.start, origin.columns.start - to.columns.start
    offset = [own + pixels for own, pixels in zip(scores.grid.offset, by, strict=True)]
    return replace(scores, grid=Grid(scores.grid.stride, offset))


class _Blend:
    """Overlapping windows, one around each tile, and their weighted mean.

    Windows begin at whole steps, so their cells are the same cells of one grid. Of their scores,
    those of three rows of tiles are kept at a time.
    """

    def __init__(self, tiling: Tiling, read: Read, size: Size) -> None:
        self.model, self.read, self.size = tiling.model, read, size
        self.margin = -(-tiling.tile // (4 * tiling.reach.step)) * tiling.reach.step
        self.tiles = {
            (tile.rows.start // tiling.tile, tile.columns.start // tiling.tile): tile
            for tile in tiling.tiles(size)
        }
        self.windows: dict[tuple[int, int], Window] = {}

    def run(self) -> Iterator[tuple[Region, dict[str, Scores]]]:
        """Yield each tile with its scores by head, as ``Tiling.run`` does."""
        for (row, column), tile in self.tiles.items():
            self.windows = {place: w for place, w in self.windows.items() if place[0] >= row - 1}
            places = [(row + i, column + j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
            around = [self._window(place) for place in places if place in self.tiles]
            heads = self.model.heads
            yield tile, {head: _mean(tile, [(r, s[head]) for r, s in around]) for head in heads}

    def _window(self, place: tuple[int, int]) -> Window:
        if place not in self.windows:
            tile = self.tiles[place]
            rows, columns = (
                range(max(0, span.start - self.margin), min(pixels, span.stop + self.margin))
                for span, pixels in zip((tile.rows, tile.columns), self.size, strict=True)
            )
            region = Region(rows, columns)
            self.windows[place] = region, self.model(self.read(region))
        return self.windows[place]


def _mean(tile: Region, windows: list[tuple[Region, Scores]]) -> Scores:
    """Return the weighted mean of the windows' scores in the cells around a tile."""
    scores = windows[0][1]
    grid, tensor = scores.grid, scores.tensor
    corners = [
        [int(span.start / stride) for span, stride in zip(spans, grid.stride, strict=True)]
        for spans in ((region.rows, region.columns) for region, _ in windows)
    ]
    wanted = [
        range(
            max(0, floor((span.start - grid.offset[axis]) / grid.stride[axis])),
            min(
                floor((span.stop - 1 - grid.offset[axis]) / grid.stride[axis]) + 2,
                max(
                    corner[axis] + one.tensor.shape[axis - 2]
                    for corner, (_, one) in zip(corners, windows, strict=True)
                ),
            ),
        )
        for axis, span in enumerate((tile.rows, tile.columns))
    ]
    frame = Region(wanted[0], wanted[1])
    total, weights = (
        tensor.new_zeros((*tensor.shape[:2], *frame.size)),
        tensor.new_zeros(frame.size),
    )
    for (top, left), (_, one) in zip(corners, windows, strict=True):
        height, width = one.tensor.shape[-2:]
        cells = Region(range(top, top + height), range(left, left + width))
        common = frame.common(cells)
        if min(common.size) == 0:
            continue
        here, there = common.within(frame), common.within(cells)
        weight = torch.outer(_gaussian(height, tensor), _gaussian(width, tensor))[there]
        total[:, :, *here] += weight * one.tensor[:, :, *there]
        weights[here] += weight
    offset = [
        grid.offset[a] + grid.stride[a] * wanted[a].start - (tile.rows, tile.columns)[a].start
        for a in (0, 1)
    ]
    return replace(scores, tensor=total / weights, grid=Grid(grid.stride, offset))


def _gaussian(cells: int, like: Tensor) -> Tensor:
    """Return the weights of a window's cells along one axis, (cells,), 1 in its middle."""
    distance = torch.linspace(-1, 1, cells + 2, device=like.device, dtype=like.dtype)[1:-1]
    return torch.exp(-((distance / (2 * SPREAD)) ** 2) / 2)
