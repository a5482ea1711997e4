"""Count the pixels of each class, for class weights."""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np

from ...registry import PluxelError
from ..common.logs import log_once
from ..contracts.kinds import Dataset
from ..contracts.labels import LabelSpace
from ..contracts.options import OnBadSample
from .raw import raw_labels, read_sample


def class_frequencies(
    dataset: Dataset,
    label_space: LabelSpace,
    *,
    source: str = "semantic",
    on_bad_sample: OnBadSample = "stop",
    progress: Callable[[], object] = lambda: None,
) -> list[int]:
    """Return the number of pixels of each class in a split, without ignored pixels.

    Reads only label maps, and calls ``progress`` after each sample. An endless dataset is read up
    to its length. ``on_bad_sample``: ``skip`` omits samples whose labels cannot be used.

    Raises: with ``stop``, LabelError with the file of an id that is not in the label map, DataError
    for a sample without labels, and the errors of the dataset.
    """
    pixels = np.zeros(label_space.ignore_index + 1, np.int64)
    for index in range(len(dataset)):
        try:
            sample = read_sample(dataset, index)
            raw = raw_labels(dataset, sample, source)
            classes = label_space.encode(raw, sample.paths.get(source, sample.name))
        except PluxelError as error:
            if on_bad_sample == "stop":
                raise
            log_once(logging.WARNING, f"skipped: {error}")
        else:
            pixels += np.bincount(classes.ravel(), minlength=len(pixels))
        progress()
    return pixels[: label_space.num_classes].tolist()
