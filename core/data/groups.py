"""The groups of samples, such as the frames of a video, which are not independent."""

from __future__ import annotations

from ..contracts.kinds import Dataset
from ..contracts.offers import offers
from ..contracts.optional import GroupsSamples
from .splits import Joined, Subset


def group_of(dataset: Dataset, index: int) -> str:
    """Return the group of the sample at an index, also of a part or a sum of datasets.

    Empty if the dataset names none.
    """
    while isinstance(dataset, Subset | Joined):
        dataset, index = dataset.source(index)
    return dataset.group_of(index) if offers(dataset, GroupsSamples) else ""
