"""A dataset of a `Concat`, with labels in the shared raw ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from ...core import Dataset, LabelMap, LabelSpace, LazyMapping, Sample
from ...core.authoring import (
    IGNORE,
    MAIN,
    DerivedFile,
    LabelError,
    derived_files,
    group_of,
    input_specs,
    is_endless,
    raw_labels,
    read_sample,
)


class Translation:
    """Maps raw ids of a dataset to raw ids of ``target``; ``ids``: raw id -> target class."""

    def __init__(self, ids: Mapping[int, str], target: LabelSpace) -> None:
        self._space = LabelSpace(LabelMap(ids))
        classes = np.full(self._space.ignore_index + 1, target.ignore_index)
        names = [*target.class_names]
        classes[: self._space.num_classes] = [names.index(n) for n in self._space.class_names]
        self._table = target.decode(classes)

    def __call__(self, raw: np.ndarray, path: object) -> np.ndarray:
        """Return (H, W) raw ids of the target. Raises: LabelError for an id that is not listed."""
        return self._table[self._space.encode(raw, str(path))]


class Member:
    """A dataset whose sample names begin with ``NAME/``.

    ``source``: its label map, which becomes ``semantic``; ``translation``: mapping of its raw ids,
    or None if they are already the shared ids. ``channels``: the inputs to keep.
    """

    def __init__(
        self,
        name: str,
        dataset: Dataset,
        source: str,
        channels: Mapping[str, int],
        translation: Translation | None,
    ) -> None:
        self.name = name
        self.labels = dataset.labels
        self.channels = channels
        self.inputs = input_specs(dataset)
        self.endless = is_endless(dataset)
        self._dataset, self._source, self._translation = dataset, source, translation

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, index: int) -> Sample:
        sample = read_sample(self._dataset, index)
        paths = {name: path for name, path in sample.paths.items() if name in self.channels}
        if self._source in sample.paths:
            paths[MAIN] = sample.paths[self._source]
        return Sample(
            name=f"{self.name}/{sample.name}",
            inputs=LazyMapping(
                **{one: partial(sample.inputs.__getitem__, one) for one in self.channels}
            ),
            labels=LazyMapping(**{MAIN: partial(self._labels, sample)}),
            paths=paths,
        )

    def group_of(self, index: int) -> str:
        """Return the group that the dataset names for a sample, after its name, or nothing."""
        group = group_of(self._dataset, index)
        return f"{self.name}/{group}" if group else ""

    def derived_files(self, index: int) -> Sequence[DerivedFile]:
        """Return the files that the dataset derives for a sample."""
        return derived_files(self._dataset, index)

    def _labels(self, sample: Sample) -> np.ndarray:
        raw = raw_labels(self._dataset, sample, self._source)
        if self._translation is None:
            return raw
        try:
            return self._translation(raw, sample.paths.get(self._source, sample.name))
        except LabelError as error:
            note = f"in a concat, map it under maps: {{{self.name}: {{…}}}}"
            raise LabelError(error.message, (*error.notes, note)) from error


def with_ignore(space: LabelSpace) -> LabelMap:
    """Return the label map of a space, extended by an id for ignored pixels."""
    unused = int(space.decode(np.array(space.ignore_index)))
    labels = space.label_map
    return LabelMap({**labels.ids, unused: IGNORE}, labels.palette, labels.packed_rgb)
