"""Rank the images of a split: the worst, the best, and those where a class fails most."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .scores import paper_scores

EXTREMES = 4
"""Images with the lowest and with the highest mean IoU, each."""

PER_CLASS = 2
"""Images with the most wrong pixels of a class."""


class Ranked(NamedTuple):
    """An image, and the value that ranks it: a lower one comes first."""

    value: float
    image: int


class LowestImages:
    """The images with the lowest values, at most ``limit``, one of each scene; ties: the first.

    ``scene_length``: how many neighbors in the split are one scene.
    """

    def __init__(self, limit: int, scene_length: int) -> None:
        self._limit, self._scene_length = limit, scene_length
        self._of_scene: dict[int, Ranked] = {}

    def add(self, entry: Ranked) -> None:
        """Add an image if its value is low enough."""
        scene = entry.image // self._scene_length
        self._of_scene[scene] = min(entry, self._of_scene.get(scene, entry))
        if len(self._of_scene) > self._limit:
            del self._of_scene[max(self._of_scene, key=self._of_scene.__getitem__)]

    @property
    def entries(self) -> list[Ranked]:
        """The images, the lowest value first."""
        return sorted(self._of_scene.values())


class ImageRanking:
    """The images of a head with the lowest and highest mean IoU, and the worst of each class.

    Neighbors in a split, such as the frames of a video, often show the same scene, so each list has
    one image of a scene. A scene has 1.5 n^⅓ neighbors, as a block of the bootstrap has, and fewer
    in a split with few images. ``num_images``: n, of the whole split.

    ``worst``, ``best``: by mean IoU. ``of_class``: by the wrong pixels of the class, which are
    false positives or false negatives.
    """

    def __init__(self, num_classes: int, num_images: int) -> None:
        length = round(1.5 * num_images ** (1 / 3))
        self._scene_length = max(1, min(length, num_images // (4 * EXTREMES)))
        self.worst = LowestImages(EXTREMES, self._scene_length)
        self.best = LowestImages(EXTREMES, self._scene_length)
        self.of_class = [LowestImages(PER_CLASS, self._scene_length) for _ in range(num_classes)]

    def add(self, image: int, counts: np.ndarray) -> float:
        """Rank an image by its counts (C, 3); return its mean IoU, NaN without labeled pixels."""
        if not counts[:, 1].any():
            return np.nan
        mean = paper_scores(counts[None]).overall["mean_iou"].item()
        self.worst.add(Ranked(mean, image))
        self.best.add(Ranked(-mean, image))
        wrong = wrong_pixels(counts)
        for one in np.flatnonzero(wrong):
            self.of_class[one].add(Ranked(-float(wrong[one]), image))
        return mean

    def merge(self, other: ImageRanking) -> None:
        """Add the images of another ranking of the same split."""
        for own, others in zip(self._lists(), other._lists(), strict=True):
            for entry in others.entries:
                own.add(entry)

    def images(self) -> set[int]:
        """Return all images of the lists."""
        return {entry.image for one in self._lists() for entry in one.entries}

    def _lists(self) -> list[LowestImages]:
        return [self.worst, self.best, *self.of_class]


def wrong_pixels(counts: np.ndarray) -> np.ndarray:
    """Return the false positives and false negatives of each class, (…, C), by (…, C, 3) counts."""
    return counts[..., 1] + counts[..., 2] - 2 * counts[..., 0]
