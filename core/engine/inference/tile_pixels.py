"""Read the pixels of each window of a tiled image once, and keep those of its tile."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from ...data.missing import missing_pixels, union
from ...geometry.regions import Region

ReadPixels = Callable[[Region], Mapping[str, np.ndarray]]
"""Returns the raw pixels (h, w, channels) of a region for each input, by name."""

Taken = tuple[Mapping[str, np.ndarray], np.ndarray | None]
"""The pixels of a tile by input, and True for those (h, w) without data."""


@dataclass
class TilePixels:
    """Keeps what is needed of each tile from the reading of its window until ``take``.

    ``pixels``: whether that includes the pixels.
    """

    source: ReadPixels
    tiles: Mapping[Region, Region]
    pixels: bool
    kept: dict[Region, Taken] = field(default_factory=dict)

    def read(self, window: Region) -> Mapping[str, np.ndarray]:
        """Return the pixels of a window; keep what is needed of its tile."""
        arrays = self.source(window)
        tile = self.tiles.get(window)
        if tile is not None and tile.common(window) == tile:
            self.kept[tile] = self._part(arrays, tile.within(window))
        return arrays

    def take(self, tile: Region) -> Taken:
        """Return the pixels of a tile and stop keeping them."""
        if tile in self.kept:
            return self.kept.pop(tile)
        # Without padding, a network may read no window with the last pixels of an image.
        return self._part(self.source(tile), (slice(None), slice(None)))

    def _part(self, arrays: Mapping[str, np.ndarray], place: tuple[slice, slice]) -> Taken:
        parts = {name: array[place] for name, array in arrays.items()}
        missing = union(*map(missing_pixels, parts.values()))
        # Copy, so that the memory of the halo is freed.
        return {n: part.copy() for n, part in parts.items()} if self.pixels else {}, missing
