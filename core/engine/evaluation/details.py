"""What reports show of a head beyond its scores: reliability, objects by size, examples."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from ...contracts.segmented import SegmentedBatch
from ..distributed import Processes
from .examples import Examples
from .measures import OBJECTS, RELIABILITY
from .objects import SIZES, pixels_by_size
from .statistics import ImageRows, SparseRow, sparse_row

BINS = 15

THREADS = 4

_WAITING = 64_000_000
"""Bytes of predictions and targets that may wait until their objects are counted."""


@dataclass(frozen=True, eq=False)
class HeadDetails:
    """Details of all images of a split.

    ``rows``: key -> statistics in the order of the split: of `SegmentedBatch.reliability` with
    `BINS` bins, and of `pixels_by_size`. ``examples``: index of an image -> PNG of its predicted
    classes.
    """

    rows: Mapping[str, ImageRows] = field(default_factory=dict)
    examples: Mapping[int, bytes] = field(default_factory=dict)


class _Waiting(NamedTuple):
    """``size``: in bytes, of what the job keeps in memory."""

    image: int
    size: int
    job: Future[SparseRow]


class Details:
    """Collects the details of one head in one process.

    ``num_images``, ``pool``: as for `Examples`. ``threads``: count objects beside the network.
    """

    def __init__(
        self, num_classes: int, num_images: int, pool: Sequence[int], threads: Executor
    ) -> None:
        self._num_classes = num_classes
        self._examples = Examples(num_classes, num_images, pool)
        self._rows: dict[str, list[tuple[int, SparseRow]]] = {RELIABILITY: [], OBJECTS: []}
        self._threads = threads
        self._waiting: deque[_Waiting] = deque()

    def add(self, batch: SegmentedBatch, indices: Sequence[int], counts: np.ndarray) -> None:
        """Add images; ``indices``: theirs in the split. ``counts``: their counts, (N, C, 3)."""
        reliability = batch.reliability(BINS).cpu().numpy()
        dtype = np.min_scalar_type(max(self._num_classes, batch.ignore_index))
        for at, index in enumerate(indices):
            self._rows[RELIABILITY].append((index, sparse_row(reliability[at])))
            # Copies: a view would keep the whole batch in memory, with 8 bytes a pixel.
            prediction = batch.prediction[at].cpu().numpy().astype(dtype)
            target = batch.target[at].cpu().numpy().astype(dtype)
            job = self._threads.submit(self._objects, prediction, target, batch.ignore_index)
            self._waiting.append(_Waiting(index, prediction.nbytes + target.nbytes, job))
            self._examples.add(index, counts[at], prediction)
            self._collect(_WAITING)

    def _objects(self, prediction: np.ndarray, target: np.ndarray, ignored: int) -> SparseRow:
        return sparse_row(pixels_by_size(prediction, target, self._num_classes, ignored))

    def _collect(self, limit: int) -> None:
        """Wait until the images that are waiting have at most ``limit`` bytes."""
        while sum(one.size for one in self._waiting) > limit:
            first = self._waiting.popleft()
            self._rows[OBJECTS].append((first.image, first.job.result()))

    def gathered(self, processes: Processes) -> HeadDetails:
        """Return the details of the images of all processes."""
        self._collect(0)
        shapes = {RELIABILITY: (BINS, 3), OBJECTS: (self._num_classes, len(SIZES), 3)}
        rows = {}
        for key, own in self._rows.items():
            whole = processes.gather_objects(own)
            whole.sort(key=lambda row: row[0])
            dtype = np.float64 if key == RELIABILITY else np.int64
            rows[key] = ImageRows.stacked([row for _, row in whole], shapes[key], dtype)
        return HeadDetails(rows, Examples.merged(processes.gather_objects([self._examples])))
