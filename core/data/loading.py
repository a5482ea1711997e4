"""Load batches in order with worker processes; errors keep their messages and notes."""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from logging.handlers import BufferingHandler
from traceback import format_exception
from typing import Any, Generic, TypeVar

import cv2
import torch
from torch.utils.data import DataLoader, get_worker_info
from torch.utils.data import Dataset as TorchDataset

from ...registry import PluxelError, reason_of
from ..common.logs import count_for_parent, counted_for_parent, log_image, log_once, logger
from ..common.signals import stop_signals
from .batch import Batch, Item, collate_evaluation, collate_training
from .examine import Examined, Examiner
from .samples import DataError, EvaluationData, TrainingData
from .splits import class_name

T = TypeVar("T")


class Loader(Generic[T]):
    """Iterates over batches; ``len`` is the number of collated groups of samples."""

    def __init__(
        self,
        data: TrainingData | EvaluationData | Examiner,
        indices: Sequence[Sequence[int]],
        collate: Callable[[Sequence[Any]], list[T]],
        workers: int,
        pin_memory: bool,
    ) -> None:
        # TrainingData skips bad samples itself; its errors are final.
        self._may_skip = isinstance(data, EvaluationData) and data.on_bad_sample == "skip"
        self._name = class_name(data.dataset)
        if workers:
            # Workers already run in parallel, and OpenCV threads do not survive a fork: in a
            # child process, even setNumThreads waits forever for threads of the parent.
            cv2.setNumThreads(1)
        self._loader = DataLoader(
            _Guarded(data),
            batch_sampler=indices,  # pyright: ignore[reportArgumentType] - any iterable works
            collate_fn=partial(_deliver, collate),
            num_workers=workers,
            pin_memory=pin_memory,
            worker_init_fn=partial(_start_worker, logger.getEffectiveLevel()),
            # The default generator draws from the global state, which would change dropout in a
            # resumed run.
            generator=torch.Generator(),
        )

    def __len__(self) -> int:
        return len(self._loader)

    def __iter__(self) -> Iterator[T]:
        for delivery in self._deliveries():
            for level, message in delivery.records:
                log_once(level, message)
            for level, name, text in delivery.counted:
                log_image(name, text, level)
            for failure in delivery.failures:
                if not self._may_skip:
                    raise failure from _Remote.of(failure)
                log_once(logging.WARNING, f"skipped: {failure.message}")
            yield from delivery.batches

    def _deliveries(self) -> Iterator[_Delivery[T]]:
        """Start the workers. Raises: DataError if a new process cannot receive the dataset."""
        try:
            return iter(self._loader)
        except Exception as error:
            line, notes = reason_of(error)
            if not notes:
                raise
            raise DataError(
                f"dataset {self._name} cannot be sent to worker processes: {line}",
                [*notes, "without workers, nothing is sent:  training.workers=0"],
            ) from error


def training_loader(
    data: TrainingData,
    start_sample: int,
    steps: int,
    batch_size: int,
    *,
    workers: int = 0,
    pin_memory: bool = False,
    rank: int = 0,
    world_size: int = 1,
) -> Loader[Batch]:
    """Return a loader of ``steps`` batches that starts at ``start_sample``, in O(1).

    With several processes, ``batch_size`` is per process, and ``start_sample`` counts the samples
    of all processes.
    """
    indices = _Steps(start_sample + rank * batch_size, steps, batch_size, world_size)
    return Loader(data, indices, _single_batch, workers, pin_memory)


def evaluation_loader(
    data: EvaluationData,
    batch_size: int = 1,
    *,
    workers: int = 0,
    pin_memory: bool = False,
    rank: int = 0,
    world_size: int = 1,
) -> Loader[Batch]:
    """Return a loader of a split in batches of equal image size, divided among processes."""
    steps = -(-len(data) // batch_size)
    indices = [
        range(step * batch_size, min((step + 1) * batch_size, len(data)))
        for step in range(rank, steps, world_size)
    ]
    return Loader(data, indices, collate_evaluation, workers, pin_memory)


def examined(examiner: Examiner, *, workers: int = 0) -> Iterator[Examined]:
    """Yield all samples of a split, examined, in order."""
    indices = [(index,) for index in range(len(examiner))]
    return iter(Loader[Examined](examiner, indices, list, workers, False))


@dataclass(frozen=True)
class _Steps(Sequence[Sequence[int]]):
    """The sample numbers of each batch, computed on demand."""

    start: int
    steps: int
    batch_size: int
    world_size: int

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, step: int) -> Sequence[int]:  # type: ignore[override]
        if not 0 <= step < self.steps:
            raise IndexError(step)
        first = self.start + step * self.batch_size * self.world_size
        return range(first, first + self.batch_size)


def _single_batch(items: Sequence[Item]) -> list[Batch]:
    return [collate_training(items)]


class _Guarded(TorchDataset[Any]):
    """Returns errors for the main process; exceptions of plugins may not survive pickling."""

    def __init__(self, data: TrainingData | EvaluationData | Examiner) -> None:
        self._data = data

    def __getitem__(self, index: int) -> Any:
        try:
            return self._data[index]
        except PluxelError as error:
            failure = DataError(error.message, error.notes)
            failure.origin = "".join(format_exception(error.__cause__)) if error.__cause__ else ""
            return failure


class _Remote(Exception):  # noqa: N818 - shown as the cause of another error
    """The traceback of an exception in a worker process, as text: frames cannot be sent."""

    @classmethod
    def of(cls, failure: DataError) -> _Remote | None:
        return cls(f"\n{failure.origin}") if failure.origin else None


@dataclass(frozen=True)
class _Delivery(Generic[T]):
    """The result of a worker: batches, errors, log records (level, message), counted images."""

    batches: list[T]
    failures: list[DataError]
    records: list[tuple[int, str]] = field(default_factory=list)
    counted: list[tuple[int, str, str]] = field(default_factory=list)

    def pin_memory(self) -> _Delivery[T]:
        return replace(self, batches=[batch.pin_memory() for batch in self.batches])  # pyright: ignore[reportAttributeAccessIssue] - only of batches


def _deliver(collate: Callable[[Sequence[Any]], list[T]], results: Sequence[Any]) -> _Delivery[T]:
    items = [result for result in results if not isinstance(result, DataError)]
    failures = [result for result in results if isinstance(result, DataError)]
    delivery = _Delivery(collate(items) if items else [], failures)
    if get_worker_info() is None:
        return delivery
    records = [r for h in logger.handlers if isinstance(h, _RecordStore) for r in h.take()]
    return replace(delivery, records=records, counted=counted_for_parent())


class _RecordStore(BufferingHandler):
    """Stores the log records of a worker until its next batch."""

    def take(self) -> list[tuple[int, str]]:
        records = [(record.levelno, record.getMessage()) for record in self.buffer]
        self.flush()
        return records


def _start_worker(level: int, _worker: int) -> None:
    # A signal to the process group must not stop the workers; the main process decides. A second
    # SIGTERM ends a worker, because shutting down the pool sends one.
    for number in (signal.SIGINT, *stop_signals()):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: signal.signal(signal.SIGTERM, signal.SIG_DFL))
    count_for_parent()
    logger.handlers = [_RecordStore(sys.maxsize)]
    logger.setLevel(level)
    logger.propagate = False
