"""Random photographs and masks, and how to save them."""

from pathlib import Path

import numpy as np
from PIL import Image
from pluxel.core.contracts.colors import voc_color

rng = np.random.default_rng(0)


def photograph(height: int = 12, width: int = 16) -> np.ndarray:
    return rng.integers(0, 256, (height, width, 3)).astype(np.uint8)


def save(path: Path, image: np.ndarray | Image.Image, **options) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    image.save(path, **options)
    return path


def with_palette(ids: np.ndarray) -> Image.Image:
    """An index PNG like those of VOC; the palette only serves display."""
    height, width = ids.shape
    image = Image.frombytes("P", (width, height), ids.astype(np.uint8).tobytes())
    image.putpalette([part for index in range(256) for part in voc_color(index)])
    return image
