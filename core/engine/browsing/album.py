"""A page that browses many samples: thumbnails with their masks, filters, and similar pairs."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image

from ...common.text import plural
from ...contracts.colors import hex_color
from ...contracts.labels import LabelSpace
from ...geometry.regions import Size
from ...pictures.masks import color_of, stripes
from ...pictures.page import render
from ...pictures.saving import jpeg_bytes, png_bytes

QUALITIES = (80, 60, 40, 20)
"""Qualities of JPEG to try until a picture is small enough; then it gets smaller."""

_LONGEST = 300
"""Letters of a name or a message on the page."""


@dataclass(frozen=True)
class Thumb:
    """The pictures of a sample: a JPEG of its image, and a PNG of the mask of each head."""

    photo: bytes = b""
    masks: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class AlbumSample:
    """A sample of an album.

    ``split``: where it is from, and ``index`` its place there. ``files``: its files. ``size``: of
    the image; None if it cannot be read. ``counts``: head -> class -> pixels, with ``ignore``.
    ``findings``: what is wrong with it: the kind, and the message.
    """

    split: str
    index: int
    name: str
    thumb: Thumb
    files: Sequence[str] = ()
    size: Size | None = None
    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    findings: Sequence[tuple[str, str]] = ()
    rarity: float = 0.0


@dataclass(frozen=True)
class AlbumPair:
    """Two samples that show the same. ``kind``: that of the finding."""

    kind: str
    first: AlbumSample
    second: AlbumSample
    similarity: float
    mirrored: bool


@dataclass(frozen=True)
class Album:
    """Samples of one split.

    ``choice``: a sentence on which samples these are. ``spaces``: the classes of each head.
    ``images``: head -> class -> images of the split that contain it. ``findings``: those about the
    split as a whole. ``notes``: what else to know. ``pairs``: the most similar ones of
    ``num_pairs``.
    """

    split: str
    choice: str
    samples: Sequence[AlbumSample]
    spaces: Mapping[str, LabelSpace]
    images: Mapping[str, Mapping[str, int]]
    findings: Sequence[tuple[str, str]] = ()
    notes: Sequence[str] = ()
    pairs: Sequence[AlbumPair] = ()
    num_pairs: int = 0


def photo_thumb(picture: np.ndarray, limit: int) -> bytes:
    """Return a picture (h, w, 3) uint8 as JPEG of at most ``limit`` bytes, smaller if needed."""
    return _small(picture, _jpeg, limit)


def mask_thumb(space: LabelSpace, classes: np.ndarray, limit: int) -> bytes:
    """Return class indices (h, w) as PNG of at most ``limit`` bytes, ignored pixels striped."""
    return _small(classes, lambda array, _: _mask_png(space, array), limit)


def _small(array: np.ndarray, encode: Callable[[np.ndarray, int], bytes], limit: int) -> bytes:
    while True:
        content = encode(array, limit)
        if len(content) <= limit or min(array.shape[:2]) < 2:
            return content
        array = np.ascontiguousarray(array[::2, ::2])


def _jpeg(picture: np.ndarray, limit: int) -> bytes:
    content = b""
    for quality in QUALITIES:
        if len(content := jpeg_bytes(picture, quality=quality)) <= limit:
            break
    return content


def _mask_png(space: LabelSpace, classes: np.ndarray) -> bytes:
    ignored = classes == space.ignore_index
    gray = stripes(classes.shape)[..., 0]
    if space.num_classes > 254:  # a palette has 256 colors
        colored = np.where(ignored[..., None], gray[..., None], space.colorize(classes))
        return png_bytes(colored.astype(np.uint8))
    light = space.num_classes + (gray < gray.max())
    image = Image.fromarray(np.where(ignored, light, classes).astype(np.uint8))
    shades = [(int(gray.max()),) * 3, (int(gray.min()),) * 3]
    image.putpalette(np.array([*space.palette, *shades], np.uint8).tobytes())
    return png_bytes(image)


def album_page(album: Album) -> str:
    """Return an album as an HTML page that loads nothing; all names are escaped."""
    numbers = {(one.split, one.index): place for place, one in enumerate(album.samples)}
    others: list[AlbumSample] = []
    for one in (sample for pair in album.pairs for sample in (pair.first, pair.second)):
        if (one.split, one.index) not in numbers:
            numbers[one.split, one.index] = len(album.samples) + len(others)
            others.append(one)
    heads = list(album.spaces)
    kinds: dict[str, int] = {}
    for sample in album.samples:
        for kind in {kind for kind, _ in sample.findings}:
            kinds[kind] = kinds.get(kind, 0) + 1
    data = {
        "heads": [
            {"name": _short(head), "classes": [_short(n) for n in space.class_names]}
            for head, space in album.spaces.items()
        ],
        "shown": len(album.samples),
        "samples": [_values(one, album.spaces) for one in (*album.samples, *others)],
        "pairs": [
            {
                "kind": pair.kind,
                "of": [numbers[one.split, one.index] for one in (pair.first, pair.second)],
                "similarity": pair.similarity,
                "mirrored": pair.mirrored,
            }
            for pair in album.pairs
        ],
    }
    legends = {
        head: [
            (_short(name), hex_color(color_of(space, index)), album.images[head].get(name, 0))
            for index, name in enumerate(space.class_names)
        ]
        for head, space in album.spaces.items()
        if head in album.images
    }
    return render(
        "album.html",
        f"{album.split}: {album.choice}",
        package=__name__.rpartition(".")[0],
        scripts=["album.js"],
        album=album,
        data=data,
        heads=heads,
        legends=legends,
        kinds=sorted(kinds.items()),
        sizes=_sizes(album.samples),
    )


def _sizes(samples: Sequence[AlbumSample]) -> list[tuple[str, int]]:
    """Return the sizes of the images, the most frequent first: width×height, and images."""
    counts: dict[str, int] = {}
    for one in samples:
        if one.size:
            text = f"{one.size[1]}×{one.size[0]}"
            counts[text] = counts.get(text, 0) + 1
    return sorted(counts.items(), key=lambda item: -item[1])


def _values(sample: AlbumSample, spaces: Mapping[str, LabelSpace]) -> dict[str, Any]:
    """Return what the script needs of a sample; pixels as fractions of 1."""
    fractions = []
    for head, space in spaces.items():
        counts = sample.counts.get(head, {})
        total = max(1, sum(counts.values()))
        indices = {name: index for index, name in enumerate(space.class_names)}
        found = [(indices.get(name, -1), _digits(n / total)) for name, n in counts.items()]
        fractions.append(sorted(found, key=lambda item: -item[1]))
    messages = [(kind, _short(text)) for kind, text in sample.findings[:_MOST]]
    if (left := len(sample.findings) - _MOST) > 0:
        messages.append((sample.findings[_MOST][0], f"and {plural(left, 'other finding')}"))
    return {
        "split": sample.split,
        "index": sample.index,
        "name": _short(sample.name),
        "files": [_short(one, end=True) for one in sample.files[:_MOST]],
        "size": sample.size and [sample.size[1], sample.size[0]],
        "fractions": fractions,
        "rarity": _digits(sample.rarity),
        "findings": messages,
        "kinds": sorted({kind for kind, _ in sample.findings}),
        "photo": b64encode(sample.thumb.photo).decode(),
        "masks": [b64encode(sample.thumb.masks.get(head, b"")).decode() for head in spaces],
    }


_MOST = 6
"""Findings and files of a sample on the page."""


def _digits(number: float) -> float:
    return float(f"{number:.3g}")


def _short(text: str, *, end: bool = False) -> str:
    """Return at most `_LONGEST` letters of a text; with ``end``, the last ones."""
    if len(text) <= _LONGEST:
        return text
    return f"…{text[1 - _LONGEST :]}" if end else f"{text[: _LONGEST - 1]}…"
