"""Count the pixels of each class, for class weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from ..common.logs import images_counted
from ..contracts.kinds import Dataset
from ..contracts.labels import LabelSpace
from ..contracts.options import OnBadSample
from .loading import evaluation_loader
from .samples import EvaluationData


@images_counted()
def class_frequencies(
    dataset: Dataset,
    label_spaces: Mapping[str, LabelSpace],
    *,
    inputs: Sequence[str] | None = None,
    sources: Mapping[str, str] | None = None,
    on_bad_sample: OnBadSample = "stop",
    workers: int = 0,
    progress: Callable[[], object] = lambda: None,
) -> dict[str, list[int]]:
    """Return the number of pixels of each class in a split, by target, without ignored pixels.

    Reads samples as training does, with the ``inputs`` of the model, since pixels without data in
    any of them are ignored. Arguments are those of `EvaluationData`. Calls ``progress`` after each
    sample that can be used. An endless dataset is read up to its length.

    Raises: with ``on_bad_sample="stop"``, DataError for the first sample that cannot be used.
    """
    data = EvaluationData(
        dataset, label_spaces, on_bad_sample=on_bad_sample, inputs=inputs, sources=sources
    )
    pixels = {n: np.zeros(space.ignore_index + 1, np.int64) for n, space in label_spaces.items()}
    for batch in evaluation_loader(data, workers=workers):
        for name, classes in batch.targets.items():
            pixels[name] += np.bincount(classes.numpy().ravel(), minlength=len(pixels[name]))
        progress()
    return {n: pixels[n][: space.num_classes].tolist() for n, space in label_spaces.items()}
