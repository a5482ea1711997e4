"""Count the pixels of each class, for class weights."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..contracts.kinds import Dataset
from ..contracts.labels import LabelSpace
from .raw import raw_labels, read_sample


def class_frequencies(
    dataset: Dataset,
    label_space: LabelSpace,
    *,
    source: str = "semantic",
    progress: Callable[[], object] = lambda: None,
) -> list[int]:
    """Return the number of pixels of each class in a split, without ignored pixels.

    Reads only label maps, and calls ``progress`` after each sample. An endless dataset is read up
    to its length.

    Raises: LabelError with the file of an id that is not in the label map; DataError for a sample
    without labels.
    """
    pixels = np.zeros(label_space.ignore_index + 1, np.int64)
    for index in range(len(dataset)):
        sample = read_sample(dataset, index)
        raw = raw_labels(dataset, sample, source)
        classes = label_space.encode(raw, sample.paths.get(source, sample.name))
        pixels += np.bincount(classes.ravel(), minlength=len(pixels))
        progress()
    return pixels[: label_space.num_classes].tolist()
