"""Contact sheets of samples: one picture, or a web page that needs nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..contracts.colors import hex_color
from .legend import LegendEntry
from .page import render
from .panel import PanelRow, panel
from .saving import data_uri, jpeg_bytes, png_bytes


@dataclass(frozen=True)
class SheetTile:
    """A picture (h, w, 3) uint8 with its title, such as the name of an input, and a caption.

    ``is_photo``: whether a page may store it with loss.
    """

    title: str
    picture: np.ndarray
    caption: str = ""
    is_photo: bool = False

    @property
    def address(self) -> str:
        """The picture as an address for a page."""
        content = jpeg_bytes(self.picture) if self.is_photo else png_bytes(self.picture)
        return data_uri(content)


@dataclass(frozen=True)
class SheetSample:
    """A sample: its name, its tiles, and where it comes from; pages show that on hover."""

    name: str
    tiles: Sequence[SheetTile]
    source: str = ""


@dataclass(frozen=True)
class Sheet:
    """Samples with the same tiles.

    ``entries``: of the legend in a picture. ``legends``: those of a page, one for each head: its
    name, and the entries with whole names.
    """

    title: str
    samples: Sequence[SheetSample]
    entries: Sequence[LegendEntry]
    legends: Sequence[tuple[str, Sequence[LegendEntry]]]


def sheet_picture(sheet: Sheet) -> np.ndarray:
    """Return a sheet as one picture (H, W, 3) uint8, a row for each sample."""
    first = sheet.samples[0].tiles if sheet.samples else ()
    rows = [
        PanelRow(one.name, [t.picture for t in one.tiles], [t.caption for t in one.tiles])
        for one in sheet.samples
    ]
    titles = [tile.title for tile in first]
    return panel(titles, rows, sheet.entries, title=sheet.title)


def sheet_page(sheet: Sheet) -> str:
    """Return a sheet as an HTML page that loads nothing; all names are escaped."""
    legends = [
        (name, [(one, color and hex_color(color)) for one, color in entries])
        for name, entries in sheet.legends
    ]
    return render("sheet.html", sheet.title, samples=sheet.samples, legends=legends)
