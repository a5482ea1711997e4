"""A page of overlays: thumbnails with links, and the share of each class."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from ....registry import PluxelError
from ...common.files import replacing, write_text
from ...common.logs import logger
from ...contracts.colors import hex_color
from ...contracts.labels import LabelSpace
from ...data.results import OVERLAY, THUMBNAILS, WRITTEN_BY, is_result
from ...geometry.regions import Region, Size
from ...pictures.masks import color_of
from ...pictures.page import render
from ...pictures.saving import jpeg_bytes
from ...pictures.thumbnails import fitted, sampled, thumbnail
from .prediction import Prediction

PAGE = "index.html"
"""Name of the page, beside the folder of the overlays."""

_SIDE = 240
"""Pixels of the longer side of a thumbnail."""

_DATA = re.compile(r'<script type="application/json" id="data">(.*?)</script>', re.DOTALL)


@dataclass(frozen=True)
class OverlayEntry:
    """An overlay in a page.

    ``file``: below the folder of the page. ``href``, ``image``: addresses of the overlay and its
    thumbnail. ``size``: (height, width). ``shares``: of the pixels, 0 to 1, by the index of each
    class that occurs. ``confidence``: mean of the highest probability of the pixels, 0 to 1.
    ``frames``: of a video.
    """

    name: str
    file: str
    href: str
    image: str
    size: Size
    shares: dict[int, float]
    confidence: float | None = None
    frames: int | None = None


@dataclass
class OverlayTally:
    """What a page shows of an image, whose predictions may come in regions, or of a video."""

    space: LabelSpace
    size: Size
    counts: np.ndarray = field(init=False)
    picture: np.ndarray | None = None
    confidence: float = 0.0
    has_confidence: bool = True

    def __post_init__(self) -> None:
        self.counts = np.zeros(self.space.num_classes, np.int64)

    def add(self, region: Region, prediction: Prediction, overlay: np.ndarray) -> None:
        """Add the prediction of a region and its overlay (h, w, 3) uint8.

        Of a video, the first frame becomes the thumbnail.
        """
        found = np.bincount(prediction.classes.ravel(), minlength=self.space.ignore_index + 1)
        self.counts += found[: self.space.num_classes]
        if prediction.probabilities is None:
            self.has_confidence = False
        else:
            self.confidence += float(np.nansum(prediction.probabilities.max(0), dtype=np.float64))
        self._draw(region, overlay)

    def _draw(self, region: Region, overlay: np.ndarray) -> None:
        small = self._small
        if region.size == self.size:
            if self.picture is None:
                self.picture = thumbnail(overlay, small)
            return
        if self.picture is None:
            self.picture = np.zeros((*small, 3), np.uint8)
        rows, columns = (
            sampled(np.arange(given)[:, None], (wanted, 1))[:, 0]
            for given, wanted in zip(self.size, small, strict=True)
        )
        down = np.flatnonzero((rows >= region.rows.start) & (rows < region.rows.stop))
        right = np.flatnonzero((columns >= region.columns.start) & (columns < region.columns.stop))
        pixels = overlay[rows[down] - region.rows.start][:, columns[right] - region.columns.start]
        self.picture[np.ix_(down, right)] = pixels

    @property
    def _small(self) -> Size:
        return self.size if max(self.size) <= _SIDE else fitted(self.size, _SIDE)

    def shares(self) -> dict[int, float]:
        """Return the share of the pixels, 0 to 1, by the index of each class that occurs."""
        total = max(1, int(self.counts.sum()))
        return {
            int(index): round(int(self.counts[index]) / total, 6)
            for index in np.flatnonzero(self.counts)
        }

    def mean_confidence(self) -> float | None:
        """Return the mean of the highest probability, 0 to 1; None if there are none."""
        total = int(self.counts.sum())
        return round(self.confidence / total, 4) if self.has_confidence and total else None


class Gallery:
    """The page of the overlays of a head in a folder.

    A page that Pluxel wrote there earlier stays: its overlays that still exist are in the new page,
    too, if it has the same classes.
    """

    def __init__(self, folder: Path, title: str, space: LabelSpace) -> None:
        self.page = folder / PAGE
        self.title = title
        self.space = space
        self._entries: dict[str, OverlayEntry] = {}

    def check(self, names: Iterable[Path], *, overwrite: bool) -> None:
        """Check that the page, and thumbnails for these names, replace no files of others.

        Raises: PluxelError.
        """
        if overwrite:
            return
        folder = self.page.parent
        smalls = [folder / THUMBNAILS / f"{name}.jpg" for name in names]
        others = [one for one in smalls if one.exists() and not is_result(one, folder)]
        if self.page.exists() and _data(self.page) is None:
            others.append(self.page)
        if others:
            raise PluxelError(f"{others[-1]} already exists; --overwrite replaces it")

    def add(self, name: Path, suffix: str, tally: OverlayTally, frames: int | None = None) -> None:
        """Add an overlay, by its name without suffix, and write its thumbnail."""
        small = Path(THUMBNAILS, f"{name}.jpg")
        with replacing(self.page.parent / small) as unfinished:
            picture = np.zeros((1, 1, 3), np.uint8) if tally.picture is None else tally.picture
            unfinished.write_bytes(jpeg_bytes(picture, WRITTEN_BY))
        file = Path(OVERLAY, f"{name}{suffix}")
        self._entries[file.as_posix()] = OverlayEntry(
            name.as_posix(),
            file.as_posix(),
            _href(file),
            _href(small),
            tally.size,
            tally.shares(),
            tally.mean_confidence(),
            frames,
        )

    def write(self) -> Path | None:
        """Write the page of what is done; return its path, or None without overlays."""
        if not self._entries:
            return None
        classes = [
            {"name": name, "color": hex_color(color_of(self.space, index))}
            for index, name in enumerate(self.space.class_names)
        ]
        entries = self._earlier(classes) | {
            file: asdict(entry) for file, entry in self._entries.items()
        }
        data = {"classes": classes, "images": [entries[file] for file in sorted(entries)]}
        page = render(
            "overlays.html",
            self.title,
            package="pluxel.core.engine.inference",
            scripts=["overlays.js"],
            sources={"img-src": "'self' file:"},
            data=data,
        )
        write_text(self.page, page)
        return self.page

    def _earlier(self, classes: list[dict[str, str]]) -> dict[str, Any]:
        """Return the entries of the page that is there, if their files are."""
        data = _data(self.page) or {}
        if data.get("classes") != classes:
            return {}
        folder = self.page.parent
        return {one["file"]: one for one in data["images"] if (folder / one["file"]).is_file()}


class Galleries:
    """The pages of the overlays of all heads; without heads, it does nothing.

    As a context, it writes the pages at the end of the block, however it ends.
    """

    def __init__(self, galleries: Mapping[str, Gallery]) -> None:
        self._galleries = galleries

    def __enter__(self) -> Galleries:
        return self

    def __exit__(self, *_error: object) -> None:
        for gallery in self._galleries.values():
            if page := gallery.write():
                logger.info("page of the overlays: %s", page)

    def check(self, names: Sequence[Path], *, overwrite: bool) -> None:
        """Check that the pages may be written; see `Gallery.check`."""
        for gallery in self._galleries.values():
            gallery.check(names, overwrite=overwrite)

    def tallies(self, size: Size) -> OverlayTallies:
        """Return what to tell of an image or a video (height, width)."""
        return OverlayTallies(
            {head: OverlayTally(one.space, size) for head, one in self._galleries.items()}
        )

    def add(
        self, name: Path, suffix: str, tallies: OverlayTallies, frames: int | None = None
    ) -> None:
        """Add an overlay to each page; see `Gallery.add`."""
        for head, gallery in self._galleries.items():
            gallery.add(name, suffix, tallies.of_heads[head], frames)


@dataclass(frozen=True)
class OverlayTallies:
    """What the pages of all heads show of an image or a video."""

    of_heads: Mapping[str, OverlayTally]

    def add(
        self, head: str, kind: str, region: Region, prediction: Prediction, pixels: np.ndarray
    ) -> None:
        """Add an output of a region, if it is an overlay; see `OverlayTally.add`."""
        if kind == OVERLAY and head in self.of_heads:
            self.of_heads[head].add(region, prediction, pixels)


NO_PAGES = Galleries({})


def _data(page: Path) -> Mapping[str, Any] | None:
    """Return the data of a page that Pluxel wrote; None for another file."""
    try:
        found = _DATA.search(page.read_text(encoding="utf-8"))
        data = json.loads(found[1]) if found else None
        return (
            data if data and all(isinstance(one["file"], str) for one in data["images"]) else None
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _href(path: Path) -> str:
    """Return a path as an address below the page; ``./`` keeps ``a:b`` from naming a protocol."""
    return f"./{quote(os.fsencode(path.as_posix()))}"
