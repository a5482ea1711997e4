"""Loaders with any number of workers and any start; errors keep their messages."""

import logging
import multiprocessing
import os
import signal

import cv2
import numpy as np
import pytest
import torch
from pluxel.core.data.loading import evaluation_loader, training_loader
from pluxel.core.data.samples import DataError, EvaluationData, TrainingData

AUGMENT = ["HorizontalFlip", {"RandomGamma": {"p": 1}}, {"RandomCrop": {"height": 3, "width": 3}}]


def content(batches) -> list:
    return [
        (batch.indices, batch.inputs["image"].tolist(), batch.targets["semantic"].tolist())
        for batch in batches
    ]


class TestTrainingLoader:
    @pytest.mark.parametrize("workers", [0, 2])
    def test_starts_at_any_sample(self, toy, spaces, workers):
        data = TrainingData(toy(), spaces, AUGMENT, seed=5)
        whole = content(training_loader(data, 0, 8, 3))
        rest = content(training_loader(data, 15, 3, 3, workers=workers))
        assert rest == whole[5:]
        assert len(whole) == 8

    def test_batches_do_not_depend_on_workers(self, toy, spaces):
        data = TrainingData(toy(), spaces, AUGMENT, seed=5)
        loaders = [training_loader(data, 0, 6, 4, workers=workers) for workers in (0, 1, 2)]
        assert content(loaders[0]) == content(loaders[1]) == content(loaders[2])
        assert len(loaders[0]) == 6

    def test_workers_start_after_opencv_used_threads(self, toy, spaces):
        """Children of a process with OpenCV threads used to wait for them forever."""
        cv2.setNumThreads(2)
        cv2.GaussianBlur(np.zeros((800, 800, 3), np.uint8), (9, 9), 3)
        resize = [{"Resize": {"height": 400, "width": 400, "interpolation": "INTER_CUBIC"}}]
        data = TrainingData(toy(), spaces, resize)
        for _ in range(3):
            assert len(content(training_loader(data, 0, 2, 2, workers=2))) == 2

    def test_start_does_not_read_earlier_samples(self, toy, spaces):
        data = TrainingData(toy(), spaces)
        batch = next(iter(training_loader(data, 10**15, 10**12, 2)))
        assert len(batch) == 2

    def test_divides_samples_between_processes(self, toy, spaces):
        data = TrainingData(toy(12), spaces)
        alone = [batch.indices for batch in training_loader(data, 24, 2, 6)]
        shares = [
            [batch.indices for batch in training_loader(data, 24, 2, 3, rank=r, world_size=2)]
            for r in (0, 1)
        ]
        together = [first + second for first, second in zip(*shares, strict=True)]
        assert together == alone

    def test_does_not_change_the_global_random_state(self, toy, spaces):
        before = torch.get_rng_state()
        list(training_loader(TrainingData(toy(), spaces), 0, 2, 2))
        list(evaluation_loader(EvaluationData(toy(), spaces), 2))
        assert (torch.get_rng_state() == before).all()


class TestEvaluationLoader:
    @pytest.mark.parametrize("workers", [0, 2])
    def test_yields_every_sample_once(self, toy, spaces, workers):
        sizes = {1: (5, 3), 8: (5, 3)}
        data = EvaluationData(toy(10, sizes), spaces)
        batches = list(evaluation_loader(data, 4, workers=workers))
        assert sorted(index for batch in batches for index in batch.indices) == list(range(10))
        assert all(len({*batch.sizes}) == 1 for batch in batches)

    @pytest.mark.parametrize("world_size", [2, 3, 7])
    def test_divides_samples_between_processes(self, toy, spaces, world_size):
        data = EvaluationData(toy(10), spaces)
        seen = [
            index
            for rank in range(world_size)
            for batch in evaluation_loader(data, 2, rank=rank, world_size=world_size)
            for index in batch.indices
        ]
        assert sorted(seen) == list(range(10))


