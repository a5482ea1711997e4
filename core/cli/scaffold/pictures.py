"""Draw a few images and masks, with which a new dataset can be tried."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO

from PIL import Image, ImageDraw

_SIZE = 64


def example_pairs() -> Iterator[tuple[str, bytes]]:
    """Yield path and content of images and masks: a box (class 1) on a ground (class 0)."""
    for split, numbers in (("train", range(4)), ("val", range(4, 6))):
        for number in numbers:
            corner = 8 + 5 * number
            box = (corner, 40 - corner // 2, corner + 22, 60 - corner // 2)
            image = Image.new("RGB", (_SIZE, _SIZE), (40 + 10 * number, 90, 60))
            mask = Image.new("L", (_SIZE, _SIZE), 0)
            ImageDraw.Draw(image).rectangle(box, fill=(210, 150 + 10 * number, 80))
            ImageDraw.Draw(mask).rectangle(box, fill=1)
            yield f"images/{split}/{number}.png", _png(image)
            yield f"masks/{split}/{number}.png", _png(mask)


def _png(image: Image.Image) -> bytes:
    stream = BytesIO()
    image.save(stream, "png")
    return stream.getvalue()
