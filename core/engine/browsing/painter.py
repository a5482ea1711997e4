"""Draw the thumbnails of samples, in any process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ...contracts.inputs import InputSpec
from ...contracts.labels import LabelSpace
from ...data.examine import Examined, SampleArrays
from ...pictures.inputs import input_picture
from ...pictures.thumbnails import fitted, sampled
from .album import Thumb, mask_thumb, photo_thumb


@dataclass(frozen=True)
class ThumbPainter:
    """Draws the thumbnails of samples.

    ``shown``: the input to draw. ``side``: pixels of the longer side. ``limit``: bytes of all
    pictures of a sample. ``chosen``: the samples to draw, besides those with flaws; None for all.
    """

    shown: str | None
    specs: Mapping[str, InputSpec]
    spaces: Mapping[str, LabelSpace]
    side: int
    limit: int
    chosen: frozenset[int] | None = None

    def __call__(self, found: Examined, content: SampleArrays) -> Thumb | None:
        """Return the thumbnails of a sample; None if it is not chosen."""
        if not (self.chosen is None or found.index in self.chosen or is_flawed(found)):
            return None
        part = self.limit // (1 + len(self.spaces))
        size = found.size or next((one.shape[:2] for one in content.classes.values()), (1, 1))
        size = fitted((size[0], size[1]), self.side)
        photo = b""
        if self.shown is not None and self.shown in content.inputs:
            pixels, spec = content.inputs[self.shown], self.specs[self.shown]
            photo = photo_thumb(input_picture(pixels, spec, size)[0], part)
        return Thumb(
            photo,
            {
                head: mask_thumb(self.spaces[head], sampled(classes, size), part)
                for head, classes in content.classes.items()
            },
        )


def is_flawed(found: Examined) -> bool:
    """Return whether something is wrong with the sample itself."""
    return bool(found.flaws or found.stray)
