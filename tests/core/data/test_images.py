"""Reading real image files in all supported formats."""

import logging

import cv2
import numpy as np
import pytest
import tifffile
import torch
from PIL import Image
from pluxel.core.contracts.inputs import InputSpec
from pluxel.core.data.images import (
    array_input,
    image_files,
    image_shape,
    read_image,
    write_palette_mask,
)
from pluxel.core.data.pixels import ImageError
from pluxel.registry import PluxelError

from .image_files import RGB, SIDEWAYS, exif, save, with_exif


class TestReadImage:
    def test_returns_rgb_unchanged(self, tmp_path, caplog):
        caplog.set_level(logging.INFO, "pluxel")
        assert (read_image(save(tmp_path / "a.png", RGB)) == RGB).all()
        assert not caplog.records

    @pytest.mark.parametrize(
        ("mode", "what"),
        [
            ("L", "grayscale"),
            ("LA", "grayscale with alpha"),
            ("1", "1-bit"),
            ("P", "palette"),
            ("RGBA", "RGBA"),
        ],
    )
    def test_converts_modes_and_logs_one_line_per_file(self, tmp_path, caplog, mode, what):
        caplog.set_level(logging.INFO, "pluxel")
        image = Image.fromarray(RGB).convert(mode)
        path = save(tmp_path / "a.png", image)
        for _ in range(3):
            read = read_image(path)
        assert (read == np.asarray(image.convert("RGB"))).all()
        assert [record.getMessage() for record in caplog.records] == [
            f"{path}: converted from {what} to RGB"
        ]

    def test_drops_alpha_and_keeps_color(self, tmp_path):
        rgba = np.dstack([RGB, np.zeros((6, 9), np.uint8)])
        assert (read_image(save(tmp_path / "a.png", rgba)) == RGB).all()

    def test_converts_cmyk(self, tmp_path):
        path = save(tmp_path / "a.jpg", Image.new("CMYK", (9, 6), (0, 255, 255, 0)))
        read = read_image(path)
        assert read.shape == (6, 9, 3)
        assert np.abs(read.astype(int) - (255, 0, 0)).max() < 8

    @pytest.mark.parametrize("name", ["a.png", "a.tiff"])
    def test_sixteen_bits_of_gray_are_repeated(self, tmp_path, name, caplog):
        caplog.set_level(logging.INFO, "pluxel")
        path = save(tmp_path / name, np.array([[0, 257, 65535]], np.uint16))
        read = read_image(path)
        assert read.dtype == np.uint16
        assert read[0].tolist() == [[0] * 3, [257] * 3, [65535] * 3]
        depth = "16-bit " if name == "a.png" else ""
        assert caplog.messages == [f"{path}: converted from {depth}grayscale to RGB"]

    @pytest.mark.parametrize("stored", [1, 3, 4], ids=["gray", "RGB", "RGBA"])
    @pytest.mark.parametrize("channels", [1, 3, 4])
    @pytest.mark.parametrize("orientation", [1, SIDEWAYS])
    def test_png_keeps_sixteen_bits_per_channel(self, tmp_path, stored, channels, orientation):
        wide = np.random.default_rng(0).integers(0, 65536, (5, 7, stored)).astype(np.uint16)
        cv2.imwrite(
            str(tmp_path / "a.png"), wide[..., [2, 1, 0, 3][:stored]] if stored > 1 else wide
        )
        if orientation == SIDEWAYS:
            with_exif(tmp_path / "a.png", SIDEWAYS)
            wide = np.rot90(wide, -1)
        if channels > 3 > stored or channels > stored == 3:
            with pytest.raises(ImageError, match="a.png: has . channels? .*; expected 4"):
                read_image(tmp_path / "a.png", channels)
            return
        read = read_image(tmp_path / "a.png", channels)
        if channels < stored:
            expected = (
                wide[..., :3] if channels == 3 else wide[..., :3] @ [[0.299], [0.587], [0.114]]
            )
        else:
            expected = np.repeat(wide, 3, 2) if channels > stored else wide
        assert read.dtype == np.uint16
        assert read.shape == expected.shape
        assert np.abs(read - expected.astype(float)).max() <= (channels == 1 < stored)

    def test_truncated_png_of_sixteen_bits_per_channel_is_an_error(self, tmp_path):
        wide = np.random.default_rng(0).integers(0, 65536, (50, 70, 3)).astype(np.uint16)
        cv2.imwrite(str(tmp_path / "a.png"), wide)
        data = (tmp_path / "a.png").read_bytes()
        (tmp_path / "a.png").write_bytes(data[: len(data) // 2])
        with pytest.raises(ImageError, match="a.png: cannot be read"):
            read_image(tmp_path / "a.png")

    def test_floats_of_gray_are_repeated(self, tmp_path, caplog):
        caplog.set_level(logging.INFO, "pluxel")
        path = save(tmp_path / "a.tiff", np.array([[0, 0.2, 1]], np.float32))
        assert read_image(path)[0, :, 2].tolist() == [0, np.float32(0.2), 1]
        assert caplog.messages == [f"{path}: converted from grayscale to RGB"]

    @pytest.mark.parametrize("channels", [1, 3])
    @pytest.mark.parametrize("suffix", [".tiff", ".npy"])
    @pytest.mark.parametrize(
        ("low", "high", "values_text"),
        [(-3, 0.5, "-3 to 0.5"), (0, 255, "0 to 255")],
    )
    def test_rejects_floats_outside_their_range(
        self, tmp_path, channels, suffix, low, high, values_text
    ):
        """The maximum of one image does not determine its scale."""
        path, values = tmp_path / f"a{suffix}", np.array([[low, 0.1, high]], np.float32)
        if suffix == ".npy":
            np.save(path, np.dstack([values] * channels))
        else:
            save(path, values)
        with pytest.raises(ImageError) as caught:
            read_image(path, channels)
        assert str(caught.value) == (
            f"{path}: has values from {values_text}, but float32 images must be in 0 to 1. Declare "
            "the value that stands for 1 in the dataset, such as scale: 10000, and the value of "
            "missing pixels, such as nodata: -9999"
        )

    @pytest.mark.parametrize("name", ["a.png", "a.tiff", "a.pgm"])
    def test_keeps_sixteen_bits_of_one_channel(self, tmp_path, caplog, name):
        """Depth in millimetres has more than 256 values."""
        caplog.set_level(logging.INFO, "pluxel")
        depth = np.arange(10_000, dtype=np.uint16).reshape(100, 100)
        read = read_image(save(tmp_path / name, depth), 1)
        assert read.dtype == np.uint16
        assert (read[..., 0] == depth).all()
        assert not caplog.records

    def test_keeps_sixteen_bits_in_either_byte_order(self, tmp_path):
        depth = np.array([[1, 256, 65535]], np.uint16)
        tifffile.imwrite(tmp_path / "a.tif", depth, byteorder=">")
        read = read_image(tmp_path / "a.tif", 1)
        assert read.dtype.isnative
        assert read[0, :, 0].tolist() == [1, 256, 65535]

    def test_keeps_floats_of_one_channel(self, tmp_path):
        depth = np.array([[0, 0.123456, 1]], np.float32)
        read = read_image(save(tmp_path / "a.tiff", depth), 1)
        assert read.dtype == np.float32
        assert (read[..., 0] == depth).all()

    def test_applies_exif_to_sixteen_bits(self, tmp_path):
        depth = np.arange(6, dtype=np.uint16).reshape(2, 3) * 1000
        path = save(tmp_path / "a.png", depth, exif=exif(SIDEWAYS))
        assert (read_image(path, 1)[..., 0] == np.rot90(depth, -1)).all()

    @pytest.mark.parametrize("channels", [1, 3])
    def test_rejects_integers_outside_the_range_of_uint16(self, tmp_path, channels):
        path = save(tmp_path / "a.tiff", np.array([[-7, 70_000]], np.int32))
        with pytest.raises(
            ImageError, match="values from -7 to 70000, but int32 images must be in 0"
        ):
            read_image(path, channels)

    def test_reads_one_pixel(self, tmp_path):
        assert read_image(save(tmp_path / "a.png", RGB[:1, :1])).shape == (1, 1, 3)

    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_applies_the_exif_orientation(self, tmp_path, orientation, caplog):
        caplog.set_level(logging.INFO, "pluxel")
        stored = np.zeros((40, 64, 3), np.uint8)
        stored[:20, :32] = 255  # the top left quarter, as it lies in the file
        path = save(tmp_path / "a.jpg", stored, quality=95, exif=exif(orientation))
        read = read_image(path)
        assert read.shape == ((40, 64, 3) if orientation < 5 else (64, 40, 3))
        assert image_shape(path) == read.shape
        corners = {1: "00", 2: "01", 3: "11", 4: "10", 5: "00", 6: "01", 7: "11", 8: "10"}
        row, column = (int(flag) * -1 for flag in corners[orientation])
        assert read[row, column].min() > 200
        assert len(caplog.records) == (orientation != 1)

    def test_converts_to_grayscale(self, tmp_path):
        gray = RGB[..., 0]
        assert (read_image(save(tmp_path / "a.png", gray), 1) == gray[..., None]).all()

    def test_reads_four_channels(self, tmp_path):
        rgba = np.dstack([RGB, RGB[..., 0]])
        assert (read_image(save(tmp_path / "a.png", rgba), 4) == rgba).all()
        with pytest.raises(ImageError, match=r"b.png: has 3 channels \(RGB\); expected 4"):
            read_image(save(tmp_path / "b.png", RGB), 4)


def test_image_files_skips_hidden_files(tmp_path):
    for name in ("b.JPG", "sub/a.png", "._b.jpg", "sub/.a.png", ".copies/b.jpg", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert image_files(tmp_path) == [tmp_path / "b.JPG", tmp_path / "sub/a.png"]


class TestArrays:
    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
    @pytest.mark.parametrize("channels", [1, 2, 3, 5])
    def test_reads_npy(self, tmp_path, dtype, channels):
        array = np.arange(4 * 5 * channels).reshape(4, 5, channels).astype(dtype)
        array = array / 100 if dtype is np.float32 else array
        np.save(tmp_path / "a.npy", array)
        read = read_image(tmp_path / "a.npy", channels)
        assert read.dtype == dtype
        assert (read == array).all()
        assert image_shape(tmp_path / "a.npy") == (4, 5, 3 if channels == 1 else channels)

    @pytest.mark.parametrize("shape", [(4, 5), (4, 5, 1)])
    @pytest.mark.parametrize("dtype", [np.uint8, np.float32])
    def test_gray_is_repeated_for_three_channels(self, tmp_path, caplog, shape, dtype):
        caplog.set_level(logging.INFO, "pluxel")
        path, gray = tmp_path / "a.npy", (np.arange(20) / (20 if dtype(0.5) else 1)).astype(dtype)
        np.save(path, gray.reshape(shape))
        read = read_image(path)
        assert read.dtype == dtype
        assert (read == gray.reshape(4, 5, 1)).all()
        assert read.shape == image_shape(path) == (4, 5, 3)
        assert caplog.messages == [f"{path}: converted from grayscale to RGB"]

    def test_repeated_gray_keeps_its_holes_and_scale(self):
        gray = np.ma.MaskedArray(np.array([[100, 50]], np.int16), [[False, True]])
        read = array_input(gray, 3, "a", InputSpec(scale=200))
        assert np.ma.getmaskarray(read).tolist() == [[[False] * 3, [True] * 3]]
        assert np.asarray(read).tolist() == [[[0.5] * 3, [0] * 3]]

    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64, np.int32])
    @pytest.mark.parametrize("order", "<>")
    def test_byte_order_is_that_of_the_machine(self, tmp_path, dtype, order):
        array = np.arange(12).reshape(3, 4).astype(dtype) / (12 if dtype(0.5) else 1)
        np.save(tmp_path / "a.npy", array.astype(np.dtype(dtype).newbyteorder(order)))
        read = read_image(tmp_path / "a.npy", 1)
        assert read.dtype.isnative
        torch.from_numpy(read)
        np.testing.assert_allclose(read[..., 0], array, rtol=1e-6)

    @pytest.mark.parametrize("dtype", [np.int16, np.int32, np.uint32])
    def test_other_integers_become_uint16_if_they_fit(self, tmp_path, dtype):
        np.save(tmp_path / "a.npy", np.array([[0, 30_000]], dtype))
        assert read_image(tmp_path / "a.npy", 1).dtype == np.uint16
        np.save(tmp_path / "a.npy", np.array([[0, -1]], np.int16))
        with pytest.raises(ImageError, match="values from -1 to 0, but int16 images must be in 0"):
            read_image(tmp_path / "a.npy", 1)

    def test_float64_becomes_float32(self, tmp_path):
        np.save(tmp_path / "a.npy", np.zeros((4, 5)))
        assert read_image(tmp_path / "a.npy", 1).dtype == np.float32

    def test_rejects_another_shape(self, tmp_path):
        np.save(tmp_path / "a.npy", np.zeros((4, 5, 2), np.uint8))
        with pytest.raises(ImageError, match=r"shape \(4, 5, 2\); expected \(height, width, 3\)"):
            read_image(tmp_path / "a.npy", 3)

    def test_rejects_other_types(self, tmp_path):
        np.save(tmp_path / "a.npy", np.zeros((4, 5, 3), np.int64))
        with pytest.raises(
            ImageError, match="has type int64; expected uint8, uint16 or floating point"
        ):
            read_image(tmp_path / "a.npy", 3)

    def test_never_unpickles(self, tmp_path):
        np.save(tmp_path / "a.npy", np.array([{"code": 1}]), allow_pickle=True)
        with pytest.raises(ImageError, match=r"a.npy: cannot be read"):
            read_image(tmp_path / "a.npy", 3)

    @pytest.mark.parametrize("planar", [False, True])
    def test_reads_tiff(self, tmp_path, planar):
        array = np.arange(7 * 8 * 5, dtype=np.uint16).reshape(7, 8, 5)
        tifffile.imwrite(
            tmp_path / "a.tif",
            np.moveaxis(array, -1, 0) if planar else array,
            planarconfig="separate" if planar else "contig",
            photometric="minisblack",
        )
        assert (read_image(tmp_path / "a.tif", 5) == array).all()
        assert image_shape(tmp_path / "a.tif") == (7, 8, 5)

    def test_other_formats_do_not_support_five_channels(self, tmp_path):
        with pytest.raises(ImageError, match=r"only TIFF and .npy files support channel counts"):
            read_image(save(tmp_path / "a.png", RGB), 5)


@pytest.mark.parametrize("ids", [[0, 256], [-1, 3]])
def test_a_palette_has_256_ids(tmp_path, ids):
    path = tmp_path / "a.png"
    with pytest.raises(PluxelError) as caught:
        write_palette_mask(path, np.array([ids]), {})
    assert str(caught.value) == f"{path}: a palette has ids of 0 to 255, not {ids[0]} to {ids[1]}"
    assert not path.exists()
