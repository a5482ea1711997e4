"""Parts of a split, named in the split's own string; the same for every dataset.

``train[:300]``, ``train[300:]``, ``train[:80%]``, ``train[0016E5_00390:0016E5_08640]`` (from the
sample of that name up to, but without, the other), ``train[::2]``, and sums: ``train+val``,
``train[:240] + train[290:]``. Neighboring frames of a video resemble each other, so a stretch held
out must be contiguous.
"""

from __future__ import annotations

import re
import sys
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, Protocol

from ...registry import PluxelError, did_you_mean
from ..contracts.kinds import Dataset, Sample
from ..contracts.labels import LabelMap
from ..contracts.offers import is_endless, offers, resolved_parameters, unpaired_files
from ..contracts.optional import ListsNames

_PART = re.compile(r"(?P<split>[^\[\]]*?)(\[(?P<bounds>[^\[\]]*)\])?")
_INTEGER = re.compile(r"-?\d+")
_PERCENTAGE = re.compile(r"(\d+(?:\.\d+)?)%")


class SplitError(PluxelError):
    """A split that does not exist, or that is written wrong."""


class MissingData(SplitError):  # noqa: N818 - reads as what it says
    """Files or folders of a dataset are not there; on another machine they may be."""


class MakesDataset(Protocol):
    """Makes the dataset of a plain split name, as a factory does."""

    def __call__(self, *, split: str) -> Dataset:
        """Return it. Raises: SplitError for a name that the dataset does not have."""
        ...


def open_split(make: MakesDataset, split: str) -> Dataset:
    """Return the dataset of a split, which may be a part of one or a sum.

    Raises: SplitError, also for a split without a sample, and whatever ``make`` raises for one that
    it does not know.
    """
    parts = [_open_part(make, part.strip(), split) for part in split.split("+")]
    dataset = parts[0] if len(parts) == 1 else Joined(parts)
    if not len(dataset):
        raise SplitError(f"split '{split}' is empty")
    return dataset


def _open_part(make: MakesDataset, part: str, split: str) -> Dataset:
    match = _PART.fullmatch(part)
    if not match or not match["split"]:
        raise SplitError(f"split '{split}': write name, name[from:to] or a sum of such with '+'")
    dataset = make(split=match["split"].strip())
    if match["bounds"] is None:
        return dataset
    texts = [text.strip() for text in match["bounds"].split(":")]
    if len(texts) not in (2, 3):
        raise SplitError(f"split '{split}': a part is written [from:to]")
    start, stop = (_bound(text, dataset, split) for text in texts[:2])
    if len(texts) == 3 and texts[2] and not re.fullmatch(r"[1-9]\d*", texts[2]):
        raise SplitError(f"split '{split}': the step '{texts[2]}' is not a positive number")
    step = int(texts[2]) if len(texts) == 3 and texts[2] else 1
    length = sys.maxsize if is_endless(dataset) else len(dataset)
    return Subset(dataset, range(length)[slice(start, stop, step)])


def _bound(text: str, dataset: Dataset, split: str) -> int | None:
    if not text:
        return None
    if match := _PERCENTAGE.fullmatch(text):
        return round(float(match[1]) / 100 * len(dataset))
    if _INTEGER.fullmatch(text):
        return int(text)
    names = _names(dataset)
    if text in names:
        return names.index(text)
    raise SplitError(f"split '{split}': no sample is called '{text}'.{did_you_mean(text, names)}")


def _names(dataset: Dataset) -> list[str]:
    """Return the names of the samples, which a dataset may list without reading any."""
    if offers(dataset, ListsNames):
        return list(dataset.names)
    return [dataset[i].name for i in range(len(dataset))]


def class_name(dataset: Dataset) -> str:
    """Return the name of a dataset's class, whichever part of it this is."""
    while isinstance(dataset, Subset | Joined):
        dataset = dataset.dataset
    return type(dataset).__name__


class Subset:
    """Some samples of a dataset, in order; those of an endless one may have no end either."""

    def __init__(self, dataset: Dataset, indices: range) -> None:
        self.dataset = dataset
        self.labels: Mapping[str, LabelMap] = dataset.labels
        self.channels: Mapping[str, int] = dataset.channels
        self.endless = is_endless(dataset) and indices.stop == sys.maxsize
        self.unpaired: Sequence[Path] = unpaired_files(dataset)
        self.resolved_parameters: Mapping[str, Any] = resolved_parameters(dataset)
        self._indices = indices

    def __len__(self) -> int:
        return len(self.dataset) if self.endless else len(self._indices)

    def __getitem__(self, index: int) -> Sample:
        return self.dataset[self._indices[index]]


class Joined:
    """Several datasets one after the other; labels and channels are those of the first."""

    def __init__(self, datasets: Sequence[Dataset]) -> None:
        if any(map(is_endless, datasets)):
            raise SplitError("an endless split cannot be part of a sum; take a piece, train[:1000]")
        self.labels: Mapping[str, LabelMap] = datasets[0].labels
        self.channels: Mapping[str, int] = datasets[0].channels
        self.unpaired: Sequence[Path] = [path for one in datasets for path in unpaired_files(one)]
        self.resolved_parameters: Mapping[str, Any] = resolved_parameters(datasets[0])
        self.dataset = datasets[0]
        self._datasets = datasets
        self._ends = list(accumulate(len(dataset) for dataset in datasets))

    def __len__(self) -> int:
        return self._ends[-1]

    def __getitem__(self, index: int) -> Sample:
        part = bisect_right(self._ends, index)
        return self._datasets[part][index - (self._ends[part - 1] if part else 0)]
