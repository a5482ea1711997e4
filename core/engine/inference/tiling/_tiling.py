"""Cut an image into tiles, each with the window that its scores depend on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .....registry import PluxelError
from ....geometry.regions import Read, Region, Size, moved
from ....geometry.scores import Scores
from ....model.network import SegmentationModel
from ._blending import Blend
from ._reach import Reach


@dataclass(frozen=True)
class Tiling:
    """Runs a model on tiles with a side of ``tile`` pixels."""

    model: SegmentationModel
    reach: Reach
    tile: int

    @classmethod
    def of(cls, model: SegmentationModel, reach: Reach, tile: int) -> Tiling:
        """Round the tile side to whole file blocks, or up to whole steps if it is too small.

        Raises: PluxelError if the tile is smaller than its halo.
        """
        if reach.is_finite and tile < reach.halo:
            raise PluxelError(
                f"a tile of {tile} pixels is smaller than its halo of {reach.halo} pixels; "
                f"use at least {reach.halo}"
            )
        whole = round(tile / reach.block) * reach.block
        if tile < reach.block or (reach.is_finite and whole < reach.halo):
            whole = -(-tile // reach.step) * reach.step
        return cls(model, reach, whole)

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

        The grid of the scores starts at the corner of the tile.
        """
        if not self.reach.is_finite:
            yield from self._blend(size).run(read)
            return
        for tile in self.tiles(size):
            window = self.window(tile, size)
            scores = self.model(read(window))
            yield (
                tile,
                {head: moved(one, window.corner, tile.corner) for head, one in scores.items()},
            )

    def window(self, tile: Region, size: Size) -> Region:
        """Return the part of an image (H, W) that determines the scores of a tile.

        It contains the tile, except at the end of an image if the network does not pad.
        """
        return Region(
            self.reach.window(tile.rows, size[0], 0), self.reach.window(tile.columns, size[1], 1)
        )

    def windows(self, size: Size) -> dict[Region, Region]:
        """Return the tile of each window that ``run`` reads."""
        if self.reach.is_finite:
            return {self.window(tile, size): tile for tile in self.tiles(size)}
        blend = self._blend(size)
        return {blend.window(tile): tile for tile in blend.tiles.values()}

    def _blend(self, size: Size) -> Blend:
        return Blend(self.model, self.tiles(size), self.tile, self.reach.step, size)
