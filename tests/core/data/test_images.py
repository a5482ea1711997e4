"""Real files in every format that a person has, and broken ones."""

import logging
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image
from pluxel.core.data.images import (
    ImageError,
    convert,
    image_files,
    image_shape,
    read_binary_mask,
    read_image,
    read_index_mask,
    read_rgb_mask,
    write_mask,
)

RGB = np.random.default_rng(0).integers(0, 256, (6, 9, 3)).astype(np.uint8)
SIDEWAYS = 6
"""EXIF orientation 6: turn a quarter clockwise to see it upright."""


def save(path: Path, image: Image.Image | np.ndarray, **options) -> Path:
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    image.save(path, **options)
    return path


def exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


class TestReadImage:
    def test_returns_rgb_as_it_is(self, tmp_path, caplog):
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
    def test_converts_modes_with_one_line_a_file(self, tmp_path, caplog, mode, what):
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

    def test_converts_sixteen_bits_by_the_full_range(self, tmp_path):
        wide = np.array([[0, 257, 65535]], np.uint16)
        read = read_image(save(tmp_path / "a.png", wide))
        assert read[0].tolist() == [[0] * 3, [1] * 3, [255] * 3]

    def test_converts_sixteen_bits_a_channel(self, tmp_path, caplog):
        caplog.set_level(logging.INFO, "pluxel")
        wide = np.zeros((2, 3, 3), np.uint16)
        wide[..., 0] = 65535
        cv2.imwrite(str(tmp_path / "a.png"), wide[..., ::-1])
        assert read_image(tmp_path / "a.png")[0, 0].tolist() == [255, 0, 0]
        assert "a.png: converted from 16 bits a channel to 8" in caplog.text

    def test_converts_floats(self, tmp_path, caplog):
        caplog.set_level(logging.INFO, "pluxel")
        path = save(tmp_path / "a.tiff", np.array([[0, 0.2, 1]], np.float32))
        assert read_image(path)[0, :, 0].tolist() == [0, 51, 255]
        assert caplog.messages == [f"{path}: converted from floating point to RGB"]

    @pytest.mark.parametrize("channels", [1, 3])
    @pytest.mark.parametrize("suffix", [".tiff", ".npy"])
    @pytest.mark.parametrize(
        ("low", "high", "said"),
        [(-3, 0.5, "-3 to 0.5"), (0, 255, "0 to 255"), (0, np.nan, "nan to nan")],
    )
    def test_refuses_floats_outside_of_their_range(
        self, tmp_path, channels, suffix, low, high, said
    ):
        """No image's own maximum tells its scale: 0.9 would be bright in one, black in another."""
        path, values = tmp_path / f"a{suffix}", np.array([[low, 0.1, high]], np.float32)
        if suffix == ".npy":
            np.save(path, np.dstack([values] * channels))
        else:
            save(path, values)
        with pytest.raises(ImageError) as caught:
            read_image(path, channels)
        assert str(caught.value) == (
            f"{path}: holds values of {said}, but float32 images are 0 to 1. Divide the values of "
            "all images by one number, or save them as uint16"
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

    def test_keeps_sixteen_bits_in_the_other_order_of_bytes(self, tmp_path):
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

    def test_makes_sixteen_bits_of_one_channel_upright(self, tmp_path):
        depth = np.arange(6, dtype=np.uint16).reshape(2, 3) * 1000
        path = save(tmp_path / "a.png", depth, exif=exif(SIDEWAYS))
        assert (read_image(path, 1)[..., 0] == np.rot90(depth, -1)).all()

    @pytest.mark.parametrize("channels", [1, 3])
    def test_refuses_integers_of_no_known_range(self, tmp_path, channels):
        path = save(tmp_path / "a.tiff", np.array([[-7, 70_000]], np.int32))
        with pytest.raises(ImageError, match="values of -7 to 70000, but int32 images are 0 to 65"):
            read_image(path, channels)

    def test_reads_one_pixel(self, tmp_path):
        assert read_image(save(tmp_path / "a.png", RGB[:1, :1])).shape == (1, 1, 3)

    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_is_upright(self, tmp_path, orientation, caplog):
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

    def test_as_grayscale(self, tmp_path):
        gray = RGB[..., 0]
        assert (read_image(save(tmp_path / "a.png", gray), 1) == gray[..., None]).all()

    def test_with_four_channels(self, tmp_path):
        rgba = np.dstack([RGB, RGB[..., 0]])
        assert (read_image(save(tmp_path / "a.png", rgba), 4) == rgba).all()
        with pytest.raises(ImageError, match=r"b.png: has 3 channels \(RGB\), 4 are needed"):
            read_image(save(tmp_path / "b.png", RGB), 4)


class TestConvert:
    """What Pillow holds in memory becomes what its file becomes."""

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
    def test_is_read_image(self, tmp_path, image, channels):
        path = save(tmp_path / "a.tiff", image)
        assert np.array_equal(convert(image, channels, "it"), read_image(path, channels))

    def test_makes_upright(self, tmp_path):
        path = save(tmp_path / "a.png", RGB, exif=exif(SIDEWAYS))
        with Image.open(path) as image:
            assert (convert(image, 3, "it") == np.rot90(RGB, -1)).all()

    def test_says_what_it_did(self, caplog):
        caplog.set_level(logging.INFO, "pluxel")
        convert(Image.fromarray(RGB[..., 0]), 3, "the photograph")
        assert caplog.messages == ["the photograph: converted from grayscale to RGB"]

    def test_invents_no_channel(self):
        with pytest.raises(ImageError, match=r"it: has 3 channels \(RGB\), 4 are needed"):
            convert(Image.fromarray(RGB), 4, "it")

    def test_takes_two_channels_as_they_are(self):
        image = Image.fromarray(RGB).convert("LA")
        assert np.array_equal(convert(image, 2, "it"), np.asarray(image))

    @pytest.mark.parametrize("mode", ["RGB", "L", "F"])
    def test_refuses_nothing(self, mode):
        with pytest.raises(ImageError, match="^it: "):
            convert(Image.new(mode, (0, 4)), 3, "it")

    def test_tells_a_file_that_ends_too_soon(self, tmp_path):
        with (
            Image.open(truncated_jpeg(tmp_path / "a.jpg")) as image,
            pytest.raises(ImageError, match="^it: cannot be read: "),
        ):
            convert(image, 3, "it")


def test_image_files_pass_over_what_is_hidden(tmp_path):
    for name in ("b.JPG", "sub/a.png", "._b.jpg", "sub/.a.png", ".copies/b.jpg", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert image_files(tmp_path) == [tmp_path / "b.JPG", tmp_path / "sub/a.png"]


class TestArrays:
    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
    @pytest.mark.parametrize("channels", [1, 2, 3, 5])
    def test_npy(self, tmp_path, dtype, channels):
        array = np.arange(4 * 5 * channels).reshape(4, 5, channels).astype(dtype)
        array = array / 100 if dtype is np.float32 else array
        np.save(tmp_path / "a.npy", array)
        read = read_image(tmp_path / "a.npy", channels)
        assert read.dtype == dtype
        assert (read == array).all()
        assert image_shape(tmp_path / "a.npy") == (4, 5, channels)

    def test_of_doubles_become_single(self, tmp_path):
        np.save(tmp_path / "a.npy", np.zeros((4, 5)))
        assert read_image(tmp_path / "a.npy", 1).dtype == np.float32

    def test_of_another_shape(self, tmp_path):
        np.save(tmp_path / "a.npy", np.zeros((4, 5, 2), np.uint8))
        with pytest.raises(ImageError, match=r"shape \(4, 5, 2\), \(height, width, 3\) is needed"):
            read_image(tmp_path / "a.npy", 3)

    def test_of_a_type_without_a_range(self, tmp_path):
        np.save(tmp_path / "a.npy", np.zeros((4, 5, 3), np.int64))
        with pytest.raises(ImageError, match="holds int64; uint8, uint16 or floating point"):
            read_image(tmp_path / "a.npy", 3)

    def test_are_never_unpickled(self, tmp_path):
        np.save(tmp_path / "a.npy", np.array([{"code": 1}]), allow_pickle=True)
        with pytest.raises(ImageError, match=r"a.npy: cannot be read"):
            read_image(tmp_path / "a.npy", 3)

    @pytest.mark.parametrize("planar", [False, True])
    def test_tiff(self, tmp_path, planar):
        array = np.arange(7 * 8 * 5, dtype=np.uint16).reshape(7, 8, 5)
        tifffile.imwrite(
            tmp_path / "a.tif",
            np.moveaxis(array, -1, 0) if planar else array,
            planarconfig="separate" if planar else "contig",
            photometric="minisblack",
        )
        assert (read_image(tmp_path / "a.tif", 5) == array).all()
        assert image_shape(tmp_path / "a.tif") == (7, 8, 5)

    def test_other_formats_hold_no_five_channels(self, tmp_path):
        with pytest.raises(ImageError, match=r"only TIFF and .npy files hold other channel counts"):
            read_image(save(tmp_path / "a.png", RGB), 5)


def truncated_png(path: Path) -> Path:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    data = save(path, noise).read_bytes()
    path.write_bytes(data[: len(data) // 2])
    return path


def truncated_jpeg(path: Path) -> Path:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    data = save(path, noise, format="JPEG").read_bytes()
    path.write_bytes(data[: len(data) // 2])
    return path


def bomb(path: Path) -> Path:
    """A PNG of 200 bytes that says it is 60,000 × 60,000."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(100)))
        + chunk(b"IEND", b"")
    )
    return path


def text(path: Path) -> Path:
    path.write_text("<html>404 Not Found</html>")
    return path


def empty(path: Path) -> Path:
    path.touch()
    return path


def flipped_bytes(path: Path) -> Path:
    data = bytearray(save(path, RGB).read_bytes())
    data[45:60] = bytes(15)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("read", [read_image, read_index_mask, read_rgb_mask, read_binary_mask])
@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (truncated_png, "cannot be read"),
        (truncated_jpeg, "cannot be read"),
        (flipped_bytes, "cannot be read"),
        (bomb, "cannot be read"),
        (text, "not an image"),
        (empty, "the file is empty"),
        (lambda path: path, "no such file"),
    ],
    ids=["png cut", "jpeg cut", "bytes flipped", "bomb", "text", "empty", "missing"],
)
def test_broken_files_are_named(tmp_path, make, reason, read):
    path = make(tmp_path / "broken.png")
    with pytest.raises(ImageError, match=f"^{path}: {reason}"):
        read(path)


IDS = np.array([[0, 1, 255], [7, 0, 3]], np.uint8)


def palette_image(ids: np.ndarray) -> Image.Image:
    image = Image.fromarray(ids).convert("L")
    image = Image.frombytes("P", image.size, image.tobytes())
    image.putpalette([value for i in range(256) for value in (255 - i, i, i // 2)])
    return image


class TestMasks:
    def test_of_eight_bits(self, tmp_path):
        assert (read_index_mask(save(tmp_path / "a.png", IDS)) == IDS).all()

    def test_of_palettes_are_indices(self, tmp_path):
        path = save(tmp_path / "a.png", palette_image(IDS))
        assert Image.open(path).mode == "P"
        assert (read_index_mask(path) == IDS).all()

    def test_of_sixteen_bits(self, tmp_path):
        wide = IDS.astype(np.uint16) * 200
        read = read_index_mask(save(tmp_path / "a.png", wide))
        assert (read == wide).all()
        assert read.max() == 51000

    def test_of_one_bit(self, tmp_path):
        image = Image.fromarray(IDS > 0)
        assert image.mode == "1"
        read = read_index_mask(save(tmp_path / "a.png", image))
        assert read.dtype == np.uint8
        assert (read == (IDS > 0)).all()

    def test_of_arrays(self, tmp_path):
        np.save(tmp_path / "a.npy", IDS.astype(np.int32) - 1)
        assert read_index_mask(tmp_path / "a.npy").min() == -1

    @pytest.mark.parametrize(
        "array", [np.zeros((4, 5)), np.zeros((4, 5, 2), int), np.zeros(5, int)], ids=str
    )
    def test_of_arrays_that_are_none(self, tmp_path, array):
        np.save(tmp_path / "a.npy", array)
        with pytest.raises(
            ImageError, match=r"a.npy: a mask is integers of shape \(height, width\)"
        ):
            read_index_mask(tmp_path / "a.npy")

    def test_of_grays_in_three_channels(self, tmp_path):
        assert (read_index_mask(save(tmp_path / "a.png", np.dstack([IDS] * 3))) == IDS).all()

    def test_of_colors_are_no_ids(self, tmp_path):
        with pytest.raises(ImageError, match=r"a.png: the mask holds colors \(RGB\), not ids"):
            read_index_mask(save(tmp_path / "a.png", RGB))

    @pytest.mark.parametrize("values", [(0, 1), (0, 255)])
    def test_of_two_values(self, tmp_path, values):
        mask = np.array([values, values[::-1]], np.uint8)
        assert read_binary_mask(save(tmp_path / "a.png", mask)).tolist() == [[0, 1], [1, 0]]

    def test_of_two_values_where_one_is_absent(self, tmp_path):
        nothing = np.zeros((2, 2), np.uint8)
        assert read_binary_mask(save(tmp_path / "a.png", nothing)).tolist() == [[0, 0], [0, 0]]
        assert read_binary_mask(save(tmp_path / "b.png", nothing + 255)).all()

    def test_of_two_values_from_a_lossy_file(self, tmp_path, caplog):
        mask = np.zeros((32, 32), np.uint8)
        mask[:, 16:] = 255
        path = save(tmp_path / "a.jpg", mask, quality=60)
        assert (read_binary_mask(path) == mask // 255).mean() > 0.95
        assert "lossy" in caplog.text

    def test_of_colors(self, tmp_path):
        mask = np.array([[[255, 0, 1], [0, 2, 0]]], np.uint8)
        read = read_rgb_mask(save(tmp_path / "a.png", mask))
        assert read.tolist() == [[0xFF0001, 0x000200]]

    def test_of_colors_from_a_palette(self, tmp_path):
        read = read_rgb_mask(save(tmp_path / "a.png", palette_image(IDS)))
        assert read[0, 1] == (254 << 16 | 1 << 8 | 0)

    def test_are_upright_like_their_images(self, tmp_path):
        path = save(tmp_path / "a.png", IDS, exif=exif(SIDEWAYS))
        assert (read_index_mask(path) == np.rot90(IDS, -1)).all()
        colors = save(tmp_path / "b.png", RGB, exif=exif(SIDEWAYS))
        assert read_rgb_mask(colors).shape == (9, 6)


class TestWriteMask:
    @pytest.mark.parametrize(("top", "mode"), [(255, "L"), (256, "I;16"), (65535, "I;16")])
    def test_takes_as_few_bits_as_hold_the_ids(self, tmp_path, top, mode):
        ids = np.array([[0, 3, top]], np.uint32)
        write_mask(tmp_path / "a.png", ids)
        assert Image.open(tmp_path / "a.png").mode == mode
        assert (read_index_mask(tmp_path / "a.png") == ids).all()

    def test_writes_colors(self, tmp_path):
        ids = np.array([[0xFF0001, 0x000200]], np.uint32)
        write_mask(tmp_path / "a.png", ids, packed_rgb=True)
        assert (read_rgb_mask(tmp_path / "a.png") == ids).all()

    def test_refuses_what_no_png_holds(self, tmp_path):
        for ids in (np.array([[70_000]]), np.array([[-1]])):
            with pytest.raises(ImageError, match="a PNG holds ids of 0 to 65535"):
                write_mask(tmp_path / "a.png", ids)

    def test_leaves_the_old_file_where_writing_fails(self, tmp_path, monkeypatch):
        write_mask(tmp_path / "a.png", IDS)

        def fill_the_disk(image: Image.Image, file: Path, **options: str) -> None:
            Path(file).write_bytes(b"half")
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(Image.Image, "save", fill_the_disk)
        with pytest.raises(Exception, match="No space left on device"):
            write_mask(tmp_path / "a.png", IDS + 1)
        assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
        assert (read_index_mask(tmp_path / "a.png") == IDS).all()
