"""The parts of scalars' names, whatever classes are called."""

from __future__ import annotations

import pytest
from pluxel.core.engine.titles import losses, overall, scalar_names_in, scalar_titles

ODD = ("loss", "mean_iou", "a/b", "iou/loss")
"""Names of classes that look like others."""
ONE_HEAD = ["lr", "train/loss", "val/loss", "val/pixel_accuracy", "val/mean_iou", "val/dice"]
OF_CLASSES = [f"val/{score}/{name}" for score in ("iou", "accuracy", "dice") for name in ODD]
TWO_HEADS = ["lr", "train/loss", "val/loss"]
for _head in ("semantic", "iou"):
    TWO_HEADS += [f"train/{_head}/loss", f"val/{_head}/loss", f"val/{_head}/mean_iou"]
OF_HEADS = [f"val/{head}/iou/{name}" for head in ("semantic", "iou") for name in ODD]


def test_one_head() -> None:
    names = ONE_HEAD + OF_CLASSES
    assert losses(names) == ["train/loss", "val/loss"]
    assert overall(names) == ["val/pixel_accuracy", "val/mean_iou", "val/dice"]
    assert [n for n, parts in scalar_names_in(names).items() if parts.of_class] == OF_CLASSES


def test_several_heads() -> None:
    names = TWO_HEADS + OF_HEADS
    assert losses(names) == [name for name in TWO_HEADS if name.endswith("/loss")]
    assert overall(names) == ["val/semantic/mean_iou", "val/iou/mean_iou"]
    assert [n for n, parts in scalar_names_in(names).items() if parts.of_class] == OF_HEADS


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("lr", "learning rate"),
        ("train/loss", "loss on train"),
        ("val/mean_iou", "mean IoU"),
        ("val/iou/loss", "IoU of loss"),
        ("val/accuracy/a/b", "accuracy of a/b"),
    ],
)
def test_titles_with_one_head(name: str, title: str) -> None:
    assert scalar_titles([*ONE_HEAD, *OF_CLASSES])[name] == title


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("train/loss", "loss on train"),
        ("train/semantic/loss", "semantic: loss on train"),
        ("val/iou/loss", "iou: loss on val"),
        ("val/iou/iou/loss", "iou: IoU of loss"),
        ("val/semantic/mean_iou", "semantic: mean IoU"),
    ],
)
def test_titles_with_several_heads(name: str, title: str) -> None:
    assert scalar_titles([*TWO_HEADS, *OF_HEADS])[name] == title
