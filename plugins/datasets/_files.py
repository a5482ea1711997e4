"""What datasets of image and mask files have in common."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from ...core.contracts import Sample
from ...core.data import Lazy, SplitError
from ...core.images import IMAGE_SUFFIXES, read_image, read_index_mask
from ...core.labels import LabelMap
from ...core.logs import log_once
from ...registry import did_you_mean


@dataclass(frozen=True)
class Pair:
    """An image and its mask; ``name`` is unique in its split."""

    name: str
    image: Path
    mask: Path


class PairedFiles:
    """A dataset of pairs, read when they are looked at.

    ``unpaired`` lists files that were left out because their other half is missing.
    """

    def __init__(
        self,
        pairs: Sequence[Pair],
        labels: LabelMap,
        *,
        channels: int = 3,
        read_mask: Callable[[Path], np.ndarray] = read_index_mask,
        unpaired: Sequence[Path] = (),
    ) -> None:
        self.labels: Mapping[str, LabelMap] = {"semantic": labels}
        self.channels: Mapping[str, int] = {"image": channels}
        self.unpaired = tuple(unpaired)
        self._pairs = tuple(pairs)
        self._read_mask = read_mask
        if self.unpaired:
            log_once(
                logging.WARNING,
                f"{len(self.unpaired)} files without a counterpart are left out, "
                f"the first is {self.unpaired[0]}",
            )

    def __len__(self) -> int:
        return len(self._pairs)

    def __getitem__(self, index: int) -> Sample:
        pair = self._pairs[index]
        return Sample(
            name=pair.name,
            inputs=Lazy(image=partial(read_image, pair.image, self.channels["image"])),
            labels=Lazy(semantic=partial(self._read_mask, pair.mask)),
            paths={"image": pair.image, "semantic": pair.mask},
        )


def images_in(folder: Path, suffix: str = "", *, not_ending: str = "") -> dict[str, Path]:
    """Return the image files below a folder by their names, sorted.

    A name is the path below the folder, without file type and without ``suffix``. Files that do not
    end in ``suffix``, or do end in ``not_ending``, are passed over.

    Raises: SplitError where two files differ by nothing but their type.
    """
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        stem = path.stem
        if path.suffix.lower() not in IMAGE_SUFFIXES or path.name.startswith("."):
            continue
        if not stem.endswith(suffix) or (not_ending and stem.endswith(not_ending)):
            continue
        name = path.relative_to(folder).with_name(stem.removesuffix(suffix)).as_posix()
        if name in found:
            raise SplitError(f"{path} and {found[name]} have the same name")
        found[name] = path
    return found


def pair_up(images: Mapping[str, Path], masks: Mapping[str, Path]) -> tuple[list[Pair], list[Path]]:
    """Return pairs by equal names, and the files that are left over."""
    pairs = [Pair(name, images[name], masks[name]) for name in images if name in masks]
    alone = [images[name] for name in images if name not in masks]
    return pairs, alone + [masks[name] for name in masks if name not in images]


def existing_folder(folder: Path, what: str) -> Path:
    """Return the folder.

    Raises: SplitError that names the part of the path that is missing.
    """
    if folder.is_dir():
        return folder
    there = next(parent for parent in folder.absolute().parents if parent.is_dir())
    raise SplitError(f"{what} not found: {folder} (there is only {there})")


def unknown_split(split: str, known: Iterable[str], where: Path) -> SplitError:
    """Return the error for a split that a dataset does not have."""
    names = sorted(known)
    offer = f"it has {', '.join(names)}" if names else "it has none"
    return SplitError(f"{where} has no split '{split}', {offer}.{did_you_mean(split, names)}")
