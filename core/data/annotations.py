"""Recognize files of annotation tools, which describe objects by points or boxes, not by pixels."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

_SUFFIXES = frozenset({".json", ".txt", ".xml", ".geojson"})
_LOOKED_AT = 50
"""Maximum number of files of a folder to look at."""

_END = 1 << 16
"""Bytes to read at the start and at the end of a file; those of COCO have hundreds of MB."""

_YOLO = re.compile(r"\d+(?: [01](?:\.\d+)?(?:e-\d+)?){4,}")


class _AnnotationFormat(NamedTuple):
    """An annotation format: its name, how to recognize its text, and where its masks come from."""

    name: str
    holds: Callable[[str], bool]
    advice: str


def _keys(*names: str) -> Callable[[str], bool]:
    """Return a test for JSON objects with these keys."""
    return lambda text: (
        text[:1] in "{[" and all(re.search(f'"{name}"\\s*:', text) for name in names)
    )


def _root(pattern: str) -> Callable[[str], bool]:
    """Return a test for XML documents with a root element, and what follows it."""
    prolog = r"(?:<\?.*?\?>\s*|<!--.*?-->\s*|<!DOCTYPE.*?>\s*)*"
    return lambda text: re.match(prolog + pattern, text, re.DOTALL) is not None


def _is_yolo(text: str) -> bool:
    lines = [line.strip() for line in text.splitlines()[:20] if line.strip()]
    return bool(lines) and all(_YOLO.fullmatch(line) for line in lines[:-1] or lines)


_DRAW = "draw its polygons as masks first"

_FORMATS = (
    _AnnotationFormat("labelme", _keys("shapes", "imageHeight"), "export masks with 'labelme2voc'"),
    _AnnotationFormat("labelme", _keys("shapes", "imagePath"), "export masks with 'labelme2voc'"),
    _AnnotationFormat(
        "COCO", _keys("images", "annotations"), "draw masks with pycocotools, annToMask"
    ),
    _AnnotationFormat(
        "COCO", _keys("images", "categories"), "draw masks with pycocotools, annToMask"
    ),
    _AnnotationFormat(
        "COCO", _keys("segmentation", "category_id"), "draw masks with pycocotools, annToMask"
    ),
    _AnnotationFormat("VIA", _keys("regions", "shape_attributes"), _DRAW),
    _AnnotationFormat(
        "GeoJSON", _keys("features", "geometry"), "draw masks with rasterio.features"
    ),
    _AnnotationFormat(
        "CVAT",
        _root(r"<annotations\b.*?<(?:version|meta|image|track)\b"),
        "export the task from CVAT as 'Segmentation mask'",
    ),
    _AnnotationFormat(
        "Pascal VOC", _root(r"<annotation\b.*?<(?:object|filename)\b"), "boxes are not masks"
    ),
    _AnnotationFormat("YOLO", _is_yolo, _DRAW),
)


def annotations_in(place: Path) -> str | None:
    """Return what the annotations in a file or a folder are, and what to do; None without any.

    Looks at a few files, also in subfolders.
    """
    files = [place] if place.is_file() else list(islice(_candidates(place), _LOOKED_AT))
    for file in files:
        text = _ends(file)
        for form in _FORMATS:
            if text and form.holds(text):
                return (
                    f"{file} is an annotation file of the format {form.name}, which Pluxel does "
                    f"not read: {form.advice}. Masks are images with an id or a color per pixel"
                )
    return None


def _candidates(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            if Path(name).suffix.lower() in _SUFFIXES and not name.startswith("."):
                yield Path(parent, name)


def _ends(file: Path) -> str:
    """Return the text at the start and at the end of a file; empty if it cannot be read."""
    try:
        with file.open("rb") as stream:
            start = stream.read(_END)
            stream.seek(max(len(start), file.stat().st_size - _END))
            return (start + stream.read()).decode("utf-8-sig", "ignore").lstrip()
    except OSError:
        return ""
