"""The pictures of a page: the worst, ordinary and best images of each head."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image

from ...common.text import plural
from ...pictures.saving import data_uri, png_bytes
from ..evaluation.ranking import EXTREMES, ImageRanking, wrong_pixels
from ..evaluation.scores import paper_scores
from .evaluated_images import EvaluatedImages
from .head_report import HeadReport

LIMIT = 2_500_000
"""Bytes of the pictures of a page; others are left out.

Each head may use an equal part, and what the heads before it left."""


class ReportGallery:
    """Draws chosen images of a split for a page.

    ``photos``: their addresses, each once, to which the pictures of the heads refer by number.
    """

    def __init__(self, images: EvaluatedImages) -> None:
        self._images = images
        self._numbers: dict[str, int] = {}
        self._size = self._heads = self._left_out = 0

    def of_head(self, name: str, report: HeadReport) -> list[dict[str, Any]]:
        """Return the pictures of a head, the most telling first, and why each was chosen."""
        reasons = reasons_by_image(report)
        self._heads += 1
        limit = LIMIT * self._heads / len(self._images.spaces)
        found = []
        counts = report.counts.rows(np.array([*reasons], np.int64))
        ious = paper_scores(counts).per_class["iou"]
        for row, iou, wrong in zip(reasons, ious, wrong_pixels(counts), strict=True):
            if self._size > limit:
                self._left_out += 1
                continue
            image = self._images.of(name, row)
            if image is None:
                continue
            known = np.flatnonzero(~np.isnan(iou))
            found.append(
                {
                    "name": report.names[row],
                    "mean_iou": round(float(report.means[row]), 4),
                    "iou": {int(one): round(float(iou[one]), 4) for one in known},
                    "reasons": reasons[row],
                    "wrong": {int(one): int(wrong[one]) for one in known},
                    "photo": self._number(image.photo),
                    "truth": self._address(name, image.truth[name]),
                    "predicted": self._address(name, _decoded(report.head.examples[row])),
                }
            )
        return found

    @property
    def photos(self) -> list[str]:
        """The addresses of the photographs, by their numbers."""
        return [*self._numbers]

    @property
    def notes(self) -> list[str]:
        """What could not be shown, a sentence each."""
        found = self._images.notes
        if self._left_out:
            count = plural(self._left_out, "picture")
            found.append(f"{count} left out, which would make this page too large.")
        return found

    def _number(self, photo: str) -> int:
        if photo not in self._numbers:
            self._numbers[photo] = len(self._numbers)
            self._size += len(photo)
        return self._numbers[photo]

    def _address(self, head: str, classes: np.ndarray) -> str:
        """Return an image of class indices, of two bytes if a head needs more than one."""
        is_wide = self._images.spaces[head].ignore_index > 255
        address = data_uri(png_bytes(web_classes(classes, is_wide=is_wide)))
        self._size += len(address)
        return address


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
