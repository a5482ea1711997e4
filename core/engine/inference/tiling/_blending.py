"""Blend overlapping windows, for networks whose scores depend on the whole image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import floor

import torch
from torch import Tensor

from ....geometry.grid import Grid
from ....geometry.regions import Read, Region, ScoredRegion, Size, moved
from ....geometry.scores import Scores
from ....model.network import SegmentationModel

DEVIATION = 0.25
"""Standard deviation of the Gaussian weights, as a share of the window length."""


class Blend:
    """Overlapping windows, one around each tile, and their weighted mean.

    ``tile``: side of the tiles in pixels. Windows begin at multiples of ``step``, so that their
    cells lie on one grid. Keeps the scores of three rows of windows.
    """

    def __init__(
        self, model: SegmentationModel, tiles: Sequence[Region], tile: int, step: int, size: Size
    ) -> None:
        self.model, self.size = model, size
        self.margin = -(-tile // (4 * step)) * step
        self.tiles = {(one.rows.start // tile, one.columns.start // tile): one for one in tiles}
        self.windows: dict[tuple[int, int], ScoredRegion] = {}

    def run(self, read: Read) -> Iterator[tuple[Region, dict[str, Scores]]]:
        """Yield each tile with its scores by head; their grids start at the corner of the tile."""
        for (row, column), tile in self.tiles.items():
            self.windows = {place: w for place, w in self.windows.items() if place[0] >= row - 1}
            places = [(row + i, column + j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
            around = [self._window(place, read) for place in places if place in self.tiles]
            heads = self.model.heads
            yield tile, {head: _mean(tile, [(r, s[head]) for r, s in around]) for head in heads}

    def window(self, tile: Region) -> Region:
        """Return the window around a tile."""
        rows, columns = (
            range(max(0, span.start - self.margin), min(pixels, span.stop + self.margin))
            for span, pixels in zip((tile.rows, tile.columns), self.size, strict=True)
        )
        return Region(rows, columns)

    def _window(self, place: tuple[int, int], read: Read) -> ScoredRegion:
        if place not in self.windows:
            region = self.window(self.tiles[place])
            self.windows[place] = region, self.model(read(region))
        return self.windows[place]


def _mean(tile: Region, windows: Sequence[tuple[Region, Scores]]) -> Scores:
    """Return the weighted mean of the scores of the windows, in the cells around a tile."""
    first = windows[0][1]
    cells = [_cells(region, scores) for region, scores in windows]
    area = _around(tile, first.grid, cells)
    total = first.tensor.new_zeros((*first.tensor.shape[:2], *area.size))
    weights = first.tensor.new_zeros(area.size)
    for own, (_, scores) in zip(cells, windows, strict=True):
        common = area.common(own)
        if min(common.size) == 0:
            continue
        here, there = common.within(area), common.within(own)
        height, width = (_gaussian(count, total) for count in own.size)
        weight = torch.outer(height, width)[there]
        total[:, :, *here] += weight * scores.tensor[:, :, *there]
        weights[here] += weight
    mean = replace(first, tensor=total / weights, grid=first.grid.crop(area.corner))
    return moved(mean, (0, 0), tile.corner)


def _cells(window: Region, scores: Scores) -> Region:
    """Return the cells of a window as cells of the whole image's map."""
    spans = zip(
        (window.rows, window.columns), scores.grid.stride, scores.tensor.shape[-2:], strict=True
    )
    rows, columns = (
        range(span.start // stride, span.start // stride + count) for span, stride, count in spans
    )
    return Region(rows, columns)


def _around(tile: Region, grid: Grid, cells: Sequence[Region]) -> Region:
    """Return the cells that enclose the pixels of a tile, clipped to existing cells."""
    last = max(c.rows.stop for c in cells), max(c.columns.stop for c in cells)
    rows, columns = (
        range(
            max(0, floor((span.start - offset) / stride)),
            min(end, floor((span.stop - 1 - offset) / stride) + 2),
        )
        for span, offset, stride, end in zip(
            (tile.rows, tile.columns), grid.offset, grid.stride, last, strict=True
        )
    )
    return Region(rows, columns)


def _gaussian(cells: int, like: Tensor) -> Tensor:
    """Return the weights (cells,) of a window along one axis, 1 at its center."""
    distance = torch.linspace(-1, 1, cells + 2, device=like.device, dtype=like.dtype)[1:-1]
    return torch.exp(-((distance / (2 * DEVIATION)) ** 2) / 2)
