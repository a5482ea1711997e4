"""A dataset that is decoded once: memory for processor time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from ..contracts import Dataset, Sample
from ..labels import LabelMap
from .splits import unpaired


class CachedDataset:
    """Keeps the arrays of a dataset as they were decoded, up to ``limit`` bytes.

    What comes after the limit is read anew each time: an epoch passes through everything, so that
    throwing out the old for the new would gain nothing. An endless dataset is passed through.

    Worker processes inherit what was there when they started, and keep what they read for
    themselves; ``fill`` beforehand shares one copy between them (where processes are forked).
    """

    def __init__(self, dataset: Dataset, limit: int = 2 << 30) -> None:
        self.dataset = dataset
        self.labels: Mapping[str, LabelMap] = dataset.labels
        self.channels: Mapping[str, int] = dataset.channels
        self.endless: bool = getattr(dataset, "endless", False)
        self.unpaired = unpaired(dataset)
        self._free = 0 if self.endless else limit
        self._kept: dict[tuple[int, str, str], np.ndarray] = {}

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Sample:
        sample = self.dataset[index]
        return Sample(
            name=sample.name,
            inputs=_Kept(sample.inputs, lambda name, read: self._get((index, "input", name), read)),
            labels=_Kept(sample.labels, lambda name, read: self._get((index, "label", name), read)),
            paths=sample.paths,
        )

    def fill(self, progress: Callable[[int, int], None] | None = None) -> None:
        """Read everything that there is room for; ``progress`` gets (samples done, samples)."""
        for index in range(0 if self.endless else len(self)):
            sample = self[index]
            for mapping in (sample.inputs, sample.labels):
                for name in mapping:
                    mapping[name]
            if progress is not None:
                progress(index + 1, len(self))
            if self._free <= 0:
                break

    def _get(self, key: tuple[int, str, str], read: Callable[[], np.ndarray]) -> np.ndarray:
        if key in self._kept:
            return self._kept[key]
        array = read()
        if array.nbytes <= self._free:
            array.flags.writeable = False  # whoever gets it next must get the same
            self._kept[key] = array
            self._free -= array.nbytes
        elif not self.endless:
            self._free = 0  # full: the first that does not fit ends it, so that `fill` can stop
        return array


class _Kept(Mapping[str, np.ndarray]):
    """A mapping whose values go through the cache."""

    def __init__(
        self,
        fields: Mapping[str, np.ndarray],
        get: Callable[[str, Callable[[], np.ndarray]], np.ndarray],
    ) -> None:
        self._fields = fields
        self._get = get

    def __getitem__(self, name: str) -> np.ndarray:
        return self._get(name, lambda: self._fields[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)
