"""A prediction draws itself on axes and in notebooks."""

from __future__ import annotations

import io

import numpy as np
from matplotlib.figure import Figure
from PIL import Image
from pluxel.core import LabelMap, LabelSpace
from pluxel.core.engine.inference.prediction import Prediction

SPACE = LabelSpace(
    LabelMap(
        {0: "$road$", 1: "_car", 2: "never", 9: "ignore"},
        {"$road$": (100, 0, 0), "_car": (0, 200, 0)},
    )
)
FOUND = Prediction(SPACE, np.array([[0, 1, 1], [0, 0, 255]], np.uint8))
STRIPES = {205, 120}


def test_the_picture_on_the_axes_is_the_overlay() -> None:
    photo = np.full((2, 3, 3), 80, np.uint8)
    ours = Figure().add_subplot()
    assert FOUND.show(photo, 0.25, ax=ours) is ours
    drawn = np.asarray(ours.get_images()[0].get_array())
    assert np.array_equal(drawn[0], FOUND.overlay(photo, 0.25)[0])
    assert drawn[0, 1].tolist() == [60, 110, 60]
    assert {*drawn[1, 2].tolist()} <= STRIPES
    legend = ours.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["$road$", "_car", "ignore"]


def test_without_an_image_the_colors_show() -> None:
    axes = FOUND.show()
    drawn = np.asarray(axes.get_images()[0].get_array())
    assert drawn[0].tolist() == [[100, 0, 0], [0, 200, 0], [0, 200, 0]]


def test_a_notebook_shows_colors_and_a_legend() -> None:
    with Image.open(io.BytesIO(FOUND._repr_png_())) as file:
        shown = np.asarray(file)
    for color in SPACE.palette[:2]:
        rows, _ = np.nonzero((shown == color).all(2))
        assert (rows < 350).any()  # the picture, 320 pixels high
        assert (rows > 350).any()  # the legend
    assert not (shown == SPACE.palette[2]).all(2).any()


def test_a_large_prediction_is_small_in_a_notebook() -> None:
    large = Prediction(SPACE, np.zeros((3000, 4000), np.uint8))
    with Image.open(io.BytesIO(large._repr_png_())) as file:
        assert file.width == 480 + 12
