"""Count the pixels of each class, for class weights."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..contracts.kinds import Dataset
from ..contracts.labels import LabelSpace
from .raw import raw_labels, read_sample

ProgressCallback = Callable[[int, int], None]
"""Called with (samples done, total samples)."""


def class_frequencies(
    dataset: Dataset,
    label_space: LabelSpace,
    *,
    source: str = "semantic",
    progress: ProgressCallback | None = None,
) -> list[int]:
    """Return the number of pixels of each class in a split, without ignored pixels.

    Reads only label maps; an endless dataset is read up to its length.

    Raises: LabelError with the file of an id that is not in the label map; DataError for a sample
    without labels.
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
