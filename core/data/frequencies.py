"""Count the pixels of each class, for class weights."""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np

from ...registry import PluxelError
from ..common.logs import log_once
from ..contracts.encoding import PLAIN
from ..contracts.kinds import Dataset, Sample
from ..contracts.labels import LabelSpace
from ..contracts.offers import encodings
from ..contracts.options import OnBadSample
from .images import may_lack_data
from .pixels import missing_pixels, union
from .raw import raw_input, raw_labels, read_sample


def class_frequencies(
    dataset: Dataset,
    label_space: LabelSpace,
    *,
    source: str = "semantic",
    on_bad_sample: OnBadSample = "stop",
    progress: Callable[[], object] = lambda: None,
) -> list[int]:
    """Return the number of pixels of each class in a split, without ignored pixels.

    Pixels without data in any input are not counted. Reads only label maps, and inputs that may
    lack data (TIFF, arrays, and a declared nodata). Calls ``progress`` after each sample. An
    endless dataset is read up to its length. ``on_bad_sample``: ``skip`` omits samples whose labels
    cannot be used.

    Raises: with ``stop``, LabelError with the file of an id that is not in the label map, DataError
    for a sample without labels, and the errors of the dataset.
    """
    pixels = np.zeros(label_space.ignore_index + 1, np.int64)
    for index in range(len(dataset)):
        try:
            sample = read_sample(dataset, index)
            raw = raw_labels(dataset, sample, source)
            classes = label_space.encode(raw, sample.paths.get(source, sample.name))
            missing = _missing(dataset, sample)
            if missing is not None and missing.shape == classes.shape:
                classes = classes[~missing]
        except PluxelError as error:
            if on_bad_sample == "stop":
                raise
            log_once(logging.WARNING, f"skipped: {error}")
        else:
            pixels += np.bincount(classes.ravel(), minlength=len(pixels))
        progress()
    return pixels[: label_space.num_classes].tolist()


def _missing(dataset: Dataset, sample: Sample) -> np.ndarray | None:
    """Return True for the pixels (H, W) without data in any input of a sample, or None."""
    declared = encodings(dataset)
    read = [
        name
        for name in dataset.channels
        if declared.get(name, PLAIN).nodata is not None
        or (name in sample.paths and may_lack_data(sample.paths[name]))
    ]
    return union(*(missing_pixels(raw_input(dataset, sample, name)) for name in read))
