"""The table of results: several heads, absent classes, and classes predicted although absent."""

import torch
from pluxel.core import ConfusionMatrix
from pluxel.core.engine.evaluation.table import table

NAMES = ["sky", "road", "car", "pole", "tree"]


def results(**heads: tuple[list[int], list[int]]) -> dict:
    found = {}
    for head, (truth, prediction) in heads.items():
        matrix = ConfusionMatrix(5, 255)
        matrix.update(torch.tensor(prediction), torch.tensor(truth))
        found[head] = matrix.scores().to_json(NAMES)
    return {"heads": found, "loss": 1.5, "split": "val", "step": 3}


def test_classes_predicted_although_absent_add_the_mean_over_those_present():
    """The vector of truths and predictions is the one of docs/metrics.md."""
    truth, prediction = [0, 0, 0, 1, 1, 255, 255, 2, 2, 2], [0, 0, 1, 1, 3, 0, 2, 2, 2, 0]
    lines = table(results(semantic=(truth, prediction))).splitlines()
    assert lines[:5] == [
        "pixel accuracy            62.5",
        "mean accuracy             61.1",
        "mean IoU                  37.5",
        "frequency-weighted IoU    52.1",
        "mean IoU, if present      50.0",
    ]
    assert "absent (left out of the means): tree" in lines
    assert "predicted although absent (0 in mean IoU): pole" in lines


def test_heads_have_titles_and_their_own_scores():
    text = table(results(semantic=([0, 1], [0, 0]), geometric=([2, 2], [2, 2])))
    first, second = text.split("[geometric]")
    assert first.startswith("[semantic]\npixel accuracy            50.0\n")
    assert second.startswith("\npixel accuracy           100.0\n")
    assert "if present" not in text
    assert text.endswith("loss 1.5000, split val, step 3")
