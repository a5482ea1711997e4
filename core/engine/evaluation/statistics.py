"""Statistics of each image, kept compactly: most classes do not occur in most images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

MOST_ROWS = 1000
"""Images at once, which bounds the memory."""

SparseRow = tuple[np.ndarray, np.ndarray]
"""The columns of the values that are not 0, and these values."""


def sparse_row(values: np.ndarray) -> SparseRow:
    """Return the statistics of one image, (…), without zeros."""
    flat = values.ravel()
    columns = np.flatnonzero(flat)
    return columns.astype(np.int32), flat[columns]


@dataclass(frozen=True, eq=False)
class ImageRows:
    """Statistics of N images: row n has the values from ``starts[n]`` to ``starts[n + 1]``.

    ``shape``: of the statistics of an image. ``starts``: (N + 1,) int64. ``columns``, ``values``:
    of what is not 0, in the order of rows.
    """

    shape: tuple[int, ...]
    starts: np.ndarray
    columns: np.ndarray
    values: np.ndarray

    @classmethod
    def stacked(
        cls, rows: Sequence[SparseRow], shape: tuple[int, ...], dtype: np.dtype | type
    ) -> ImageRows:
        """Return rows as one object."""
        starts = np.zeros(len(rows) + 1, np.int64)
        np.cumsum([len(columns) for columns, _ in rows], out=starts[1:])
        return cls(
            shape,
            starts,
            _joined((columns for columns, _ in rows), np.int32),
            _joined((values for _, values in rows), dtype),
        )

    def __len__(self) -> int:
        return len(self.starts) - 1

    def dense(self, part: slice) -> np.ndarray:
        """Return some rows with their zeros, (n, *shape)."""
        return self.rows(np.arange(len(self))[part])

    def rows(self, images: np.ndarray) -> np.ndarray:
        """Return the rows of some images with their zeros, in the order of ``images``."""
        return self.sums(np.arange(len(images)), len(images), images)

    def blocks(self, images: np.ndarray | None = None) -> Iterator[np.ndarray]:
        """Yield the rows of some images, or of all, a bounded number at a time, (n, *shape)."""
        images = np.arange(len(self)) if images is None else images
        for first in range(0, len(images), MOST_ROWS):
            yield self.rows(images[first : first + MOST_ROWS])

    def occurrences(self) -> np.ndarray:
        """Return in how many images each of the statistics is not 0, (*shape)."""
        return np.bincount(self.columns, minlength=prod(self.shape)).reshape(self.shape)

    def total(self) -> np.ndarray:
        """Return the sum of all rows, (*shape)."""
        return self.sums(np.zeros(len(self), np.int64), 1)[0]

    def sums(self, groups: np.ndarray, count: int, images: np.ndarray | None = None) -> np.ndarray:
        """Return the sum of the rows of each group, (count, *shape), exact for integers.

        ``images``: rows to add, in order; all by default. ``groups``: the group of each of them.
        """
        images = np.arange(len(self)) if images is None else images
        lengths = self.starts[images + 1] - self.starts[images]
        offsets = np.repeat(self.starts[images] - np.cumsum(lengths) + lengths, lengths)
        places = offsets + np.arange(lengths.sum())
        size = prod(self.shape)
        total = np.zeros(count * size, self.values.dtype)
        np.add.at(
            total, np.repeat(groups, lengths) * size + self.columns[places], self.values[places]
        )
        return total.reshape(count, *self.shape)


def _joined(parts: Iterable[np.ndarray], dtype: np.dtype | type) -> np.ndarray:
    return np.concatenate([np.zeros(0, dtype), *parts]).astype(dtype, copy=False)
