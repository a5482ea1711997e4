"""Scores and confusion matrices as pictures and tables in notebooks."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from pluxel.core import ConfusionMatrix
from pluxel.core.engine.evaluation.evaluation import Evaluation
from pluxel.core.engine.evaluation.metrics import SegmentationScores
from pluxel.registry import PluxelError


def test_a_confusion_matrix_is_plotted_on_given_axes() -> None:
    matrix = ConfusionMatrix(2, 255)
    matrix.update(torch.tensor([0, 1, 1, 1]), torch.tensor([0, 0, 1, 255]))
    ours = Figure().add_subplot()
    assert matrix.plot(["road", "car"], ax=ours) is ours
    (image,) = ours.get_images()
    assert np.asarray(image.get_array()).tolist() == [[0.5, 0.5], [0, 1]]
    assert [label.get_text() for label in ours.get_xticklabels()] == ["road", "car"]
    counts = matrix.plot(normalize="counts")
    assert [text.get_text() for text in counts.texts] == ["1", "1", "0", "1"]
    assert [label.get_text() for label in counts.get_yticklabels()] == ["0", "1"]
    with pytest.raises(PluxelError, match="does not fit 1 class name"):
        matrix.plot(["road"])


def test_scores_are_a_table_with_escaped_names() -> None:
    names = ["<script>alert(1)</script>", "never"]
    scores = SegmentationScores.of(np.array([[3, 1], [0, 0]]))
    found = Evaluation(0.25, {"main": 0.25}, {"main": scores}, {"main": names}, {"main": []})
    html = found._repr_html_()
    assert "<script" not in html
    row = "<td>&lt;script&gt;alert(1)&lt;/script&gt;</td><td>75.0 %</td><td>75.0 %</td>"
    assert row in html
    assert "<td>never</td><td>0.0 %</td><td>–</td>" in html
    assert "<tr><td>pixel accuracy</td><td>75.0 %</td></tr>" in html
    assert html.endswith("loss 0.2500")
