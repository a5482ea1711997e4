"""Pillow images are converted like image files."""

import logging
import sys
from io import BytesIO

import cv2
import numpy as np
import pytest
from PIL import Image
from pluxel.core.contracts.inputs import InputSpec
from pluxel.core.data.images import (
    ImageError,
    convert,
    read_image,
)
from pluxel.registry import MissingPackage

from .image_files import RGB, SIDEWAYS, exif, save, truncated_jpeg, with_exif


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

    @pytest.mark.parametrize("channels", [1, 3])
    @pytest.mark.parametrize("turned", [1, SIDEWAYS])
    @pytest.mark.parametrize("encoding", [InputSpec(), InputSpec(scale=10_000)])
    def test_keeps_sixteen_bits_of_a_file_in_memory(self, tmp_path, channels, turned, encoding):
        wide = np.random.default_rng(0).integers(0, 10_000, (5, 7, 3)).astype(np.uint16)
        path = tmp_path / "a.png"
        cv2.imwrite(str(path), wide)
        if turned == SIDEWAYS:
            with_exif(path, SIDEWAYS)
        with Image.open(BytesIO(path.read_bytes())) as image:
            found = convert(image, channels, "it", encoding)
        assert np.array_equal(found, read_image(path, channels, encoding))
        if channels == 3 and turned == 1:
            assert np.array_equal(found, wide[..., ::-1] / np.float32(encoding.scale or 1))

    def test_names_the_package_for_sixteen_bits_in_color(self, tmp_path, monkeypatch):
        cv2.imwrite(str(tmp_path / "a.png"), np.zeros((5, 7, 3), np.uint16))
        monkeypatch.setitem(sys.modules, "cv2", None)
        with pytest.raises(MissingPackage) as caught:
            read_image(tmp_path / "a.png")
        assert str(caught.value) == (
            f"{tmp_path}/a.png needs opencv-python-headless, which is not installed: "
            "pip install opencv-python-headless"
        )
        assert read_image(save(tmp_path / "b.png", RGB)).shape == RGB.shape

    def test_reports_a_truncated_file(self, tmp_path):
        with (
            Image.open(truncated_jpeg(tmp_path / "a.jpg")) as image,
            pytest.raises(ImageError, match="^it: cannot be read: "),
        ):
            convert(image, 3, "it")
