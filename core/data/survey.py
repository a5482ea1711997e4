"""Survey the user's own folders: pairs, sizes and contents of masks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from ...registry import PluxelError
from ..common.logs import images_counted
from .annotations import annotations_in
from .images import (
    image_shape,
    is_black_and_white,
    read_binary_mask,
    read_index_mask,
    read_rgb_mask,
)
from .masks import ColoredMaskError, has_transparency
from .pairing import FilePair, images_in, pair_up

_MOST_IDS = 256
"""Maximum number of distinct ids that may be classes."""


class SurveyError(PluxelError):
    """The folders do not form a dataset."""


@dataclass(frozen=True)
class Survey:
    """The contents of a folder of images and a folder of masks.

    ``ids``: raw id (a packed color if ``mask_format`` is ``rgb``) -> (pixels, masks with the id).
    ``values``: number of distinct values of the masks; ``ids`` are fewer if shades were merged.
    ``pixels``: of all masks. ``transparent``: masks with transparent pixels, which have no id.
    ``sizes``: (height, width) -> images. ``subfolders``: subfolders that both folders have.
    ``unpaired``: files without a counterpart.
    """

    pairs: Sequence[FilePair]
    unpaired: Sequence[Path]
    image_suffix: str
    mask_suffix: str
    mask_format: Literal["index", "rgb", "binary"]
    ids: Mapping[int, tuple[int, int]]
    values: int
    pixels: int
    transparent: int
    sizes: Mapping[tuple[int, int], int]
    channels: int
    subfolders: Sequence[str]


@images_counted()
def survey(images: Path, masks: Path, *, progress: Callable[[], object] = lambda: None) -> Survey:
    """Read every mask and the header of every image; ``progress`` is called after each mask.

    Raises: SurveyError if the folders do not match, ImageError with the name of a broken file.
    """
    for folder in (images, masks):
        if not folder.is_dir():
            raise SurveyError(annotations_in(folder) or f"{folder} is not a folder")
    image_suffix, mask_suffix = _suffixes(images, masks)
    pairs, unpaired = pair_up(*_files(images, masks, image_suffix, mask_suffix))
    if not pairs:
        found = annotations_in(masks)
        raise SurveyError(
            f"no image of {images} has a mask of the same name in {masks}: "
            + (found or f"{_examples(images)} and {_examples(masks)}")
        )
    shapes = [image_shape(pair.image) for pair in pairs]
    if len(channels := {shape[2] for shape in shapes}) > 1:
        raise SurveyError(f"the images have different channel counts: {sorted(channels)}")
    colored = any(_holds_colors(pair.mask) for pair in pairs[:50])
    masks_found = [pair.mask for pair in pairs]
    counts = _Counts()
    counts.add(masks_found, read_rgb_mask if colored else read_index_mask, progress)
    ids, values = counts.ids, len(counts.ids)
    binary = not colored and values > 1 and is_black_and_white(np.array([*ids]), pairs[0].mask)
    if binary and {*ids} == {0, 255}:
        ids = {0: ids[0], 1: ids[255]}
    elif binary:  # a second pass assigns each shade of a mask to one of the two
        shades = _Counts()
        shades.add(masks_found, read_binary_mask)
        ids = shades.ids
    return Survey(
        pairs=pairs,
        unpaired=unpaired,
        image_suffix=image_suffix,
        mask_suffix=mask_suffix,
        mask_format="rgb" if colored else "binary" if binary else "index",
        ids=ids,
        values=values,
        pixels=counts.pixels,
        transparent=counts.transparent,
        sizes=Counter(shape[:2] for shape in shapes),
        channels=channels.pop(),
        subfolders=_common_subfolders(images, masks),
    )


def _files(
    images: Path, masks: Path, image_suffix: str, mask_suffix: str
) -> tuple[dict[str, Path], dict[str, Path]]:
    together = images.resolve() == masks.resolve()
    return (
        images_in(images, image_suffix, not_ending=[mask_suffix] if together else ()),
        images_in(masks, mask_suffix),
    )


def _suffixes(images: Path, masks: Path) -> tuple[str, str]:
    """Return the suffixes (image, mask) that give the most pairs.

    Compares names of both folders; the parts after the common prefix are candidate suffixes.
    """
    together = images.resolve() == masks.resolve()
    names, others = sorted(images_in(images)), sorted(images_in(masks))
    if not together and set(names) & set(others):
        return "", ""
    candidates = Counter(
        endings for name in names[:50] for other in others if (endings := _endings(name, other))
    )
    best, most = ("", ""), 0
    for endings, _ in candidates.most_common(20):
        if together and (not endings[1] or endings[0]):
            continue
        found = len(pair_up(*_files(images, masks, *endings))[0])
        if found > most:
            best, most = endings, found
    return best


def _endings(name: str, other: str) -> tuple[str, str] | None:
    """Return the parts after the common prefix if they begin with a separator, else None."""
    common = 0
    while common < min(len(name), len(other)) and name[common] == other[common]:
        common += 1
    for start in (common, common - 1):
        rest, other_rest = name[start:], other[start:]
        whole = all(not end or end[0] in "_-. " for end in (rest, other_rest))
        if start > 0 and whole and (rest or other_rest):
            return rest, other_rest
    return None


def _holds_colors(mask: Path) -> bool:
    try:
        read_index_mask(mask)
    except ColoredMaskError:
        return True
    return False


@dataclass
class _Counts:
    """Counts of label ids; ``ids``, ``pixels`` and ``transparent`` are those of `Survey`."""

    pixels: int = 0
    transparent: int = 0
    _pixels: Counter[int] = field(default_factory=Counter)
    _files: Counter[int] = field(default_factory=Counter)

    @property
    def ids(self) -> dict[int, tuple[int, int]]:
        return {one: (self._pixels[one], self._files[one]) for one in sorted(self._pixels)}

    def add(
        self,
        masks: Iterable[Path],
        read: Callable[[Path], np.ndarray],
        progress: Callable[[], object] = lambda: None,
    ) -> None:
        """Count the ids of masks. Raises: SurveyError for too many different ids."""
        for mask in masks:
            found = read(mask)
            self.pixels += found.size
            self.transparent += has_transparency(found)
            ids, counts = np.unique(np.ma.compressed(found), return_counts=True)
            self._pixels.update(dict(zip(ids.tolist(), counts.tolist(), strict=True)))
            self._files.update(ids.tolist())
            if len(self._pixels) > _MOST_IDS:
                what = "colors" if read is read_rgb_mask else "ids"
                raise SurveyError(
                    f"{mask}: the masks up to this one contain {len(self._pixels)} distinct "
                    f"{what}. Class masks contain few: are these photographs, instances, or masks "
                    "saved as JPEG?"
                )
            progress()


def _common_subfolders(images: Path, masks: Path) -> list[str]:
    folders = ({path.name for path in f.iterdir() if path.is_dir()} for f in (images, masks))
    return sorted(set.intersection(*folders))


def _examples(folder: Path) -> str:
    names = list(images_in(folder))[:3]
    return ", ".join(repr(name) for name in names) or "no images"
