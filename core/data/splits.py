"""Parse split expressions, which all datasets support.

``train[:300]``, ``train[300:]``, ``train[:80%]``, ``train[0016E5_00390:0016E5_08640]`` (from the
first sample name up to the second, exclusive), ``train[::2]``, and sums: ``train+val``,
``train[:240] + train[290:]``. Adjacent video frames are similar, so a held-out part should be
contiguous. A number is a position; with a leading zero, as in ``000103``, it is a name.
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
from ..contracts.encoding import Encoding
from ..contracts.kinds import Dataset, Sample
from ..contracts.labels import LabelMap
from ..contracts.offers import encodings, is_endless, offers, resolved_parameters, unpaired_files
from ..contracts.optional import ListsNames

_PART = re.compile(r"(?P<split>[^\[\]]*?)(\[(?P<bounds>[^\[\]]*)\])?")
_INTEGER = re.compile(r"0|-?[1-9]\d*")
_PERCENTAGE = re.compile(r"(\d+(?:\.\d+)?)%")


class SplitError(PluxelError):
    """A split does not exist, or its expression is invalid."""


class MissingData(SplitError):  # noqa: N818 - names what is missing
    """Files or folders of a dataset are missing, perhaps only on this machine."""


class MakesDataset(Protocol):
    """Builds the dataset of a plain split name, like a factory."""

    def __call__(self, *, split: str) -> Dataset:
        """Return the dataset. Raises: SplitError for an unknown split."""
        ...


def open_split(make: MakesDataset, split: str) -> Dataset:
    """Return the dataset of a split expression: a split, a part or a sum.

    Raises: SplitError for an invalid expression or an empty split, and the errors of ``make``.
    """
    # A name within brackets may contain a plus sign.
    terms = re.split(r"\+(?![^\[]*\])", split)
    parts = [_open_part(make, part.strip(), split) for part in terms]
    dataset = parts[0] if len(parts) == 1 else Joined(parts)
    if not len(dataset):
        raise SplitError(f"split '{split}' is empty")
    return dataset


def _open_part(make: MakesDataset, part: str, split: str) -> Dataset:
    match = _PART.fullmatch(part)
    if not match or not match["split"]:
        raise SplitError(f"split '{split}': write name, name[from:to] or a sum of these with '+'")
    dataset = make(split=match["split"].strip())
    if match["bounds"] is None:
        return dataset
    texts = [text.strip() for text in match["bounds"].split(":")]
    if len(texts) not in (2, 3):
        raise SplitError(f"split '{split}': write a part as [from:to]")
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
        if float(match[1]) > 100:
            raise SplitError(f"split '{split}': {text} is more than all samples")
        return round(float(match[1]) / 100 * len(dataset))
    if _INTEGER.fullmatch(text):
        return int(text)
    names = _names(dataset)
    if text in names:
        return names.index(text)
    raise SplitError(
        f"split '{split}': no sample has the name '{text}'.{did_you_mean(text, names)}"
    )


def _names(dataset: Dataset) -> list[str]:
    """Return the names of the samples, without reading samples if the dataset lists them."""
    if offers(dataset, ListsNames):
        return list(dataset.names)
    return [dataset[i].name for i in range(len(dataset))]


def class_name(dataset: Dataset) -> str:
    """Return the class name of a dataset, also for parts and sums."""
    while isinstance(dataset, Subset | Joined):
        dataset = dataset.dataset
    return type(dataset).__name__


class Subset:
    """A range of samples of a dataset; endless if the dataset is and the range is open."""

    def __init__(self, dataset: Dataset, indices: range) -> None:
        self.dataset = dataset
        self.labels: Mapping[str, LabelMap] = dataset.labels
        self.channels: Mapping[str, int] = dataset.channels
        self.endless = is_endless(dataset) and indices.stop == sys.maxsize
        self.encodings: Mapping[str, Encoding] = encodings(dataset)
        self.unpaired: Sequence[Path] = unpaired_files(dataset)
        self.resolved_parameters: Mapping[str, Any] = resolved_parameters(dataset)
        self._indices = indices

    def __len__(self) -> int:
        return len(self.dataset) if self.endless else len(self._indices)

    def __getitem__(self, index: int) -> Sample:
        return self.dataset[self._indices[index]]


class Joined:
    """Concatenated datasets; labels, channels and encodings are those of the first."""

    def __init__(self, datasets: Sequence[Dataset]) -> None:
        if any(map(is_endless, datasets)):
            raise SplitError(
                "an endless split cannot be part of a sum; use a part of it, such as train[:1000]"
            )
        self.labels: Mapping[str, LabelMap] = datasets[0].labels
        self.channels: Mapping[str, int] = datasets[0].channels
        self.encodings: Mapping[str, Encoding] = encodings(datasets[0])
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
