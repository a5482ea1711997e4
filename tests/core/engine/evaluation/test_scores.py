"""The scores of the FCN paper, for many sums at once."""

from __future__ import annotations

import numpy as np
from pluxel.core.engine.evaluation.metrics import SegmentationScores
from pluxel.core.engine.evaluation.scores import paper_scores


def test_scores_of_many_sums_equal_those_of_each_matrix() -> None:
    random = np.random.default_rng(0)
    for classes in (1, 4, 9):
        matrices = random.integers(0, 50, (6, classes, classes))
        matrices[0, 0] = 0  # absent, perhaps predicted
        matrices[1, :, 0] = matrices[1, 0] = 0
        matrices[2] = 0
        diagonal = matrices.diagonal(axis1=1, axis2=2)
        found = paper_scores(np.stack([diagonal, matrices.sum(2), matrices.sum(1)], -1))
        for at, matrix in enumerate(matrices):
            expected = SegmentationScores.of(matrix)
            for name, value in found.overall.items():
                np.testing.assert_allclose(value[at], getattr(expected, name))
            np.testing.assert_allclose(found.per_class["iou"][at], expected.iou)
            np.testing.assert_allclose(found.per_class["accuracy"][at], expected.accuracy)
