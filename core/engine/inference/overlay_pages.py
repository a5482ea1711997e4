"""A page of overlays: thumbnails with links, and the fraction of each class."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

from pydantic import Field, TypeAdapter

from ....registry import PluxelError
from ...common.files import replacing, write_text
from ...common.logs import logger
from ...contracts.colors import hex_color
from ...contracts.labels import LabelSpace
from ...data.results import OVERLAY, THUMBNAILS, WRITTEN_BY, is_result
from ...geometry.regions import Size
from ...pictures.masks import color_of
from ...pictures.page import page_data, render
from ...pictures.saving import jpeg_bytes
from .overlay_summary import OverlaySummary

PAGE = "index.html"
"""Name of the page, beside the folder of the overlays."""

Fraction = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True)
class OverlayEntry:
    """An overlay in a page.

    ``file``: below the folder of the page. ``href``, ``image``: addresses of the overlay and its
    thumbnail. ``size``: (height, width). ``fractions``: of the pixels, by the index of each class
    that occurs. ``confidence``: mean of the highest probability of the pixels. ``frames``: of a
    video.
    """

    name: str
    file: str
    href: str
    image: str
    size: Size
    fractions: dict[int, Fraction]
    confidence: Fraction | None = None
    frames: int | None = None

    @classmethod
    def of(
        cls, name: Path, suffix: str, summary: OverlaySummary, frames: int | None
    ) -> OverlayEntry:
        """Return the entry of an overlay, by its name without suffix."""
        file, image = Path(OVERLAY, f"{name}{suffix}"), _thumbnail(name)
        return cls(
            name.as_posix(),
            file.as_posix(),
            _href(file),
            _href(image),
            summary.size,
            summary.fractions(),
            summary.confidence(),
            frames,
        )

    def is_own(self, num_classes: int) -> bool:
        """Return whether addresses follow from the name, so that they lead nowhere else."""
        file = Path(self.file)
        return (
            file == Path(OVERLAY, f"{self.name}{file.suffix}")
            and ".." not in file.parts
            and self.href == _href(file)
            and self.image == _href(_thumbnail(Path(self.name)))
            and {*self.fractions} <= {*range(num_classes)}
        )


@dataclass(frozen=True)
class ClassOfOverlays:
    """A class in the legend of a page. ``color``: ``#rrggbb``."""

    name: str
    color: str


@dataclass(frozen=True)
class OverlayList:
    """What a page of overlays lists."""

    classes: list[ClassOfOverlays]
    images: list[OverlayEntry]


class OverlayPage:
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
        """Check that the page, and thumbnails for these names, replace no other files.

        Raises: PluxelError, also for a page of Pluxel that is damaged.
        """
        if overwrite:
            return
        folder = self.page.parent
        smalls = [folder / _thumbnail(name) for name in names]
        others = [one for one in smalls if one.exists() and not is_result(one, folder)]
        try:
            if self.page.exists() and _listed(self.page) is None:
                others.append(self.page)
        except PluxelError as error:
            raise PluxelError(f"{error.message}; --overwrite replaces it") from error
        if others:
            raise PluxelError(f"{others[-1]} already exists; --overwrite replaces it")

    def add(
        self, name: Path, suffix: str, summary: OverlaySummary, frames: int | None = None
    ) -> None:
        """Add an overlay, by its name without suffix, and write its thumbnail."""
        with replacing(self.page.parent / _thumbnail(name)) as unfinished:
            unfinished.write_bytes(jpeg_bytes(summary.thumbnail, WRITTEN_BY))
        entry = OverlayEntry.of(name, suffix, summary, frames)
        self._entries[entry.file] = entry

    def write(self) -> None:
        """Write the page with what is done so far, if there are overlays."""
        if not self._entries:
            return
        classes = [
            ClassOfOverlays(name, hex_color(color_of(self.space, index)))
            for index, name in enumerate(self.space.class_names)
        ]
        entries = self._earlier(classes) | self._entries
        page = render(
            "overlays.html",
            self.title,
            package="pluxel.core.engine.inference",
            scripts=["overlays.js"],
            sources={"img-src": "'self' file:"},
            data=asdict(OverlayList(classes, [entries[file] for file in sorted(entries)])),
        )
        write_text(self.page, page)
        logger.info("page of the overlays: %s", self.page)

    def _earlier(self, classes: list[ClassOfOverlays]) -> dict[str, OverlayEntry]:
        """Return the entries of the page that is there, if their files are."""
        try:
            found = _listed(self.page)
        except PluxelError as error:
            logger.warning("%s: its overlays are not in the new page", error.message)
            return {}
        if found is None or found.classes != classes:
            return {}
        folder = self.page.parent
        return {one.file: one for one in found.images if (folder / one.file).is_file()}


def _listed(page: Path) -> OverlayList | None:
    """Return what a page of Pluxel lists; None for another file, and without a file.

    Raises: PluxelError if the page is damaged.
    """
    try:
        text = page.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    try:
        data = page_data(text)
        found = None if data is None else TypeAdapter(OverlayList).validate_python(data)
    except ValueError as error:  # also pydantic's
        raise PluxelError(f"{page} is damaged, or not a page of overlays") from error
    if found and not all(one.is_own(len(found.classes)) for one in found.images):
        raise PluxelError(f"{page} was changed: its links lead elsewhere than to its overlays")
    return found


def _thumbnail(name: Path) -> Path:
    """Return the thumbnail of an overlay, below the folder of the page."""
    return Path(THUMBNAILS, f"{name}.jpg")


def _href(path: Path) -> str:
    """Return a path as an address below the page; ``./`` keeps ``a:b`` from naming a protocol."""
    return f"./{quote(os.fsencode(path.as_posix()))}"
