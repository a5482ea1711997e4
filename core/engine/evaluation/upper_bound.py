"""Bound the scores of coarse predictions: the ground truth, sampled down and up again.

Long, Shelhamer, Darrell, CVPR 2015, section 4.3, footnote: the mean IoU that a network of a stride
could reach if it predicted each cell perfectly. The paper does not say how it samples.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Literal, get_args

import numpy as np
import torch

from ....registry import PluxelError
from ...common.logs import log_once
from ...common.progress import track
from ...config._config import Config
from ...contracts.kinds import Dataset
from ...contracts.labels import LabelSpace
from ...data.raw import raw_labels, read_sample
from ...geometry.grid import Grid
from ...geometry.scores import Scores
from ...model.blueprint import make_blueprint, resolve_labels
from ...model.strips import resampled_classes
from ..preparation import open_role
from .metrics import ConfusionMatrix, SegmentationScores

FACTORS = (128, 64, 32, 16, 8, 4)

MaskSampling = Literal["nearest", "bilinear"]
"""``nearest``: a cell has the class of its central pixel, and so have all of its pixels.
``bilinear``: a cell has the share of each class among its pixels; shares are interpolated."""

Bounds = Mapping[str, Mapping[int, SegmentationScores]]
"""Head -> factor -> scores."""


def upper_bounds(
    config: Config,
    split: str,
    *,
    factors: Sequence[int] = FACTORS,
    interpolation: MaskSampling = "nearest",
) -> Bounds:
    """Score the ground truth of a split after sampling it down by each factor and up again.

    ``split``: a role in ``splits``, or a split of the dataset. Only masks are read. Samples that
    cannot be used are skipped, with a warning, if ``training.on_bad_sample`` is ``skip``.

    Raises: ConfigError if the data are missing; PluxelError if no pixel has a label, or for a
    sample that cannot be used.
    """
    dataset = open_role(config, split)
    config = resolve_labels(config, dataset)
    blueprint = make_blueprint(config, dataset)
    spaces = blueprint.label_spaces()
    matrices = {
        head: {one: ConfusionMatrix(space.num_classes, space.ignore_index) for one in factors}
        for head, space in spaces.items()
    }
    with track(f"sampling {split}", len(dataset)) as advance:
        for index in range(len(dataset)):
            try:
                truth = _classes(dataset, index, blueprint.targets, spaces)
            except PluxelError as error:
                if config.pipeline.training.on_bad_sample == "stop":
                    raise
                log_once(logging.WARNING, f"skipped: {error.message}")
                truth = {}
            for head, classes in truth.items():
                space = spaces[head]
                for factor, matrix in matrices[head].items():
                    guess = sampled(classes, factor, space, interpolation)
                    matrix.update(torch.from_numpy(guess), torch.from_numpy(classes))
            advance()
    found = {
        head: {factor: matrix.scores() for factor, matrix in each.items()}
        for head, each in matrices.items()
    }
    for head, each in found.items():
        if not any(scores.pixels for scores in each.values()):
            raise PluxelError(f"no pixel of {split} is labeled for head '{head}'")
    return found


def _classes(
    dataset: Dataset, index: int, targets: Mapping[str, str], spaces: Mapping[str, LabelSpace]
) -> dict[str, np.ndarray]:
    """Return the classes (H, W) of a sample for each head, int64."""
    sample = read_sample(dataset, index)
    found = {}
    for head, space in spaces.items():
        target = targets[head]
        raw = raw_labels(dataset, sample, target)
        found[head] = space.encode(raw, sample.paths.get(target, sample.name)).astype(np.int64)
    return found


def sampled(
    classes: np.ndarray, factor: int, space: LabelSpace, interpolation: MaskSampling
) -> np.ndarray:
    """Return classes (H, W), int64, after sampling (H, W) down by a factor and up again.

    Cells without a labeled pixel get any class; their pixels do not count.
    """
    if interpolation not in get_args(MaskSampling):
        raise ValueError(f"unknown interpolation {interpolation!r}")
    height, width = classes.shape
    counts = _counts(classes, factor, space)
    if interpolation == "bilinear":
        shares = counts / np.maximum(counts.sum(-1, keepdims=True), 1)
        tensor = torch.from_numpy(shares.transpose(2, 0, 1)[None].astype(np.float32))
        scores = Scores(tensor, Grid(factor, Fraction(factor - 1, 2)))
        return resampled_classes(scores, (height, width))[0].numpy().astype(np.int64)
    rows, columns = (
        np.minimum(np.arange(cells) * factor + factor // 2, pixels - 1)
        for cells, pixels in zip(counts.shape[:2], (height, width), strict=True)
    )
    cells = classes[rows[:, None], columns]
    # The most frequent class, if the central pixel is ignored.
    cells = np.where(cells == space.ignore_index, counts.argmax(-1), cells)
    return np.repeat(np.repeat(cells, factor, 0), factor, 1)[:height, :width]


def _counts(classes: np.ndarray, factor: int, space: LabelSpace) -> np.ndarray:
    """Return the labeled pixels of each class in each cell, (h, w, C)."""
    height, width = (-(-side // factor) for side in classes.shape)
    labeled = classes != space.ignore_index
    rows, columns = (np.arange(side) // factor for side in classes.shape)
    cells = rows[:, None] * width + columns
    index = cells[labeled] * space.num_classes + classes[labeled]
    counts = np.bincount(index, minlength=height * width * space.num_classes)
    return counts.reshape(height, width, space.num_classes)
