"""The prediction of one head for one image, or for a region of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...contracts.labels import LabelSpace
from ...contracts.normalization import RAW_MAXIMUM
from ...geometry.regions import Region, Size

OVERLAY_OPACITY = 0.55


@dataclass(frozen=True)
class Prediction:
    """The classes that one head predicts for an image.

    ``classes``: (H, W) class indices; ``space.ignore_index`` for pixels without data.
    ``probabilities``: (C, H, W) float32 in 0–1, NaN without data, or None if they were not
    requested.
    """

    space: LabelSpace
    classes: np.ndarray
    probabilities: np.ndarray | None = None

    @property
    def missing(self) -> np.ndarray:
        """True for the pixels (H, W) without data; no network predicts the ignored class."""
        return self.classes == self.space.ignore_index

    @property
    def mask(self) -> np.ndarray:
        """Raw label ids, (H, W): the first id that the label map lists for each class."""
        return self.space.decode(self.classes)

    @property
    def color(self) -> np.ndarray:
        """The classes in their colors, (H, W, 3) uint8."""
        return self.space.colorize(self.classes)

    def overlay(self, image: np.ndarray) -> np.ndarray:
        """Blend the colors with an image (H, W, channels) of raw pixels; return (H, W, 3) uint8."""
        image = np.asarray(image)
        visible = image[..., :3] if image.shape[2] >= 3 else image[..., :1]
        maximum = RAW_MAXIMUM.get(image.dtype.name, 1)
        mixed = self.color * np.float32(OVERLAY_OPACITY)
        mixed += visible * np.float32((1 - OVERLAY_OPACITY) * 255 / maximum)
        return np.rint(mixed, out=mixed).clip(0, 255, out=mixed).astype(np.uint8)

    def blank(self, size: Size) -> Prediction:
        """Return an uninitialized prediction of the same kind for an image (H, W)."""
        shares = self.probabilities
        empty = None if shares is None else np.empty((len(shares), *size), shares.dtype)
        return Prediction(self.space, np.empty(size, self.classes.dtype), empty)

    def paste(self, region: Region, part: Prediction) -> None:
        """Copy the prediction of a region into this prediction of the whole image."""
        self.classes[region.slices] = part.classes
        if self.probabilities is not None and part.probabilities is not None:
            self.probabilities[:, *region.slices] = part.probabilities
