"""Find photographs that show the same, by their content: copies that were changed a little.

A photograph becomes its `Sketch`: 64 × 64 gray values, and 8 × 8 tints. The search has two steps:

1. **Candidates.** The 8 × 8 lowest frequencies of the cosine transform of a sketch, without the
   mean, as perceptual hashes use them (Zauner 2010, section 3.2), but not rounded to bits. Their
   cosine does not depend on brightness and contrast. The exact nearest neighbors are candidates
   from `CANDIDATE` on. Mirroring an image changes the sign of every second frequency across.
2. **Confirmation.** Photographs of one street have equal low frequencies. So each candidate is
   aligned with the image by an affine transform (Evangelidis and Psarakis 2008), which takes back
   a crop, and the *details* are compared: what a blur removes. The similarity is the correlation of
   the details, from `ALIKE` on. If both are colorful, the colors must agree too, as an object of
   one shape in two colors is not one photograph.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
import torch

from ..neighbors import CosineIndex, Neighbors

CANDIDATE = 0.9
"""The lowest cosine of candidates; docs/data.md has the distances that it was chosen by."""

ALIKE = 0.88
"""The lowest similarity of images that are alike."""

_SIDE = 64
_FREQUENCIES = 8
_NEAREST_ACROSS, _NEAREST_WITHIN = 12, 4
"""Candidates in other splits and in the same split to compare with an image, per orientation.

A video has several frames that are as near as a cropped copy.
"""

_BLUR = 2.0
"""Standard deviation of the blur that takes the details away, in pixels of a sketch."""

_EDGE = _SIDE // 16
"""Pixels at each edge that are not compared: a crop has nothing there."""

_STEPS = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 15, 1e-4)
_WHOLE = np.ones((_SIDE, _SIDE), np.uint8)
"""A mask of all pixels."""

_FLAT = 0.01
"""Images whose values differ by a smaller share of the largest have no content to compare."""


TINT = 0.5
"""The lowest cosine of the tints of images that are alike."""

_TINTS = 8
_GRAY = 5.0
"""Mean tint, in steps of 1/127 of the range of the image, up to which colors are not compared.

JPEG changes faint ones: those of streets are 0.5 to 4.
"""


@dataclass(frozen=True)
class Sketch:
    """A photograph in a few numbers, which depend neither on its size nor on its brightness.

    ``gray``: (64, 64) uint8. ``tints``: how far red, green and blue are from gray, (8, 8, 3) int8.
    """

    gray: np.ndarray
    tints: np.ndarray

    def mirrored(self) -> Sketch:
        """Return the sketch of the image flipped left to right."""
        return Sketch(self.gray[:, ::-1], self.tints[:, ::-1])


@dataclass(frozen=True)
class SampleAt:
    """A sample: its split, and its index there."""

    split: str
    index: int


@dataclass(frozen=True)
class Alike:
    """Two samples that show the same, the earlier one first.

    ``similarity``: 0 to 1. ``mirrored``: whether one is flipped left to right.
    """

    first: SampleAt
    second: SampleAt
    similarity: float
    mirrored: bool = False


def sketch_of(pixels: np.ndarray) -> Sketch | None:
    """Return the sketch of raw pixels (H, W, channels), or None if they have no content."""
    values = np.ascontiguousarray(np.asarray(pixels)[..., :3])
    if values.dtype.kind == "f":
        values = np.nan_to_num(values).astype(np.float32)
    small = cv2.resize(values, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    small = small.reshape(_SIDE, _SIDE, -1)
    gray = small.mean(2)
    low, high = float(gray.min()), float(gray.max())
    if high - low <= _FLAT * max(abs(low), abs(high)):
        return None
    tints = np.zeros((_TINTS, _TINTS, 3), np.float32)
    if small.shape[2] == 3:
        colors = (small - gray[..., None]) * (127 / (high - low))
        tints = cv2.resize(colors, (_TINTS, _TINTS), interpolation=cv2.INTER_AREA)
    gray = np.rint((gray - low) * (255 / (high - low))).astype(np.uint8)
    return Sketch(gray, np.rint(tints).clip(-127, 127).astype(np.int8))


ComparesSamples = Callable[[SampleAt, SampleAt], bool]


def _never(_first: SampleAt, _second: SampleAt) -> bool:
    return False


def alike_samples(
    sketches: Mapping[str, Sequence[Sketch | None]],
    are_known: ComparesSamples = _never,
    are_grouped: ComparesSamples = _never,
) -> list[Alike]:
    """Return the samples that show the same as another one.

    For each sample, that is the most similar one of earlier splits, and the most similar one of
    its own split; pairs of two splits come first. ``sketches``: split -> the sketch of each sample.
    ``are_known``: whether to leave out a pair of two splits. ``are_grouped``: whether samples of
    one split are expected to be alike, as frames of a video are; other pairs are then preferred.

    The memory is 5 KB for a sample. The time is that of two searches for exact neighbors, and for
    each sample at most 24 comparisons with other splits, and eight with its own.
    """
    return list(_Search(sketches, are_known, are_grouped).run())


class _Search:
    def __init__(
        self,
        sketches: Mapping[str, Sequence[Sketch | None]],
        are_known: ComparesSamples,
        are_grouped: ComparesSamples,
    ) -> None:
        self.are_known, self.are_grouped = are_known, are_grouped
        self.places: list[SampleAt] = []
        self.sketches: list[Sketch] = []
        self.ranges: list[range] = []
        for split, found in sketches.items():
            start = len(self.places)
            for index, sketch in enumerate(found):
                if sketch is not None:
                    self.places.append(SampleAt(split, index))
                    self.sketches.append(sketch)
            self.ranges.append(range(start, len(self.places)))

    def run(self) -> Iterator[Alike]:
        for part in self.ranges:
            if part.start and part:
                yield from self._across(part)
        for part in self.ranges:
            if len(part) > 1:
                yield from self._within(part)

    @cached_property
    def vectors(self) -> torch.Tensor:
        """The lowest frequencies of all sketches, (N, 63) float32."""
        return torch.from_numpy(np.stack([_frequencies(sketch) for sketch in self.sketches]))

    def _across(self, part: range) -> Iterator[Alike]:
        index = CosineIndex(self.vectors[: part.start])
        nearest = min(_NEAREST_ACROSS, part.start)
        found = [index.search(one, nearest) for one in self._both(part)]
        yield from self._alike(part, found, 0, are_of_two_splits=True)

    def _within(self, part: range) -> Iterator[Alike]:
        index = CosineIndex(self.vectors[part.start : part.stop])
        nearest = min(_NEAREST_WITHIN, len(part) - 1)
        excluded = [(row,) for row in range(len(part))]
        found = [index.search(one, nearest, exclude=excluded) for one in self._both(part)]
        yield from self._alike(part, found, part.start, are_of_two_splits=False)

    def _both(self, part: range) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the vectors of samples, and those of their mirror images."""
        vectors = self.vectors[part.start : part.stop]
        return vectors, vectors * _MIRROR

    def _alike(
        self, part: range, found: Sequence[Neighbors], start: int, *, are_of_two_splits: bool
    ) -> Iterator[Alike]:
        """Yield the most similar candidate of each row, each pair once, with all threads."""
        parts = [(rows.numpy() + start, cosines.numpy()) for rows, cosines in found]

        def best(row: int) -> Alike | None:
            place = row - part.start
            ranked = sorted(
                (-cosine, mirrored, int(other))
                for mirrored, (rows, cosines) in enumerate(parts)
                for other, cosine in zip(rows[place], cosines[place], strict=True)
                if cosine >= CANDIDATE
            )
            candidates = [(other, bool(mirrored)) for _, mirrored, other in ranked]
            return self._best(row, candidates, are_of_two_splits=are_of_two_splits)

        pairs = set()
        with ThreadPoolExecutor() as threads:
            for alike in filter(None, threads.map(best, part)):
                if (pair := (alike.first, alike.second)) not in pairs:
                    pairs.add(pair)
                    yield alike

    def _best(
        self, row: int, candidates: list[tuple[int, bool]], *, are_of_two_splits: bool
    ) -> Alike | None:
        """Return the most similar candidate, another row or its mirror image, that is alike."""
        found = []
        for other, mirrored in candidates:
            first, second = min(row, other), max(row, other)
            places = self.places[first], self.places[second]
            if are_of_two_splits and self.are_known(*places):
                continue
            sketch = self.sketches[second]
            sketch = sketch.mirrored() if mirrored else sketch
            similarity = similarity_of(self.sketches[first], sketch)
            if similarity >= ALIKE:
                found.append(Alike(*places, round(similarity, 4), mirrored))
        return max(
            found,
            key=lambda one: (not self.are_grouped(one.first, one.second), one.similarity),
            default=None,
        )


