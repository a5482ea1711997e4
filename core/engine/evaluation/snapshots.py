"""Keep a few images of a split, small, with truth and prediction, while it is evaluated."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter

import numpy as np
from torch import Tensor

from ...common.logs import log_once
from ...contracts.inputs import shown_input
from ...data.batch import Batch
from ...model.blueprint import Blueprint
from ...pictures.inputs import input_picture
from ...pictures.thumbnails import fitted, sampled
from ..distributed import Processes

SIDE = 240
"""Pixels of the longer side of a kept image."""


@dataclass(frozen=True)
class Snapshot:
    """An image of a split: ``image`` (h, w, 3) uint8, and class indices (h, w) by head."""

    index: int
    name: str
    image: np.ndarray
    truth: Mapping[str, np.ndarray]
    predicted: Mapping[str, np.ndarray]


def evenly_spread(length: int, count: int) -> list[int]:
    """Return up to ``count`` indices, spread evenly over a split of a length; always the same."""
    count = min(count, length)
    return [(2 * place + 1) * length // (2 * count) for place in range(count)]


class Snapshots:
    """Takes the images with certain indices from the batches of an evaluation.

    It keeps `SIDE`² pixels an image, whatever the size of the images. If taking one fails, the log
    says so once, and the evaluation goes on.
    """

    def __init__(self, blueprint: Blueprint, inputs: Sequence[str], indices: Sequence[int]) -> None:
        self._wanted = frozenset(indices)
        self._input = shown_input(inputs, {name: blueprint.spec(name) for name in inputs})
        self._spec = blueprint.spec(self._input)
        self._taken: dict[int, Snapshot] = {}

    def add(self, head: str, batch: Batch, prediction: Tensor) -> None:
        """Take the images of a batch that are wanted; ``prediction``: classes (N, H, W)."""
        for place, index in enumerate(batch.indices):
            if index in self._wanted:
                try:
                    self._take(head, batch, place, prediction)
                except Exception as error:  # noqa: BLE001 - pictures never stop a training
                    log_once(logging.WARNING, f"cannot draw {batch.names[place]}: {error}")

    def _take(self, head: str, batch: Batch, place: int, prediction: Tensor) -> None:
        target = batch.targets[head][place].numpy()
        size = fitted((target.shape[0], target.shape[1]), SIDE)
        index = batch.indices[place]
        if index not in self._taken:
            pixels = batch.inputs[self._input][place].permute(1, 2, 0).numpy()
            picture, _ = input_picture(pixels, self._spec, size)
            self._taken[index] = Snapshot(index, batch.names[place], picture, {}, {})
        taken, found = self._taken[index], prediction[place].cpu().numpy()
        # Copies, since parts would keep the whole arrays in memory.
        truth = {**taken.truth, head: sampled(target, size).copy()}
        predicted = {**taken.predicted, head: sampled(found, size).astype(target.dtype)}
        self._taken[index] = Snapshot(index, taken.name, taken.image, truth, predicted)

    def gathered(self, processes: Processes) -> list[Snapshot]:
        """Return the images of all processes, in the order of the split."""
        return sorted(processes.gather_objects([*self._taken.values()]), key=attrgetter("index"))
