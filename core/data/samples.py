"""Prepare raw samples of a dataset for batches: read, encode labels, augment.

Both classes are map-style ``torch`` datasets. Training sample *n* does not depend on the number of
workers or on interruptions of the run.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import numpy as np
from torch.utils.data import Dataset as TorchDataset

from ...registry import PluxelError
from ..common.logs import log_once
from ..common.text import extent
from ..contracts.inputs import InputSpec
from ..contracts.kinds import Dataset, Sample
from ..contracts.labels import LabelSpace
from ..contracts.offers import input_specs, is_endless
from ..contracts.options import OnBadSample, Sampling
from ._random import generator
from .augmentation import Augmentation
from .batch import Item
from .cells import CellSampling
from .missing import missing_pixels, union
from .orientation import log_orientation_conflict
from .raw import DataError, raw_input, raw_labels, read_sample

_GIVE_UP_AFTER = 100


class _Data(TorchDataset[Item]):
    """Reads samples of a dataset, with targets as class indices.

    ``label_spaces``: target name -> its classes. ``sources``: target name -> label map of the
    dataset, by default the one with the same name. ``inputs``: inputs to read, by default all.
    """

    def __init__(
        self,
        dataset: Dataset,
        label_spaces: Mapping[str, LabelSpace],
        *,
        on_bad_sample: OnBadSample = "stop",
        inputs: Sequence[str] | None = None,
        sources: Mapping[str, str] | None = None,
    ) -> None:
        self.dataset = dataset
        self.label_spaces = dict(label_spaces)
        self.on_bad_sample = on_bad_sample
        self._inputs = tuple(dataset.channels if inputs is None else inputs)
        self._sources = {name: (sources or {}).get(name, name) for name in label_spaces}
        self._ignore_index = {name: space.ignore_index for name, space in label_spaces.items()}
        if not len(dataset):
            raise DataError("the split is empty")

    def __len__(self) -> int:
        """Return the number of samples per epoch; for an endless dataset, its length."""
        return len(self.dataset)

    def _read(self, index: int) -> Item:
        """Return sample ``index`` of the dataset; pixels without data in any input are ignored.

        Raises: PluxelError with the file name for any problem of the sample.
        """
        sample = read_sample(self.dataset, index)
        inputs = {name: raw_input(self.dataset, sample, name) for name in self._inputs}
        first = next(iter(inputs))
        shape = inputs[first].shape[:2]
        for name, array in inputs.items():
            _check_size(sample, name, array, first, shape)
        missing = union(*map(missing_pixels, inputs.values()))
        inputs = {name: np.asarray(array) for name, array in inputs.items()}
        targets = {}
        for name, space in self.label_spaces.items():
            source = self._sources[name]
            raw = raw_labels(self.dataset, sample, source)
            _check_size(sample, source, raw, first, shape)
            classes = space.encode(raw, sample.paths.get(source, sample.name))
            targets[name] = _ignore(classes, missing, space.ignore_index)
        read = {*self._inputs, *self._sources.values()}
        log_orientation_conflict({n: p for n, p in sample.paths.items() if n in read})
        return Item(sample.name, index, inputs, targets, self._ignore_index, sample.paths)


class TrainingData(_Data):
    """Augmented sample *n* of a training; *n* continues across epochs.

    ``transforms``: a list as in YAML; ``fill``: see `Augmentation`. ``specs``: inputs that differ
    from what the dataset declares.
    ``sampling``: ``shuffle`` uses a new permutation in each epoch; ``uniform`` draws with
    replacement, like the reference release of FCN. An endless dataset is read in order.
    ``on_bad_sample``: ``stop`` raises; ``skip`` uses the next good sample instead.
    ``cells``: target name -> the cells that keep their labels; others keep all labels.
    ``changes_samples``: whether transforms or ``cells`` change what the dataset has.
    """

    def __init__(
        self,
        dataset: Dataset,
        label_spaces: Mapping[str, LabelSpace],
        transforms: Sequence[Any] = (),
        *,
        seed: int = 0,
        sampling: Sampling = "shuffle",
        on_bad_sample: OnBadSample = "stop",
        inputs: Sequence[str] | None = None,
        sources: Mapping[str, str] | None = None,
        fill: float | Sequence[float] | None = None,
        specs: Mapping[str, InputSpec] = MappingProxyType({}),
        cells: Mapping[str, CellSampling] = MappingProxyType({}),
    ) -> None:
        super().__init__(
            dataset, label_spaces, on_bad_sample=on_bad_sample, inputs=inputs, sources=sources
        )
        self.seed = seed
        self.sampling = sampling
        self._cells = dict(cells)
        self.changes_samples = bool(transforms or cells)
        self._endless = is_endless(dataset)
        self._augment = Augmentation(
            transforms,
            seed=seed,
            ignore_index=self._ignore_index,
            fill=fill,
            specs={name: input_specs(dataset)[name] for name in self._inputs} | dict(specs),
        )

    def index(self, n: int) -> int:
        """Return the index in the dataset of training sample *n*."""
        if self._endless:
            return n
        if self.sampling == "uniform":
            return int(generator(self.seed, n, "draw").integers(len(self)))
        epoch, place = divmod(n, len(self))
        return int(_permutation(self.seed, epoch, len(self))[place])

    def __getitem__(self, n: int) -> Item:
        if self.on_bad_sample == "stop":
            return self._augmented(n, self.index(n))
        first, reason = self.index(n), ""
        tries = min(len(self), _GIVE_UP_AFTER)
        for index in range(first, first + tries):
            try:
                return self._augmented(n, index if self._endless else index % len(self))
            except PluxelError as error:
                reason = str(error)
                log_once(logging.WARNING, f"skipped: {reason}")
        raise DataError(f"{tries} consecutive samples cannot be used; the last error: {reason}")

    def _augmented(self, n: int, index: int) -> Item:
        item = self._read(index)
        try:
            inputs, targets = self._augment(n, item.inputs, item.targets)
        except PluxelError as error:
            where = next(iter(item.paths.values()), item.name)
            raise DataError(f"{where}: {error.message}") from error
        for name, cells in self._cells.items():
            targets[name] = cells.apply(targets[name], self._ignore_index[name], self.seed, n)
        return replace(item, inputs=inputs, targets=targets)


class EvaluationData(_Data):
    """Every sample of a split once, in order.

    ``on_bad_sample``: the loader raises the error for ``stop``, and omits the sample for ``skip``.
    """

    def __getitem__(self, index: int) -> Item:
        return self._read(index)


def _ignore(classes: np.ndarray, missing: np.ndarray | None, ignore_index: int) -> np.ndarray:
    if missing is None:
        return classes
    return np.where(missing, classes.dtype.type(ignore_index), classes)


@lru_cache(maxsize=4)
def _permutation(seed: int, epoch: int, length: int) -> np.ndarray:
    return generator(seed, epoch, "permutation").permutation(length)


def _check_size(
    sample: Sample, name: str, array: np.ndarray, first: str, shape: tuple[int, ...]
) -> None:
    if array.shape[:2] == shape:
        return
    image = f"{first} {sample.paths[first]}" if first in sample.paths else first
    raise DataError(
        f"{sample.paths.get(name, sample.name)}: is {extent(array.shape[:2])}, but its "
        f"{image} is {extent(shape)} (height × width)"
    )