class TestErrors:
    @pytest.mark.parametrize("workers", [0, 2])
    def test_errors_keep_message_and_notes(self, toy, spaces, workers):
        data = TrainingData(toy(bad=tuple(range(10))), spaces)
        with pytest.raises(DataError) as caught:
            list(training_loader(data, 0, 2, 1, workers=workers))
        assert str(caught.value) == f"toy/{data.index(0)}.jpg: cannot be read: truncated"

    @pytest.mark.parametrize("workers", [0, 2])
    def test_evaluation_skips_bad_samples(self, toy, spaces, workers, caplog):
        caplog.set_level(logging.WARNING, "pluxel")
        data = EvaluationData(toy(bad=(3, 4, 5)), spaces, on_bad_sample="skip")
        batches = list(evaluation_loader(data, 2, workers=workers))
        assert [index for batch in batches for index in batch.indices] == [0, 1, 2, 6, 7, 8, 9]
        assert [record.getMessage() for record in caplog.records] == [
            f"skipped: toy/{i}.jpg: cannot be read: truncated" for i in (3, 4, 5)
        ]

    @pytest.mark.parametrize("workers", [0, 2])
    def test_skipped_samples_are_logged_once_by_the_main_process(
        self, toy, spaces, workers, caplog
    ):
        caplog.set_level(logging.WARNING, "pluxel")
        data = TrainingData(toy(bad=(3,)), spaces, on_bad_sample="skip")
        list(training_loader(data, 0, 20, 2, workers=workers))
        assert [record.getMessage() for record in caplog.records] == [
            "skipped: toy/3.jpg: cannot be read: truncated"
        ]

    @pytest.mark.parametrize("workers", [0, 2])
    @pytest.mark.parametrize(("length", "bad"), [(10, 10), (300, 120)])
    def test_training_stops_without_a_good_sample(self, toy, spaces, workers, length, bad):
        """The loader must not yield an empty or a smaller batch."""
        data = TrainingData(toy(length, bad=tuple(range(bad))), spaces, on_bad_sample="skip")
        sizes = []
        with pytest.raises(DataError, match=r"^\d+ consecutive samples cannot be used; the last"):
            sizes += [len(batch) for batch in training_loader(data, 0, 60, 5, workers=workers)]
        assert set(sizes) <= {5}

    def test_programming_errors_pass_through(self, toy, spaces):
        dataset = toy()
        dataset._image = lambda index: {}["no such key"]
        with pytest.raises(KeyError):
            list(training_loader(TrainingData(dataset, spaces), 0, 1, 1))


class Signalled(EvaluationData):
    """Data whose samples send a signal to the worker that reads them, as a closed terminal does."""

    number = signal.SIGHUP

    def __getitem__(self, index):
        os.kill(os.getpid(), self.number)
        return super().__getitem__(index)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_workers_outlive_the_signals_that_the_main_process_decides_on(toy, spaces, number):
    data = Signalled(toy(1), spaces)
    data.number = number
    assert [batch.names for batch in evaluation_loader(data, workers=1)] == [["toy_0"]]


@pytest.mark.parametrize("start", ["spawn", "forkserver"])
def test_a_dataset_that_new_processes_cannot_receive(toy, spaces, monkeypatch, start):
    context = multiprocessing.get_context(start)
    monkeypatch.setattr(multiprocessing.context._default_context, "_actual_context", context)
    dataset = toy(2)
    dataset.reader = lambda path: path
    loader = training_loader(TrainingData(dataset, spaces), 0, 1, 1, workers=1)
    with pytest.raises(DataError) as caught:
        next(iter(loader))
    name = type(dataset).__name__
    assert caught.value.message.startswith(f"dataset {name} cannot be sent to worker processes: ")
    assert "functools.partial" in caught.value.notes[0]
    assert caught.value.notes[-1] == "without workers, nothing is sent:  training.workers=0"
