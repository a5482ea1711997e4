"""How often each class occurs: what class weights are made of."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..contracts import Dataset
from ..labels import LabelSpace

Progress = Callable[[int, int], None]
"""Called with (samples done, samples in all)."""


def class_frequencies(
    dataset: Dataset,
    label_space: LabelSpace,
    *,
    source: str = "semantic",
    limit: int | None = None,
    progress: Progress | None = None,
) -> list[int]:
    """Return the pixels of each class, ignored ones left out, over a split.

    Reads label maps only. ``limit``: at most so many samples, evenly spread over the split; an
    endless dataset is read as far as its length.

    Raises: LabelError that names the file of an id that is not listed.
    """
    count = len(dataset) if limit is None else min(limit, len(dataset))
    pixels = np.zeros(label_space.ignore_index + 1, np.int64)
    for done in range(count):
        sample = dataset[done * len(dataset) // count]
        classes = label_space.encode(sample.labels[source], sample.paths.get(source, sample.name))
        pixels += np.bincount(classes.ravel(), minlength=len(pixels))
        if progress is not None:
            progress(done + 1, count)
    return pixels[: label_space.num_classes].tolist()
