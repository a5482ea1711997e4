"""Shapes: only form distinguishes the classes."""

import numpy as np
import pytest
from pluxel.core.data.splits import SplitError
from pluxel.plugins.datasets.shapes import CLASSES, Shapes

BINS = 12
"""Levels per color channel that the classifier distinguishes."""


def histograms(dataset: Shapes, indices: range) -> np.ndarray:
    """Return how often each class has each color, (classes, colors)."""
    counts = np.zeros((len(CLASSES), BINS**3))
    for i in indices:
        sample = dataset[i]
        steps = sample.inputs["image"].astype(int) * BINS // 256
        colors = steps @ (BINS**2, BINS, 1)
        np.add.at(counts, (sample.labels["semantic"].ravel(), colors.ravel()), 1)
    return counts


def fit_to_colors(dataset: Shapes) -> float:
    """Return the mean class accuracy of the best classifier of single pixels, on new images."""
    known, unseen = histograms(dataset, range(400)), histograms(dataset, range(1000, 1200))
    # Classes have equal weight; an unseen color is a guess among all classes.
    guess = ((known + 1) / (known + 1).sum(1, keepdims=True)).argmax(0)
    right = [unseen[one, guess == one].sum() / unseen[one].sum() for one in range(len(CLASSES))]
    return float(np.mean(right))


@pytest.mark.slow
def test_color_carries_no_information():
    accuracy = fit_to_colors(Shapes("train"))
    assert accuracy < 0.40
    assert abs(accuracy - 1 / len(CLASSES)) < 0.06  # chance


@pytest.mark.slow
def test_the_classifier_detects_color_differences(monkeypatch):
    """The classifier detects the classes from a slight difference in color."""
    honest = Shapes.__getitem__

    def tinted(self: Shapes, index: int):
        sample = honest(self, index)
        image, labels = sample.inputs["image"], sample.labels["semantic"]
        hint = np.clip(image // 2 + 25 * labels[..., None], 0, 255).astype(np.uint8)
        return type(sample)(sample.name, {"image": hint}, {"semantic": labels})

    monkeypatch.setattr(Shapes, "__getitem__", tinted)
    assert fit_to_colors(Shapes("train")) > 0.25


def test_every_class_occurs():
    dataset = Shapes("train")
    counts = sum(
        np.bincount(dataset[i].labels["semantic"].ravel(), minlength=6) for i in range(300)
    )
    shares = counts / counts.sum()
    assert 0.7 < shares[0] < 0.9
    assert (shares[1:] > 0.02).all()


@pytest.mark.parametrize("size", [32, 96, 160])
def test_forms_are_large_and_contrast_with_the_background(size):
    """At least one form per image, with contrast to the background in every channel."""
    dataset = Shapes("train", size=size)
    for i in range(30):
        image, labels = dataset[i].inputs["image"], dataset[i].labels["semantic"]
        assert image.shape == (size, size, 3)
        assert (labels > 0).mean() > 0.02
    contrasts = []
    for i in range(30):
        image, labels = dataset[i].inputs["image"].astype(float), dataset[i].labels["semantic"]
        for one in set(np.unique(labels)) - {0}:
            ground = image[labels == 0].mean(0)
            contrasts.append(np.abs(image[labels == one].mean(0) - ground).max())
    assert np.median(contrasts) > 60


def test_train_is_endless():
    dataset = Shapes("train", length=10)
    assert dataset.endless
    assert len(dataset) == 10
    assert dataset[10**12].inputs["image"].any()
    assert not Shapes("val").endless
    with pytest.raises(IndexError):
        dataset[-1]


def test_seeds_and_splits_differ():
    pictures = [
        Shapes(split, seed=seed)[3].inputs["image"].tobytes()
        for split in ("train", "val", "test")
        for seed in (0, 1)
    ]
    assert len(set(pictures)) == 6


def test_labels_do_not_depend_on_drawing_the_image():
    dataset = Shapes("train")
    sample = dataset[5]
    sample.inputs["image"]
    assert (sample.labels["semantic"] == dataset[5].labels["semantic"]).all()


def test_fewer_forms():
    dataset = Shapes("train", max_forms=1)
    for i in range(20):
        assert len(np.unique(dataset[i].labels["semantic"])) == 2


def test_unknown_split():
    with pytest.raises(SplitError, match=r"shapes has no split 'vall', it has train, val, test\."):
        Shapes("vall")
