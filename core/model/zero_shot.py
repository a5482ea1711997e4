"""Classes that training does not see: what is left of scores and labels, and what is measured.

Generalized zero-shot segmentation (Xian, Choudhury, He, Schiele, Akata, CVPR 2019): one softmax
over all classes when a model is used, one over the seen classes when it is trained.
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
from ..contracts.labels import LabelSpace
from ..geometry.scores import Scores


@dataclass(frozen=True)
class SeenClasses:
    """The classes of a head that its loss sees: those not in ``unseen``.

    ``unseen``: indices into ``class_names``, ascending. The loss counts the seen classes from 0,
    in their order. ``calibration``: subtracted from the scores of seen classes outside of training.
    """

    class_names: tuple[str, ...]
    unseen: tuple[int, ...]
    ignore_index: int
    calibration: float = 0.0

    @classmethod
    def of(
        cls, space: LabelSpace, unseen: Collection[str], calibration: float = 0.0
    ) -> SeenClasses:
        """Look up the names of the unseen classes.

        Raises: PluxelError for a name that is not a class, and if no class is left.
        """
        for name in unseen:
            if name not in space.class_names:
                raise PluxelError(
                    f"no class is called '{name}'.{did_you_mean(name, space.class_names)}"
                )
        indices = tuple(i for i, name in enumerate(space.class_names) if name in unseen)
        if len(indices) == space.num_classes:
            raise PluxelError("all classes are unseen: there is nothing to train on")
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
        """What is added to the scores of each class outside of training; None for nothing."""
        if not self.calibration:
            return None
        return [
            0.0 if index in self.unseen else -self.calibration
            for index in range(len(self.class_names))
        ]

    def of_each(self, values: Sequence[Any]) -> list[Any]:
        """Return the values of the seen classes, from one value a class."""
        return [values[index] for index in self.seen]

    def scores(self, scores: Scores) -> Scores:
        """Return the scores of seen classes; coarse, so the copy is small."""
        index = torch.tensor(self.seen, device=scores.tensor.device)
        return replace(scores, tensor=scores.tensor.index_select(1, index))

    def target(self, target: Tensor) -> Tensor:
        """Return labels (N, H, W) int64 by seen class, those of unseen ones ignored."""
        return self._table.to(target.device)[target]

    @cached_property
    def _table(self) -> Tensor:
        table = torch.full((self.ignore_index + 1,), self.ignore_index)
        table[self.seen] = torch.arange(len(self.seen))
        return table


@dataclass(frozen=True)
class ZeroShotScores:
    """Mean IoU and mean accuracy over seen and over unseen classes, NaN where none occurs.

    ``harmonic_mean_iou``: 2su / (s + u) of the two mean IoU (Xian et al. 2019, equation 5).
    """

    seen_mean_iou: float
    unseen_mean_iou: float
    harmonic_mean_iou: float
    seen_mean_accuracy: float
    unseen_mean_accuracy: float

    @classmethod
    def of(cls, iou: np.ndarray, accuracy: np.ndarray, unseen: Sequence[int]) -> ZeroShotScores:
        """``iou``, ``accuracy``: (C,) float64, NaN for classes that do not occur."""
        is_unseen = np.isin(np.arange(len(iou)), unseen)
        seen, other = _mean(iou[~is_unseen]), _mean(iou[is_unseen])
        total = seen + other
        return cls(
            seen,
            other,
            2 * seen * other / total if total else total,
            _mean(accuracy[~is_unseen]),
            _mean(accuracy[is_unseen]),
        )

    def scalars(self) -> dict[str, float]:
        """Return the five by name."""
        return dict(vars(self))


def _mean(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
