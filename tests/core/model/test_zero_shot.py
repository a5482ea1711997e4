"""Seen classes in training, and the metrics of seen and unseen classes."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from pluxel.core import Grid, LabelMap, LabelSpace, Scores
from pluxel.core.model.zero_shot import SeenClasses, ZeroShotScores
from pluxel.registry import PluxelError

SPACE = LabelSpace(LabelMap({0: "sky", 1: "bus", 2: "road", 9: "ignore"}))
SEEN = SeenClasses.of(SPACE, ["bus"])


def test_scores_and_labels_keep_the_seen_classes_in_their_order():
    scores = Scores(torch.arange(3.0).view(1, 3, 1, 1), Grid(8), "zeros")
    kept = SEEN.scores(scores)
    assert kept.tensor.flatten().tolist() == [0, 2]
    assert (kept.grid, kept.border) == (scores.grid, scores.border)
    assert SEEN.target(torch.tensor([[[0, 1, 2, 255]]])).tolist() == [[[0, 255, 1, 255]]]
    assert SEEN.select(SPACE.class_names) == ["sky", "road"]


def test_the_calibration_lowers_the_scores_of_seen_classes():
    assert SEEN.offsets is None
    assert SeenClasses.of(SPACE, ["bus"], 0.5).offsets == [-0.5, 0, -0.5]
    assert SEEN.unseen_names == ["bus"]


def test_many_classes_use_another_ignore_index():
    space = LabelSpace(LabelMap({i: f"class {i}" for i in range(300)}))
    seen = SeenClasses.of(space, ["class 0"])
    assert seen.target(torch.tensor([0, 299, 65535])).tolist() == [65535, 298, 65535]


def test_a_misspelled_class_raises():
    with pytest.raises(PluxelError, match=r"'buss'\. Did you mean 'bus'\?"):
        SeenClasses.of(SPACE, ["buss"])


def test_unseen_classes_alone_raise():
    with pytest.raises(PluxelError, match="training needs at least one seen class"):
        SeenClasses.of(SPACE, ["sky", "bus", "road"])


def test_seen_and_unseen_classes_are_averaged_separately():
    iou, accuracy = np.array([0.8, 0.2, 0.4]), np.array([0.9, 0.3, 0.5])
    scores = ZeroShotScores.of(iou, accuracy, SEEN.unseen)
    assert scores.seen_mean_iou == pytest.approx(0.6)
    assert scores.unseen_mean_iou == pytest.approx(0.2)
    assert scores.harmonic_mean_iou == pytest.approx(2 * 0.6 * 0.2 / 0.8)
    assert scores.seen_mean_accuracy == pytest.approx(0.7)
    assert scores.unseen_mean_accuracy == pytest.approx(0.3)


def test_absent_classes_are_not_averaged():
    scores = ZeroShotScores.of(np.array([0.8, math.nan, math.nan]), np.full(3, 0.5), (1,))
    assert scores.seen_mean_iou == 0.8
    assert math.isnan(scores.unseen_mean_iou)
    assert math.isnan(scores.harmonic_mean_iou)


def test_the_harmonic_mean_of_zeros_is_zero():
    assert ZeroShotScores.of(np.zeros(3), np.zeros(3), (1,)).harmonic_mean_iou == 0
