"""Base class and errors for datasets of image and mask files."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from ...registry import did_you_mean
from ..common.logs import log_once
from ..contracts.inputs import PLAIN, InputSpec
from ..contracts.kinds import Sample
from ..contracts.labels import LabelMap
from ..data.images import read_image, read_index_mask
from ..data.lazy import LazyMapping
from ..data.pairing import FilePair
from ..data.splits import MissingData, SplitError

IMAGE: Mapping[str, InputSpec] = {"image": PLAIN}
"""One color image."""


class PairedFiles:
    """A dataset of pairs of an image and a mask, perhaps with further inputs.

    Each file is read on access. Subclasses declare ``labels``. ``inputs``: name -> what the input
    is; the files of all inputs but ``image`` are those of the pairs. ``channels``: name -> number
    of channels, by default what is usual for the kind of input. ``names``: of the samples.
    ``unpaired``: skipped files, whose counterpart is missing.
    """

    labels: Mapping[str, LabelMap]

    def __init__(
        self,
        pairs: Sequence[FilePair],
        *,
        inputs: Mapping[str, InputSpec] = IMAGE,
        channels: Mapping[str, int] | None = None,
        read_mask: Callable[[Path], np.ndarray] = read_index_mask,
        unpaired: Sequence[Path] = (),
    ) -> None:
        self.inputs: Mapping[str, InputSpec] = dict(inputs)
        usual = {name: spec.rules.channels for name, spec in inputs.items()}
        self.channels: Mapping[str, int] = usual | dict(channels or {})
        self.names = tuple(pair.name for pair in pairs)
        self.unpaired = tuple(unpaired)
        self._pairs = tuple(pairs)
        self._read_mask = read_mask
        if self.unpaired:
            log_once(
                logging.WARNING,
                f"skipped {len(self.unpaired)} files without a counterpart, "
                f"the first is {self.unpaired[0]}",
            )

    def __len__(self) -> int:
        return len(self._pairs)

    def __getitem__(self, index: int) -> Sample:
        pair = self._pairs[index]
        files = {"image": pair.image, **pair.inputs}
        return Sample(
            name=pair.name,
            inputs=LazyMapping(**{name: partial(self._read, files[name], name) for name in files}),
            labels=LazyMapping(semantic=partial(self._read_mask, pair.mask)),
            paths=files | {"semantic": pair.mask},
        )

    def _read(self, path: Path, name: str) -> np.ndarray:
        return read_image(path, self.channels[name], self.inputs[name])


def existing_folder(folder: Path, what: str) -> Path:
    """Return the folder if it exists.

    Raises: MissingData that names the deepest parent that exists.
    """
    if folder.is_dir():
        return folder
    existing = next(parent for parent in folder.absolute().parents if parent.is_dir())
    raise MissingData(f"{what} not found: {folder} (only {existing} exists)")


def unknown_split(split: str, known: Iterable[str], where: Path) -> SplitError:
    """Return the error for a split that does not exist; MissingData if there are no splits."""
    names = sorted(known)
    if not names:
        return MissingData(f"{where} has no split '{split}'; it has no splits at all")
    available = f"it has {', '.join(names)}.{did_you_mean(split, names)}"
    return SplitError(f"{where} has no split '{split}'; {available}")
