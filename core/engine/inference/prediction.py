"""The prediction of one head for one image, or for a region of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...contracts.labels import LabelSpace
from ...geometry.regions import Region, Size
from ...pictures.charts import show_picture
from ...pictures.legend import entries_of
from ...pictures.masks import OPACITY, hatched, overlay
from ...pictures.panel import PanelRow, panel
from ...pictures.saving import png_bytes
from ...pictures.thumbnails import fitted, sampled

if TYPE_CHECKING:
    from ...pictures.charts import Axes

_SIDE = 480
"""Pixels of the longer side of a prediction in a notebook."""


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

    def overlay(self, image: np.ndarray, opacity: float = OPACITY) -> np.ndarray:
        """Blend the colors with an image (H, W, channels) of raw pixels; return (H, W, 3) uint8.

        ``opacity``: the share of the colors, 0 to 1.
        """
        return overlay(image, self.color, opacity)

    def show(
        self, image: np.ndarray | None = None, opacity: float = OPACITY, *, ax: Axes | None = None
    ) -> Axes:
        """Draw the colors, and below them the image if it is given; return matplotlib's axes.

        ``image``, ``opacity``: as for `overlay`. ``ax``: by default the axes of a new figure. The
        legend lists the classes that occur.
        """
        picture = self.color if image is None else self.overlay(image, opacity)
        return show_picture(
            hatched(picture, self.missing), entries_of(self.space, [self.classes]), ax=ax
        )

    def _repr_png_(self) -> bytes:
        """Show the colors of the classes and a legend in a notebook."""
        size = fitted((self.classes.shape[0], self.classes.shape[1]), _SIDE)
        classes = sampled(self.classes, size)
        picture = hatched(self.space.colorize(classes), classes == self.space.ignore_index)
        entries = entries_of(self.space, [self.classes])
        return png_bytes(panel([""], [PanelRow("", [picture])], entries))

    def blank(self, size: Size) -> Prediction:
        """Return an uninitialized prediction of the same kind for an image (H, W)."""
        found = self.probabilities
        empty = None if found is None else np.empty((len(found), *size), found.dtype)
        return Prediction(self.space, np.empty(size, self.classes.dtype), empty)

    def paste(self, region: Region, part: Prediction) -> None:
        """Copy the prediction of a region into this prediction of the whole image."""
        self.classes[region.slices] = part.classes
        if self.probabilities is not None and part.probabilities is not None:
            self.probabilities[:, *region.slices] = part.probabilities
