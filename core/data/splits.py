"""Parse split expressions, which all datasets support.

``train[:300]``, ``train[300:]``, ``train[:80%]``, ``train[0016E5_00390:0016E5_08640]`` (from the
first sample name up to the second, exclusive), ``train[::2]``, and sums: ``train+val``,
``train[:240] + train[290:]``. Adjacent video frames are similar, so a held-out part should be
contiguous. A number is a position; with a leading zero, as in ``000103``, or in quotes, as in
``'103'``, it is a name. A number that is both is an error; ``+103`` is always a position. A split
whose name contains a plus sign or brackets is quoted too, ``'lists/c++.txt'[:300]``; the path of an
existing file needs no quotes.
"""

from __future__ import annotations

import os
import re
import sys
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path
from typing import Any, Protocol

from ...registry import PluxelError, did_you_mean, reason_of
from ..contracts.inputs import InputSpec
from ..contracts.kinds import Dataset, Sample
from ..contracts.labels import LabelMap
from ..contracts.offers import input_specs, is_endless, offers, resolved_parameters, unpaired_files
from ..contracts.optional import ListsNames

_BOUND = r"""\s*('[^']*'|"[^"]*"|[^:\[\]]*?)\s*"""
_NAME = r"""(?P<split>'[^']*'|"[^"]*"|[^\[\]+]*?)"""
_PART = re.compile(rf"\s*{_NAME}\s*(\[(?P<bounds>{_BOUND}(:{_BOUND})*)\])?\s*(\+|$)")
_BOUNDS = re.compile(rf"{_BOUND}(?::|$)")
_INTEGER = re.compile(r"0|[+-]?[1-9]\d*")
_PERCENTAGE = re.compile(r"(\d+(?:\.\d+)?)%")


class SplitError(PluxelError):
    """A split does not exist, or its expression is invalid."""


class MissingData(SplitError):  # noqa: N818 - names what is missing
    """A dataset is missing, perhaps only on this machine, so that checks only note it."""


class BrokenData(MissingData):
    """A dataset is there, but some of its files are missing or in another place: an error."""


class MakesDataset(Protocol):
    """Builds the dataset of a plain split name, like a factory."""

    def __call__(self, *, split: str) -> Dataset:
        """Return the dataset. Raises: SplitError for an unknown split."""
        ...


def open_split(make: MakesDataset, split: str) -> Dataset:
    """Return the dataset of a split expression: a split, a part or a sum.

    Raises: SplitError for an invalid expression or an empty split, and the errors of ``make``.
    """
    if os.path.isfile(split):  # noqa: PTH113 - False for long names; paths may contain '+' or '['
        parts = [make(split=split)]
    else:
        parts = [_open_part(make, part, split) for part in _parts(split)]
    dataset = parts[0] if len(parts) == 1 else Joined(parts)
    with _explained(f"the length of {class_name(dataset)} is not available"):
        length = len(dataset)
    if not length:
        raise SplitError(f"split '{split}' is empty")
    return dataset


def split_names(split: str) -> list[str]:
    """Return the names of the splits in an expression. Raises: SplitError for an invalid one."""
    if os.path.isfile(split):  # noqa: PTH113 - False for long names
        return [split]
    return [_unquoted(part["split"]) for part in _parts(split)]


def _parts(split: str) -> Iterator[re.Match[str]]:
    """Yield the parts of a sum. Raises: SplitError if one is not ``name`` or ``name[from:to]``."""
    end, more = 0, True
    while more:
        match = _PART.match(split, end)
        if not match or not match["split"]:
            raise SplitError(
                f"split '{split}': write name, name[from:to] or a sum of these with '+'; put a "
                "name that contains '+' or brackets in quotes"
            )
        yield match
        end, more = match.end(), match[0].endswith("+")


def _open_part(make: MakesDataset, part: re.Match[str], split: str) -> Dataset:
    dataset = make(split=_unquoted(part["split"]))
    if part["bounds"] is None:
        return dataset
    texts = [match[1] for match in _BOUNDS.finditer(part["bounds"])]
    if part["bounds"] and not part["bounds"].endswith(":"):
        texts.pop()  # the empty match at the end
    if len(texts) not in (2, 3):
        raise SplitError(f"split '{split}': write a part as [from:to]")
    start, stop = (_bound(text, dataset, split) for text in texts[:2])
    if len(texts) == 3 and texts[2] and not re.fullmatch(r"[1-9]\d*", texts[2]):
        raise SplitError(f"split '{split}': the step '{texts[2]}' is not a positive number")
    step = int(texts[2]) if len(texts) == 3 and texts[2] else 1
    length = sys.maxsize if is_endless(dataset) else len(dataset)
    return Subset(dataset, range(length)[slice(start, stop, step)])


