"""How often each class occurs: what class weights are made of."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..contracts.kinds import Dataset
from ..contracts.labels import LabelSpace
from .raw import raw_labels, read_sample

ProgressCallback = Callable[[int, int], None]
"""Called with (samples done, samples in all)."""


def class_frequencies(
    dataset: Dataset,
    label_space: LabelSpace,
    *,
    source: str = "semantic",
    progress: ProgressCallback | None = None,
) -> list[int]:
    """Return the pixels of each class, ignored ones left out, over a split.

    Reads label maps only; an endless dataset is read as far as its length.

    Raises: LabelError that names the file of an id that is not listed, DataError that names what
    holds no labels.
    """
    count = len(dataset)
    pixels = np.zeros(label_space.ignore_index + 1, np.int64)
    for index in range(count):
        sample = read_sample(dataset, index)
        raw = raw_labels(dataset, sample, source)
        classes = label_space.encode(raw, sample.paths.get(source, sample.name))
        pixels += np.bincount(classes.ravel(), minlength=len(pixels))
        if progress is not None:
            progress(index + 1, count)
    return pixels[: label_space.num_classes].tolist()
