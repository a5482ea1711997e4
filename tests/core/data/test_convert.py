"""Pillow images are converted like image files."""

import logging

import numpy as np
import pytest
from PIL import Image
from pluxel.core.data.images import (
    ImageError,
    convert,
    read_image,
)

from .image_files import RGB, SIDEWAYS, exif, save, truncated_jpeg


class TestConvert:
    """An image in memory is converted like its file."""

    @pytest.mark.parametrize(
        "image",
        [
            Image.fromarray(RGB),
            *(Image.fromarray(RGB).convert(mode) for mode in ("L", "LA", "1", "P", "RGBA")),
            Image.fromarray(np.array([[0, 257, 65535]], np.uint16)),
            Image.fromarray(np.array([[0, 0.2, 1]], np.float32)),
        ],
        ids=lambda image: image.mode,
    )
    @pytest.mark.parametrize("channels", [1, 3])
    def test_equals_read_image(self, tmp_path, image, channels):
        path = save(tmp_path / "a.tiff", image)
        assert np.array_equal(convert(image, channels, "it"), read_image(path, channels))

    def test_applies_the_exif_orientation_in_memory(self, tmp_path):
        path = save(tmp_path / "a.png", RGB, exif=exif(SIDEWAYS))
        with Image.open(path) as image:
            assert (convert(image, 3, "it") == np.rot90(RGB, -1)).all()

    def test_logs_the_conversion(self, caplog):
        caplog.set_level(logging.INFO, "pluxel")
        convert(Image.fromarray(RGB[..., 0]), 3, "the photograph")
        assert caplog.messages == ["the photograph: converted from grayscale to RGB"]

    def test_rejects_a_missing_channel(self):
        with pytest.raises(ImageError, match=r"it: has 3 channels \(RGB\); expected 4"):
            convert(Image.fromarray(RGB), 4, "it")

    def test_keeps_two_channels(self):
        image = Image.fromarray(RGB).convert("LA")
        assert np.array_equal(convert(image, 2, "it"), np.asarray(image))

    @pytest.mark.parametrize("mode", ["RGB", "L", "F"])
    def test_rejects_an_empty_image(self, mode):
        with pytest.raises(ImageError, match="^it: "):
            convert(Image.new(mode, (0, 4)), 3, "it")

    def test_reports_a_truncated_file(self, tmp_path):
        with (
            Image.open(truncated_jpeg(tmp_path / "a.jpg")) as image,
            pytest.raises(ImageError, match="^it: cannot be read: "),
        ):
            convert(image, 3, "it")