def _unquoted(text: str) -> str:
    return text[1:-1] if text[0] in "'\"" and text[0] == text[-1] else text


def _bound(text: str, dataset: Dataset, split: str) -> int | None:
    if not text:
        return None
    if match := _PERCENTAGE.fullmatch(text):
        if float(match[1]) > 100:
            raise SplitError(f"split '{split}': {text} is more than all samples")
        return round(float(match[1]) / 100 * len(dataset))
    if _INTEGER.fullmatch(text):
        _check_is_position(text, dataset, split)
        return int(text)
    name = _unquoted(text)
    names = _names(dataset)
    found = [index for index, one in enumerate(names) if one == name]
    if not found:
        hint = did_you_mean(name, names)
        raise SplitError(f"split '{split}': no sample has the name '{name}'.{hint}")
    if len(found) > 1:
        raise SplitError(
            f"split '{split}': the samples {found[0]} and {found[1]} both have the name '{name}'"
        )
    return found[0]


def _check_is_position(text: str, dataset: Dataset, split: str) -> None:
    """Raise SplitError if a number is also the name of another sample."""
    names = list(dataset.names) if offers(dataset, ListsNames) else []
    position = int(text) + (len(names) if text.startswith("-") else 0)
    if text in names and names.index(text) != position:
        sign = "" if text[0] in "+-" else "+"
        raise SplitError(
            f"split '{split}': {text} is a position and also the name of sample "
            f"{names.index(text)}: write '{text}' in quotes for the name"
            + (f", {sign}{text} for the position" if sign else "")
        )


def _names(dataset: Dataset) -> list[str]:
    """Return the names of the samples, without reading samples if the dataset lists them."""
    if offers(dataset, ListsNames):
        return list(dataset.names)
    with _explained(f"the names of {class_name(dataset)} are not available"):
        return [dataset[i].name for i in range(len(dataset))]


@contextmanager
def _explained(message: str) -> Iterator[None]:
    """Raise a SplitError with a message, and the reason, if the code of a dataset fails."""
    try:
        yield
    except PluxelError:
        raise
    except Exception as error:
        reason, notes = reason_of(error)
        raise SplitError(f"{message} ({reason})", notes) from error


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
        self.inputs: Mapping[str, InputSpec] = input_specs(dataset)
        self.unpaired: Sequence[Path] = unpaired_files(dataset)
        self.resolved_parameters: Mapping[str, Any] = resolved_parameters(dataset)
        self._indices = indices

    def __len__(self) -> int:
        return len(self.dataset) if self.endless else len(self._indices)

    def source(self, index: int) -> tuple[Dataset, int]:
        """Return the dataset that a sample comes from, and its index there."""
        return self.dataset, self._indices[index]

    def __getitem__(self, index: int) -> Sample:
        dataset, at = self.source(index)
        return dataset[at]


class Joined:
    """Concatenated datasets; labels, channels and inputs are those of the first."""

    def __init__(self, datasets: Sequence[Dataset]) -> None:
        if any(map(is_endless, datasets)):
            raise SplitError(
                "an endless split cannot be part of a sum; use a part of it, such as train[:1000]"
            )
        self.labels: Mapping[str, LabelMap] = datasets[0].labels
        self.channels: Mapping[str, int] = datasets[0].channels
        self.inputs: Mapping[str, InputSpec] = input_specs(datasets[0])
        self.unpaired: Sequence[Path] = [path for one in datasets for path in unpaired_files(one)]
        self.resolved_parameters: Mapping[str, Any] = resolved_parameters(datasets[0])
        self.dataset = datasets[0]
        self._datasets = datasets
        self._ends = list(accumulate(len(dataset) for dataset in datasets))

    def __len__(self) -> int:
        return self._ends[-1]

    def source(self, index: int) -> tuple[Dataset, int]:
        """Return the dataset that a sample comes from, and its index there."""
        part = bisect_right(self._ends, index)
        return self._datasets[part], index - (self._ends[part - 1] if part else 0)

    def __getitem__(self, index: int) -> Sample:
        dataset, at = self.source(index)
        return dataset[at]
