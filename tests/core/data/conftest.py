"""A dataset in memory whose samples are distinguishable and can be made invalid."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from pluxel.core.contracts.kinds import Sample
from pluxel.core.contracts.labels import LabelMap, LabelSpace
from pluxel.core.data.images import ImageError
from pluxel.core.data.lazy import LazyMapping

LABELS = LabelMap({0: "ground", 1: "thing", 9: "ignore"})


class Toy:
    """Sample i is an image of value i; its label map is 1 in the corner."""

    def __init__(
        self,
        length: int = 10,
        sizes: Mapping[int, tuple[int, int]] | None = None,
        bad: tuple[int, ...] = (),
    ) -> None:
        self.labels = {"semantic": LABELS}
        self.channels = {"image": 3}
        self.length = length
        self.sizes = sizes or {}
        self.bad = bad
        self.reads = 0

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Sample:
        if not 0 <= index < self.length:
            raise IndexError(index)
        return Sample(
            name=f"toy_{index}",
            inputs=LazyMapping(image=lambda: self._image(index)),
            labels=LazyMapping(semantic=lambda: self._label(index)),
            paths={"image": Path(f"toy/{index}.jpg"), "semantic": Path(f"toy/{index}.png")},
        )

    def _image(self, index: int) -> np.ndarray:
        self.reads += 1
        if index in self.bad:
            raise ImageError(f"toy/{index}.jpg: cannot be read: truncated")
        return np.full((*self.sizes.get(index, (4, 6)), 3), index % 256, np.uint8)

    def _label(self, index: int) -> np.ndarray:
        self.reads += 1
        label = np.zeros(self.sizes.get(index, (4, 6)), np.uint8)
        label[0, 0] = 1
        label[-1, -1] = 9
        return label


@pytest.fixture
def spaces() -> dict[str, LabelSpace]:
    return {"semantic": LabelSpace(LABELS)}


@pytest.fixture
def toy() -> type[Toy]:
    return Toy
