"""The color of each pixel in overlays, hatched pixels, errors and thumbnails."""

from __future__ import annotations

import numpy as np
import pytest
from pluxel.core import LabelMap, LabelSpace
from pluxel.core.pictures.masks import (
    errors_over,
    faded,
    hatched,
    labels_over,
    overlay,
)
from pluxel.core.pictures.thumbnails import fitted, sampled, thumbnail
from pluxel.registry import PluxelError

SPACE = LabelSpace(
    LabelMap({0: "road", 1: "car", 9: "ignore"}, {"road": (100, 0, 0), "car": (0, 200, 0)})
)
GRAY = np.full((2, 3, 3), 80, np.uint8)
TRUTH = np.array([[0, 0, 1], [1, 255, 255]], np.uint8)
PREDICTED = np.array([[0, 1, 1], [0, 0, 1]], np.uint8)
STRIPES = (205, 120)


@pytest.mark.parametrize(
    ("opacity", "red"), [(0, 80), (1, 100), (0.5, 90), (0.55, round(0.55 * 100 + 0.45 * 80))]
)
def test_opacity_is_the_share_of_the_color(opacity: float, red: int) -> None:
    drawn = overlay(GRAY, SPACE.colorize(TRUTH), opacity)
    assert drawn[0, 0].tolist() == [red, round(80 * (1 - opacity)), round(80 * (1 - opacity))]
    assert drawn.dtype == np.uint8


@pytest.mark.parametrize(
    ("image", "value"),
    [
        (np.full((2, 3, 1), 65535, np.uint16), 255),
        (np.full((2, 3, 2), 0.2, np.float32), 51),
        (np.full((2, 3, 7), 51, np.uint8), 51),
    ],
)
def test_any_raw_pixels_show_below_the_colors(image: np.ndarray, value: int) -> None:
    black = np.zeros((2, 3, 3), np.uint8)
    assert overlay(image, black, 0)[1, 2].tolist() == [value] * 3


def test_ignored_pixels_are_hatched() -> None:
    drawn = labels_over(GRAY, SPACE, TRUTH, 1)
    assert drawn[0, 2].tolist() == [0, 200, 0]
    assert {*drawn[1, 1:].ravel().tolist()} <= {*STRIPES}
    whole = hatched(np.zeros((16, 16, 3), np.uint8), np.ones((16, 16), bool))
    assert {*np.unique(whole).tolist()} == {*STRIPES}
    assert np.array_equal(whole[0, 1:], whole[1, :-1])  # diagonal


@pytest.mark.parametrize("shape", [(2, 4, 3), (2, 3)])
def test_an_image_that_does_not_fit_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(PluxelError, match=r"of shape \(2, .* a prediction of 2×3 pixels"):
        overlay(np.zeros(shape, np.uint8), np.zeros((2, 3, 3), np.uint8))


def test_errors_have_the_color_of_the_predicted_class() -> None:
    drawn = errors_over(GRAY, SPACE, TRUTH, PREDICTED)
    assert drawn[0, 1].tolist() == [0, 200, 0]
    assert drawn[1, 0].tolist() == [100, 0, 0]
    assert drawn[0, 0].tolist() == drawn[0, 2].tolist() == faded(GRAY)[0, 0].tolist()
    assert {*drawn[1, 1:].ravel().tolist()} <= {*STRIPES}


def test_a_faded_image_is_between_light_gray_and_white() -> None:
    assert faded(np.array([[[0, 0, 0], [255, 255, 255]]], np.uint8))[0, :, 0].tolist() == [190, 255]


@pytest.mark.parametrize(
    ("size", "found"),
    [
        ((8000, 6000), (240, 180)),
        ((1, 1), (240, 240)),
        ((1, 9000), (1, 240)),
        ((100, 100), (200, 200)),
        ((200, 240), (200, 240)),
    ],
)
def test_images_of_any_size_fit(size: tuple[int, int], found: tuple[int, int]) -> None:
    assert fitted(size, 240) == found


def test_thumbnails_average_colors_but_not_ids() -> None:
    picture = np.zeros((4, 4, 3), np.uint8)
    picture[:, 2:] = 200
    assert thumbnail(picture, (1, 1))[0, 0].tolist() == [100, 100, 100]
    assert thumbnail(picture, (8, 8))[0, :, 0].tolist() == [0] * 4 + [200] * 4
    ids = np.arange(16).reshape(4, 4)
    assert sampled(ids, (2, 2)).tolist() == [[5, 7], [13, 15]]
    assert sampled(ids[:1, :1], (2, 3)).tolist() == [[0] * 3] * 2
