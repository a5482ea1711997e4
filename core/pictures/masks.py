"""Colored masks over images, hatched pixels, and the errors of a prediction."""

from __future__ import annotations

import numpy as np

from ...registry import PluxelError
from ..contracts.colors import Color
from ..contracts.labels import LabelSpace
from ..contracts.normalization import RAW_MAXIMUM

OPACITY = 0.55
"""Fraction of the color of a class in an overlay."""

HIT, FALSE_POSITIVE, FALSE_NEGATIVE = (0, 158, 115), (213, 94, 0), (0, 114, 178)
"""Colors that most people can distinguish, also those with color blindness (Wong 2011)."""

ERRORS = {"correct": HIT, "false positive": FALSE_POSITIVE, "false negative": FALSE_NEGATIVE}
"""The colors of a class's errors by name, in this order."""

_STRIPE = 4
_LIGHT, _DARK = 205, 120


def overlay(image: np.ndarray, colors: np.ndarray, opacity: float = OPACITY) -> np.ndarray:
    """Blend colors (H, W, 3) with an image (H, W, channels) of raw pixels; return uint8.

    ``image``: uint8, uint16, or floating point in 0–1; the first three channels show, or else the
    first as gray. ``opacity``: the fraction of the colors, 0 to 1.

    Raises: PluxelError for an image of another size, or without channels.
    """
    image = np.asarray(image)
    if image.ndim != 3 or image.shape[:2] != colors.shape[:2]:
        raise PluxelError(
            f"an image of shape {image.shape} does not fit a prediction of "
            f"{colors.shape[0]}×{colors.shape[1]} pixels (height × width): give the image that was "
            "predicted, as (height, width, channels)"
        )
    visible = image[..., :3] if image.shape[2] >= 3 else image[..., :1]
    maximum = RAW_MAXIMUM.get(image.dtype.name, 1)
    mixed = colors * np.float32(opacity)
    mixed += visible * np.float32((1 - opacity) * 255 / maximum)
    return np.rint(mixed, out=mixed).clip(0, 255, out=mixed).astype(np.uint8)


def hatched(picture: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Return a picture (H, W, 3) uint8 with gray diagonal stripes on the pixels (H, W)."""
    return np.where(where[..., None], stripes(where.shape), picture)


def stripes(size: tuple[int, ...]) -> np.ndarray:
    """Return gray diagonal stripes, (H, W, 1) uint8."""
    rows, columns = np.ogrid[: size[0], : size[1]]
    return np.where((rows + columns) // _STRIPE % 2, _DARK, _LIGHT).astype(np.uint8)[..., None]


def labels_over(
    image: np.ndarray, space: LabelSpace, classes: np.ndarray, opacity: float = OPACITY
) -> np.ndarray:
    """Return an image (H, W, 3) uint8 under the colors of its classes, hatched if ignored."""
    drawn = overlay(image, space.colorize(classes), opacity)
    return hatched(drawn, classes == space.ignore_index)


def errors_over(
    image: np.ndarray, space: LabelSpace, truth: np.ndarray, predicted: np.ndarray
) -> np.ndarray:
    """Show where a prediction is wrong: in the color of the predicted class, on a faded image.

    ``image``: (H, W, 3) uint8. ``truth``, ``predicted``: class indices (H, W). Pixels without truth
    are hatched.
    """
    ignored = truth == space.ignore_index
    wrong = (truth != predicted) & ~ignored
    drawn = np.where(wrong[..., None], space.colorize(predicted), faded(image))
    return hatched(drawn, ignored)


def faded(image: np.ndarray) -> np.ndarray:
    """Return an image (H, W, 3) uint8 in light grays, from 190 to 255."""
    gray = image @ np.array([0.299, 0.587, 0.114], np.float32)
    return np.repeat((190 + gray * (65 / 255)).astype(np.uint8)[..., None], 3, 2)


def color_of(space: LabelSpace, index: int) -> Color:
    """Return the (red, green, blue) of a class."""
    red, green, blue = (int(part) for part in space.palette[index])
    return red, green, blue
