"""Recognize the files that Pluxel writes, so that nobody takes them for images by accident."""

from __future__ import annotations

from pathlib import Path

from ..pictures.saving import SOFTWARE
from .videos import comment

WRITTEN_BY = f"{SOFTWARE} predict"
"""The PNG chunk and TIFF tag ``Software`` of results, and the comment of videos and JPEG."""

_PICTURES = "results"
"""The folder of a run with the pictures of its training."""

INDEX, COLOR, OVERLAY, PROBABILITIES = FOLDERS = ("index", "color", "overlay", "prob")
"""Names of the kinds of results, and of the folders that prediction writes them into."""

THUMBNAILS = "thumbnails"
"""The folder of the small pictures for the page of overlays."""

_HEAD = 1 << 12
"""Bytes at the start of a PNG that include the mark, which follows the header."""


def is_result(path: Path, folder: Path) -> bool:
    """Return whether prediction or training wrote a file that is somewhere below a folder.

    Files directly in the folder are not: somebody selected it, for example as masks to train on.
    """
    parents = path.relative_to(folder).parts[:-1]
    if {*FOLDERS, THUMBNAILS, _PICTURES}.isdisjoint(parents):
        return False
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return False
    if head.startswith(b"\xff\xd8"):  # a thumbnail
        return WRITTEN_BY.encode() in head
    if head[4:8] == b"ftyp":
        return comment(path) == WRITTEN_BY
    if head.startswith(b"\x89PNG"):
        software = SOFTWARE if _PICTURES in parents else WRITTEN_BY
        return f"Software\0{software}".encode() in head
    return head[:2] in (b"II", b"MM") and _software(path) == WRITTEN_BY


def _software(path: Path) -> str:
    """Return the tag Software of a TIFF; empty without one, or without the package to read it."""
    try:
        import tifffile  # noqa: PLC0415 - an extra

        with tifffile.TiffFile(path) as file:
            return str(file.pages.first.tags.valueof("Software", ""))
    except Exception:  # noqa: BLE001 - the reader of the file reports what is wrong with it
        return ""
