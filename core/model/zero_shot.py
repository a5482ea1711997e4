"""Zero-shot classes: scores and labels in training, and metrics by seen and unseen classes.

Generalized zero-shot segmentation (Xian, Choudhury, He, Schiele, Akata, CVPR 2019): the softmax
covers the seen classes in training, and all classes in use.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...registry import PluxelError, did_you_mean
from ..common.numerics import mean_of_known
from ..contracts.labels import LabelSpace
from ..geometry.scores import Scores


@dataclass(frozen=True)
class SeenClasses:
    """The classes that a head's loss covers: those not in ``unseen``.

    ``unseen``: ascending indices into ``class_names``. The loss numbers the seen classes from 0, in
    their order. ``calibration``: subtracted from the scores of seen classes outside of training.
    """

    class_names: tuple[str, ...]
    unseen: tuple[int, ...]
    ignore_index: int
    calibration: float = 0.0

    @classmethod
    def of(
        cls, space: LabelSpace, unseen: Collection[str], calibration: float = 0.0
    ) -> SeenClasses:
        """Return the seen classes of a label space, given the names of the unseen ones.

        Raises: PluxelError for a name that is not a class, and if no seen class is left.
        """
        for name in unseen:
            if name not in space.class_names:
                raise PluxelError(
                    f"no class is called '{name}'.{did_you_mean(name, space.class_names)}"
                )
        indices = tuple(i for i, name in enumerate(space.class_names) if name in unseen)
        if len(indices) == space.num_classes:
            raise PluxelError("all classes are unseen; training needs at least one seen class")
        return cls(tuple(space.class_names), indices, space.ignore_index, calibration)

    @property
    def seen(self) -> list[int]:
        """The indices of the seen classes, ascending."""
        return [index for index in range(len(self.class_names)) if index not in self.unseen]

    @property
    def unseen_names(self) -> list[str]:
        """The names of the unseen classes."""
        return [self.class_names[index] for index in self.unseen]

    @property
    def offsets(self) -> list[float] | None:
        """What is added to each class's scores outside of training; None if not calibrated."""
        if not self.calibration:
            return None
        return [
            0.0 if index in self.unseen else -self.calibration
            for index in range(len(self.class_names))
        ]

    def select(self, values: Sequence[Any]) -> list[Any]:
        """Return the values of the seen classes, given one value per class."""
        return [values[index] for index in self.seen]

    def scores(self, scores: Scores) -> Scores:
        """Return the scores of the seen classes; scores are coarse, so the copy is small."""
        index = torch.tensor(self.seen, device=scores.tensor.device)
        return replace(scores, tensor=scores.tensor.index_select(1, index))

    def target(self, target: Tensor) -> Tensor:
        """Return labels (N, H, W) int64 as indices of seen classes; unseen classes are ignored."""
        return self._table.to(target.device)[target]

    @cached_property
    def _table(self) -> Tensor:
        table = torch.full((self.ignore_index + 1,), self.ignore_index)
        table[self.seen] = torch.arange(len(self.seen))
        return table


@dataclass(frozen=True)
class ZeroShotScores:
    """Mean IoU and mean accuracy over seen and over unseen classes; NaN if no such class occurs.

    ``harmonic_mean_iou``: 2su / (s + u), for the mean IoUs s and u (Xian et al. 2019, equation 5).
    """

    seen_mean_iou: float
    unseen_mean_iou: float
    harmonic_mean_iou: float
    seen_mean_accuracy: float
    unseen_mean_accuracy: float

    @classmethod
    def of(cls, iou: np.ndarray, accuracy: np.ndarray, unseen: Sequence[int]) -> ZeroShotScores:
        """Average ``iou`` and ``accuracy``, (C,) float64, NaN for classes that do not occur."""
        is_unseen = np.isin(np.arange(len(iou)), unseen)
        seen_iou, unseen_iou = mean_of_known(iou[~is_unseen]), mean_of_known(iou[is_unseen])
        total = seen_iou + unseen_iou
        return cls(
            seen_iou,
            unseen_iou,
            2 * seen_iou * unseen_iou / total if total else total,
            mean_of_known(accuracy[~is_unseen]),
            mean_of_known(accuracy[is_unseen]),
        )

    def scalars(self) -> dict[str, float]:
        """Return the five metrics by name."""
        return dict(vars(self))
