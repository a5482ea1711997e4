"""Inputs of every kind have sensible colors, and captions that say what they show."""

from __future__ import annotations

import numpy as np
import pytest
from pluxel.core.contracts.inputs import InputSpec
from pluxel.core.pictures.inputs import background, input_picture

DARK, BRIGHT = [68, 1, 84], [253, 231, 36]  # the ends of viridis


def pixels(values: list, dtype: type = np.float32) -> np.ndarray:
    """Return one row of pixels (1, W, channels)."""
    return np.array([values], dtype)


def test_a_photograph_keeps_its_colors() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (4, 4, 3), np.uint8)
    drawn, note = input_picture(photo, InputSpec(), (4, 4))
    assert np.array_equal(drawn, photo)
    assert note == ""


@pytest.mark.parametrize(
    ("values", "dtype", "first", "note"),
    [
        ([[100], [0]], np.uint8, [100] * 3, ""),
        ([[65535] * 3, [0] * 3], np.uint16, [255] * 3, ""),
        ([[655] * 3, [0] * 3], np.uint16, [255] * 3, "100× brighter"),
        ([[0.2] * 3, [1.0] * 3], np.float32, [51] * 3, ""),
        ([[51, 102, 153] + [9] * 197, [0] * 200], np.uint8, [51, 102, 153], "channels 1–3 of 200"),
        ([[7, 200], [0, 0]], np.uint8, [7] * 3, "channel 1 of 2"),
    ],
)
def test_images_of_any_type_and_channels(values, dtype, first, note: str) -> None:
    drawn, found = input_picture(pixels(values, dtype), InputSpec(), (1, 2))
    assert np.abs(drawn[0, 0].astype(int) - first).max() <= 2
    assert found == note


def test_depth_is_colored_from_near_to_far_and_black_without_data() -> None:
    depth = pixels([[1000], [4000], [0]])
    drawn, note = input_picture(depth, InputSpec(kind="depth"), (1, 3))
    assert drawn[0].tolist() == [DARK, BRIGHT, [0, 0, 0]]
    assert note == "1.00–4.00 m"
    nothing, note = input_picture(depth * 0, InputSpec(kind="depth"), (1, 3))
    assert nothing.max() == 0
    assert note == "no depth"


def test_other_maps_are_colored_by_their_range() -> None:
    values = np.ma.MaskedArray(pixels([[-2, 9], [6, 9], [5, 9]]), [[[0, 0], [0, 0], [1, 1]]])
    drawn, note = input_picture(values, InputSpec(kind="map"), (1, 3))
    assert drawn[0].tolist() == [DARK, BRIGHT, [0, 0, 0]]
    assert note == "channel 1 of 2, -2–6"
    flat, note = input_picture(pixels([[3], [3]]), InputSpec(kind="map"), (1, 2))
    assert (flat[0, 0].tolist(), note) == (DARK, "3–3")


def test_hha_and_vectors_use_three_colors() -> None:
    hha, note = input_picture(pixels([[10, 20, 30]], np.uint8), InputSpec(kind="hha"), (1, 1))
    assert (hha[0, 0].tolist(), note) == (
        [10, 20, 30],
        "red: disparity, green: height, blue: angle",
    )
    signed = pixels([[-1, 0, 1]])
    drawn, note = input_picture(signed, InputSpec(kind="vectors", scale=1), (1, 1))
    assert (drawn[0, 0].tolist(), note) == ([0, 128, 255], "red: x, green: y, blue: z")
    two, _ = input_picture(pixels([[255, 0]], np.uint8), InputSpec(kind="vectors"), (1, 1))
    assert two[0, 0].tolist() == [255, 0, 128]


def test_values_that_are_not_finite_are_drawn() -> None:
    drawn, note = input_picture(pixels([[np.nan], [1], [np.inf]]), InputSpec(kind="map"), (1, 3))
    assert drawn.shape == (1, 3, 3)
    assert note == "1–1"


def test_the_background_of_overlays_has_one_scale() -> None:
    assert background(pixels([[5000.0]]), "depth").item() == pytest.approx(0.5)
    image = pixels([[1, 2, 3]], np.uint8)
    assert background(image, "color") is image