def similarity_of(first: Sketch, second: Sketch) -> float:
    """Return the correlation of the details of two sketches, -1 to 1, aligned if that helps.

    It is 0 if the colors do not agree.
    """
    if not _colors_agree(first.tints, second.tints):
        return 0.0
    one, other = first.gray.astype(np.float32), second.gray.astype(np.float32)
    details = _details(one)
    straight = _correlation(details, _details(other))
    if straight >= ALIKE:
        return straight
    try:
        _, transform = cv2.findTransformECC(
            one, other, np.eye(2, 3, dtype=np.float32), cv2.MOTION_AFFINE, _STEPS, _WHOLE, 3
        )
    except cv2.error:  # it does not converge
        return straight
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(
        other, transform, (_SIDE, _SIDE), flags=how, borderMode=cv2.BORDER_REPLICATE
    )
    return max(straight, _correlation(details, _details(moved)))


def _colors_agree(first: np.ndarray, second: np.ndarray) -> bool:
    """Return whether two images have the same colors, or one of them is nearly gray."""
    one, other = first.astype(np.float32).ravel(), second.astype(np.float32).ravel()
    if min(np.abs(one).mean(), np.abs(other).mean()) < _GRAY:
        return True
    return float(one @ other) >= TINT * float(np.linalg.norm(one) * np.linalg.norm(other))


def _details(gray: np.ndarray) -> np.ndarray:
    details = gray - cv2.GaussianBlur(gray, (0, 0), _BLUR)
    return details[_EDGE:-_EDGE, _EDGE:-_EDGE]


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    first, second = first - first.mean(), second - second.mean()
    length = float(np.sqrt((first * first).sum() * (second * second).sum()))
    return float((first * second).sum()) / length if length else 0.0


def _frequencies(sketch: Sketch) -> np.ndarray:
    """Return the lowest frequencies of a sketch without its mean, (63,) float32."""
    lowest = cv2.dct(sketch.gray.astype(np.float32))[:_FREQUENCIES, :_FREQUENCIES]
    return lowest.ravel()[1:]


_MIRROR = torch.tensor(
    [(-1.0) ** (place % _FREQUENCIES) for place in range(1, _FREQUENCIES * _FREQUENCIES)]
)
"""What mirroring does to each of the frequencies."""
