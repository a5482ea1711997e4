"""The four scores of the FCN paper, from a confusion matrix of int64 counts.

Let n_ij be the number of pixels of true class i with predicted class j, t_i = Σ_j n_ij, and
u_i = t_i + Σ_j n_ji − n_ii (Long, Shelhamer & Darrell 2015, section 5). Pixel accuracy is
Σ n_ii / Σ t_i; mean accuracy is the mean of n_ii / t_i; mean IoU is the mean of n_ii / u_i;
frequency-weighted IoU is Σ (t_i n_ii / u_i) / Σ t_i.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch import distributed as dist

from ...common.numerics import finite_or_none, mean_of_known
from ...contracts.confusion import Workspace, confusion, confusion_each
from ...pictures.charts import Normalized, draw_confusion
from .scores import paper_scores

if TYPE_CHECKING:
    from ...pictures.charts import Axes

__all__ = ["ConfusionMatrix", "SegmentationScores", "confusion"]


class ConfusionMatrix:
    """Pixel counts by true and predicted class, over any number of updates.

    ``counts``: (C, C) int64 on ``device``; rows are the truth, columns the prediction.
    """

    def __init__(
        self, num_classes: int, ignore_index: int, device: torch.device | str = "cpu"
    ) -> None:
        self.num_classes = num_classes
        self.ignore_index = ignore_index
        self.counts = torch.zeros(num_classes, num_classes, dtype=torch.int64, device=device)
        self._scratch = Workspace()

    def update(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Count the pixels of a batch or an image; return only their ``confusion`` (C, C)."""
        counts = confusion(prediction, target, self.num_classes, self.ignore_index, self._scratch)
        self.counts += counts
        return counts

    def update_each(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Count a batch (N, …); return the confusion of each image, (N, C, C).

        An accelerator counts all images at once, and the host waits for it only once.
        """
        counts = confusion_each(
            prediction, target, self.num_classes, self.ignore_index, self._scratch
        )
        self.counts += counts.sum(0)
        return counts

    def merge(self, other: ConfusionMatrix) -> None:
        """Add the counts of another matrix with the same classes."""
        self.counts += other.counts.to(self.counts.device)

    def reduce(self) -> ConfusionMatrix:
        """Return the sum over the default process group, or a copy if there is none."""
        total = ConfusionMatrix(self.num_classes, self.ignore_index, self.counts.device)
        total.merge(self)
        if dist.is_available() and dist.is_initialized():
            dist.all_reduce(total.counts)
        return total

    def plot(
        self,
        class_names: Sequence[str] | None = None,
        normalize: Normalized = "truth",
        *,
        ax: Axes | None = None,
    ) -> Axes:
        """Draw the matrix on matplotlib's axes, by default those of a new figure; return the axes.

        ``class_names``: by default the class indices. ``normalize``: see `draw_confusion`.

        Raises: PluxelError for another number of names.
        """
        names = [*map(str, range(self.num_classes))] if class_names is None else class_names
        return draw_confusion(self.counts.cpu().numpy(), names, normalize, ax=ax)

    def scores(self, background: Sequence[int] = ()) -> SegmentationScores:
        """Return the scores of all counted pixels; ``background``: see `SegmentationScores`."""
        return SegmentationScores.of(self.counts.cpu().numpy(), background)


@dataclass(frozen=True, eq=False)
class SegmentationScores:
    """The scores of a confusion matrix; NaN for ratios with a zero denominator.

    ``pixels``: the number of labeled pixels. ``accuracy``, ``iou``: (C,) float64. A class without a
    labeled pixel is ``absent``, and the means leave it out. If it is predicted anyway, it is one of
    ``false_alarms``: its IoU is 0, which counts in ``mean_iou`` but not in ``mean_iou_present``.
    ``mean_iou_foreground`` is ``mean_iou`` without the classes of the ``background``; None without
    a background.
    """

    pixels: int
    pixel_accuracy: float
    mean_accuracy: float
    mean_iou: float
    mean_iou_present: float
    mean_iou_foreground: float | None
    frequency_weighted_iou: float
    accuracy: np.ndarray
    iou: np.ndarray
    absent: tuple[int, ...]
    false_alarms: tuple[int, ...]
    background: tuple[int, ...] = ()

    @classmethod
    def of(cls, counts: np.ndarray, background: Sequence[int] = ()) -> SegmentationScores:
        """Score a confusion matrix (C, C) of integers, whose rows are the truth."""
        truth, predicted = counts.sum(1), counts.sum(0)
        found = paper_scores(np.stack([counts.diagonal(), truth, predicted], -1)[None])
        iou, is_absent = found.per_class["iou"][0], truth == 0
        return cls(
            pixels=int(truth.sum()),
            **{name: value.item() for name, value in found.overall.items()},
            mean_iou_foreground=mean_of_known(np.delete(iou, background)) if background else None,
            accuracy=found.per_class["accuracy"][0],
            iou=iou,
            absent=tuple(np.flatnonzero(is_absent).tolist()),
            false_alarms=tuple(np.flatnonzero(is_absent & (predicted > 0)).tolist()),
            background=tuple(background),
        )

    def overall(self) -> dict[str, float]:
        """Return the overall scores by name."""
        found = {
            "pixel_accuracy": self.pixel_accuracy,
            "mean_accuracy": self.mean_accuracy,
            "mean_iou": self.mean_iou,
            "mean_iou_present": self.mean_iou_present,
            "mean_iou_foreground": self.mean_iou_foreground,
            "frequency_weighted_iou": self.frequency_weighted_iou,
        }
        return {name: value for name, value in found.items() if value is not None}

    def scalars(self, class_names: Sequence[str]) -> dict[str, float]:
        """Return all numbers with flat names: ``mean_iou``, ``iou/road``, ``accuracy/road``."""
        flat = self.overall()
        for kind in ("iou", "accuracy"):
            values = getattr(self, kind).tolist()
            flat |= {f"{kind}/{name}": v for name, v in zip(class_names, values, strict=True)}
        return flat

    def to_json(self, class_names: Sequence[str]) -> dict[str, Any]:
        """Return all scores as JSON values; undefined ones are None."""
        names = list(class_names)
        iou, accuracy = (_by_class(values, names) for values in (self.iou, self.accuracy))
        return {
            "pixels": self.pixels,
            "overall": {name: finite_or_none(value) for name, value in self.overall().items()},
            "per_class": {name: {"iou": iou[name], "accuracy": accuracy[name]} for name in names},
            "absent": [names[index] for index in self.absent],
            "false_alarms": [names[index] for index in self.false_alarms],
        }

    def image_json(self, class_names: Sequence[str]) -> dict[str, Any]:
        """Return short scores for per-image lists: IoU only of the classes that occur."""
        iou = _by_class(self.iou, class_names)
        return {
            "pixels": self.pixels,
            "pixel_accuracy": finite_or_none(self.pixel_accuracy),
            "mean_iou": finite_or_none(self.mean_iou),
            "iou": {name: value for name, value in iou.items() if value is not None},
        }


def _by_class(values: np.ndarray, class_names: Sequence[str]) -> dict[str, float | None]:
    return {name: finite_or_none(v) for name, v in zip(class_names, values.tolist(), strict=True)}
