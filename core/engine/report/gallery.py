"""The pictures of a page: the worst, ordinary and best images of each head."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from ....registry import PluxelError, reason_of
from ...common.text import plural
from ...contracts.inputs import shown_input
from ...data.batch import Item
from ...data.samples import EvaluationData
from ...model.network import SegmentationModel
from ...pictures.inputs import input_picture
from ...pictures.saving import data_uri, png_bytes, webp_bytes
from ...pictures.thumbnails import sampled
from ..evaluation.examples import example_size
from ..evaluation.measures import COUNTS
from ..evaluation.ranking import EXTREMES, ImageRanking, wrong_pixels
from ..evaluation.scores import paper_scores
from .head_report import HeadReport

LIMIT = 2_500_000
"""Bytes of the pictures of a page, in equal parts for its heads; others are left out."""


@dataclass(frozen=True)
class _Shot:
    """A photograph as an address, and the true classes of each head, (h, w), small.

    ``pixels``: of each class in the whole image.
    """

    name: str
    photo: str
    truth: Mapping[str, np.ndarray]
    pixels: Mapping[str, np.ndarray]


class ReportGallery:
    """Reads chosen images of a split, each once, and draws them for a page.

    ``index_of``: row of an image -> its index in the split. ``notes``: what could not be shown.
    """

    def __init__(
        self, data: EvaluationData, model: SegmentationModel, index_of: Callable[[int], int]
    ) -> None:
        self._data, self._model, self._index_of = data, model, index_of
        self._shots: dict[int, _Shot | None] = {}
        self._failures: list[str] = []
        self._changed: list[str] = []
        self._left_out = 0

    def of_head(self, name: str, report: HeadReport) -> list[dict[str, Any]]:
        """Return the pictures of a head, the most telling first, and why each was chosen."""
        reasons, is_wide = reasons_by_image(report), self._is_wide(name)
        limit, size = LIMIT / len(self._data.label_spaces), 0
        found = []
        counts = report.counts.rows(np.array([*reasons], np.int64))
        ious = paper_scores(counts).per_class["iou"]
        for row, iou, wrong in zip(reasons, ious, wrong_pixels(counts), strict=True):
            if size > limit:
                self._left_out += 1
                continue
            shot = self._shot(self._index_of(row))
            if shot is None or not self._is_same(name, row, shot, report):
                continue
            known = np.flatnonzero(~np.isnan(iou))
            classes = {"truth": shot.truth[name], "predicted": _decoded(report.head.examples[row])}
            drawn = {
                key: data_uri(png_bytes(web_classes(one, is_wide=is_wide)))
                for key, one in classes.items()
            }
            size += sum(map(len, [shot.photo, *drawn.values()]))
            found.append(
                {
                    "name": report.names[row],
                    "mean_iou": round(float(report.means[row]), 4),
                    "iou": {int(one): round(float(iou[one]), 4) for one in known},
                    "reasons": reasons[row],
                    "wrong": {int(one): int(wrong[one]) for one in known},
                    "photo": shot.photo,
                    **drawn,
                }
            )
        return found

    def _is_wide(self, head: str) -> bool:
        """Return whether the class indices of a head need more than a byte."""
        return self._data.label_spaces[head].ignore_index > 255

    @property
    def notes(self) -> list[str]:
        """What could not be shown, a sentence each."""
        found = []
        if self._failures:
            count = plural(len(self._failures), "image")
            found.append(f"{count} cannot be read anymore, such as: {self._failures[0]}")
        if self._changed:
            count = plural(len(self._changed), "image")
            found.append(
                f"{count} or their ground truth changed since the evaluation, so they are not "
                f"shown: {', '.join(self._changed[:3])}{' …' * (len(self._changed) > 3)}."
            )
        if self._left_out:
            count = plural(self._left_out, "picture")
            found.append(f"{count} left out, which would make this page too large.")
        return found

    def _shot(self, index: int) -> _Shot | None:
        """Return an image, or None if it cannot be read."""
        if index not in self._shots:
            try:
                if index >= len(self._data):
                    raise PluxelError(f"the split now has only {plural(len(self._data), 'image')}")
                self._shots[index] = self._taken(self._data[index])
            except Exception as error:  # noqa: BLE001 - a page shows what it can
                self._failures.append(reason_of(error, with_type=False)[0])
                self._shots[index] = None
        return self._shots[index]

    def _taken(self, item: Item) -> _Shot:
        size, specs = example_size(item.size), self._model.input_specs
        name = shown_input([*item.inputs], specs)
        picture, _ = input_picture(item.inputs[name], specs[name], size)
        return _Shot(
            item.name,
            data_uri(webp_bytes(picture)),
            {head: sampled(target, size) for head, target in item.targets.items()},
            {head: np.bincount(target.ravel()) for head, target in item.targets.items()},
        )

    def _is_same(self, head: str, row: int, shot: _Shot, report: HeadReport) -> bool:
        """Return whether an image has the ground truth that the evaluation had."""
        evaluated = report.head.rows[COUNTS].dense(slice(row, row + 1))[0, :, 1]
        pixels = np.zeros_like(evaluated)
        now = shot.pixels[head][: len(evaluated)]
        pixels[: len(now)] = now
        if shot.name == report.names[row] and np.array_equal(pixels, evaluated):
            return True
        self._changed.append(report.names[row])
        return False


def reasons_by_image(report: HeadReport) -> dict[int, list[Any]]:
    """Return the images to show: row -> why: ``worst``, ``median``, ``best``, or class indices.

    The worst images come first, then the worst of each class, starting with the class of the lowest
    IoU.
    """
    kept = np.array([*report.head.examples], np.int64)
    if not len(kept):
        return {}
    ranking = ImageRanking(len(report.head.class_names), len(report.names))
    for row, counts in zip(kept, report.counts.rows(kept), strict=True):
        ranking.add(int(row), counts)
    means = report.means[kept]
    middle = np.median(report.means[~np.isnan(report.means)])
    ordinary = kept[np.argsort(np.abs(means - middle), kind="stable")][:EXTREMES]
    total = report.counts.total()
    with np.errstate(invalid="ignore"):
        iou = total[:, 0] / (total[:, 1] + total[:, 2] - total[:, 0])
    found: dict[int, list[Any]] = {}
    lists = [
        ("worst", [entry.image for entry in ranking.worst.entries]),
        ("best", [entry.image for entry in ranking.best.entries]),
        ("median", ordinary.tolist()),
        *(
            (int(one), [entry.image for entry in ranking.of_class[one].entries])
            for one in np.argsort(iou, kind="stable")
        ),
    ]
    for reason, rows in lists:
        for row in rows:
            found.setdefault(row, []).append(reason)
    return found


def _decoded(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)))


def web_classes(classes: np.ndarray, *, is_wide: bool) -> np.ndarray:
    """Return class indices (h, w) as a browser reads them exactly: uint8, (h, w) or (h, w, 3).

    ``is_wide``: use two bytes; red is the index modulo 256, and green the rest.
    """
    if not is_wide:
        return classes.astype(np.uint8)
    wide = classes.astype(np.int64)
    return np.stack([wide % 256, wide // 256, np.zeros_like(wide)], -1).astype(np.uint8)
