"""Write a folder in the layout of PASCAL VOC, with pictures and masks of the usual size."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from pluxel.core.authoring import voc_color, write_palette_mask

HEIGHT, WIDTH = 375, 500
VOID = 255
PALETTE = {raw: voc_color(raw) for raw in range(256)}

QUALITY = (75, 95)
"""Lowest and highest quality of the JPEG files."""


def write_voc(root: Path, count: int, photographs: Path | None, seed: int = 0) -> None:
    """Write ``count`` samples below ``root``, as the split ``train``.

    ``photographs``: a folder of pictures to crop and resize; without it, they are synthetic, of
    about 105 kB, as those of VOC.
    """
    folder = root / "VOC2012"
    parts = ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation")
    images, masks, lists = (folder / part for part in parts)
    for part in (images, masks, lists):
        part.mkdir(parents=True)
    draws = np.random.default_rng(seed)
    sources = sorted(photographs.glob("*.*")) if photographs else []
    names = [f"2007_{n:06}" for n in range(count)]
    for n, name in enumerate(names):
        picture = _photograph(sources[n % len(sources)], draws) if sources else _synthetic(draws)
        quality = int(draws.integers(QUALITY[0], QUALITY[1] + 1))
        cv2.imwrite(str(images / f"{name}.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
        write_palette_mask(masks / f"{name}.png", _objects(draws), PALETTE)
    (lists / "train.txt").write_text("\n".join(names) + "\n", encoding="utf-8")


def _photograph(path: Path, draws: np.random.Generator) -> np.ndarray:
    """Return the largest part (HEIGHT, WIDTH, 3) of a photograph with the right aspect."""
    picture = cv2.imread(str(path))
    if picture is None:
        raise SystemExit(f"{path}: not a picture; --images must name a folder of pictures only")
    rows, columns = picture.shape[:2]
    scale = min(rows / HEIGHT, columns / WIDTH)
    height, width = int(scale * HEIGHT), int(scale * WIDTH)
    top, left = draws.integers(rows - height + 1), draws.integers(columns - width + 1)
    part = picture[top : top + height, left : left + width]
    return cv2.resize(part, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)


def _synthetic(draws: np.random.Generator) -> np.ndarray:
    """Return noise (HEIGHT, WIDTH, 3) uint8 whose spectrum falls as that of photographs: 1 / f.

    Field, "Relations between the statistics of natural images" (1987).
    """
    rows, columns = np.fft.fftfreq(HEIGHT)[:, None], np.fft.rfftfreq(WIDTH)[None]
    falloff = 1 / np.maximum(np.hypot(rows, columns), 1 / WIDTH)
    noise = np.fft.rfft2(draws.normal(size=(4, HEIGHT, WIDTH)))
    gray, *colors = np.fft.irfft2(noise * falloff, s=(HEIGHT, WIDTH))
    channels = np.stack([gray + 0.3 * color for color in colors], -1)  # channels are correlated
    return (channels / channels.std() * 55 + 115).clip(0, 255).astype(np.uint8)


def _objects(draws: np.random.Generator) -> np.ndarray:
    """Return ids (HEIGHT, WIDTH): one to three objects with void borders on background.

    Background covers three quarters of the pixels on average, as in VOC.
    """
    ids = np.zeros((HEIGHT, WIDTH), np.uint8)
    for _ in range(draws.integers(1, 4)):
        angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
        radii = draws.uniform(40, 150) * (1 + 0.25 * np.sin(draws.integers(2, 6) * angles))
        x = draws.uniform(0.2, 0.8) * WIDTH + radii * np.cos(angles)
        y = draws.uniform(0.2, 0.8) * HEIGHT + radii * np.sin(angles)
        outline = np.stack([x, y], -1).astype(np.int32)
        cv2.fillPoly(ids, [outline], int(draws.integers(1, 21)))
        cv2.polylines(ids, [outline], isClosed=True, color=VOID, thickness=5)
    return ids
