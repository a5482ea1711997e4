"""What datasets of image and mask files have in common."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from ...registry import did_you_mean
from ..common.logs import log_once
from ..contracts.kinds import Sample
from ..contracts.labels import LabelMap
from ..data.images import read_image, read_index_mask
from ..data.lazy import LazyMapping
from ..data.pairing import FilePair
from ..data.splits import MissingData, SplitError


class PairedFiles:
    """A dataset of pairs, read when they are looked at.

    ``labels`` are for the subclass to say. ``names`` are those of the samples. ``unpaired`` lists
    files that were left out because their other half is missing.
    """

    labels: Mapping[str, LabelMap]

    def __init__(
        self,
        pairs: Sequence[FilePair],
        *,
        channels: int = 3,
        read_mask: Callable[[Path], np.ndarray] = read_index_mask,
        unpaired: Sequence[Path] = (),
    ) -> None:
        self.channels: Mapping[str, int] = {"image": channels}
        self.names = tuple(pair.name for pair in pairs)
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
            inputs=LazyMapping(image=partial(read_image, pair.image, self.channels["image"])),
            labels=LazyMapping(semantic=partial(self._read_mask, pair.mask)),
            paths={"image": pair.image, "semantic": pair.mask},
        )


def existing_folder(folder: Path, what: str) -> Path:
    """Return the folder.

    Raises: MissingData that names the part of the path that is missing.
    """
    if folder.is_dir():
        return folder
    there = next(parent for parent in folder.absolute().parents if parent.is_dir())
    raise MissingData(f"{what} not found: {folder} (there is only {there})")


def unknown_split(split: str, known: Iterable[str], where: Path) -> SplitError:
    """Return the error for a split that a dataset does not have; MissingData if it has none."""
    names = sorted(known)
    if not names:
        return MissingData(f"{where} has no split '{split}', it has none")
    offer = f"it has {', '.join(names)}.{did_you_mean(split, names)}"
    return SplitError(f"{where} has no split '{split}', {offer}")
