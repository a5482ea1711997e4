"""Files of depth, HHA, vectors and maps hold values: no conversion of colors applies to them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pluxel.core.contracts.inputs import InputKind, InputSpec
from pluxel.core.data.images import convert, read_image
from pluxel.core.data.pixels import ImageError

from .tiffs import write

GRAY = np.arange(20, dtype=np.uint8).reshape(4, 5)
COLORS = np.stack([GRAY, GRAY + 50, GRAY + 100], -1)
WIDE = np.arange(20, dtype=np.uint16).reshape(4, 5) * 900
ALPHA = np.full((4, 5, 1), 255, np.uint8)


def png(folder: Path, image: Image.Image | np.ndarray, name: str = "a.png") -> Path:
    path = folder / name
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(path)
    return path


def palette() -> Image.Image:
    image = Image.fromarray(GRAY)
    image.putpalette([*range(256)] * 3)
    return image


PICTURES = {
    "RGB": Image.fromarray(COLORS),
    "RGBA": Image.fromarray(np.concatenate([COLORS, ALPHA], -1)),
    "palette": palette(),
    "grayscale": Image.fromarray(GRAY),
    "16-bit grayscale": Image.fromarray(WIDE),
}
CHANNELS: dict[InputKind, int] = {"depth": 1, "map": 1, "vectors": 3, "hha": 3}
WRONG = [
    (kind, mode)
    for kind, channels in CHANNELS.items()
    for mode in PICTURES
    if ("gray" in mode) == (channels == 3) or mode == "palette"
]


@pytest.mark.parametrize(("kind", "mode"), WRONG)
@pytest.mark.parametrize("scale", [None, 0.02])
def test_pictures_are_no_values(tmp_path, kind: InputKind, mode, scale) -> None:
    channels = CHANNELS[kind]
    path = png(tmp_path, PICTURES[mode])
    count = "1 channel" if channels == 1 else "3 channels"
    expected = (
        f"{path}: is {mode}, but kind: {kind} needs {count} of values. Use the file with the "
        "values, not a picture of them"
    )
    spec = InputSpec(kind=kind, scale=scale)
    with pytest.raises(ImageError) as caught:
        read_image(path, channels, spec)
    assert str(caught.value) == expected
    if mode != "16-bit grayscale":  # of an open image, Pillow has decoded the values
        with pytest.raises(ImageError) as caught:
            convert(PICTURES[mode], channels, path, spec)
        assert str(caught.value) == expected


@pytest.mark.parametrize("mode", PICTURES)
def test_a_color_image_may_be_any_picture(tmp_path, mode) -> None:
    path = png(tmp_path, PICTURES[mode])
    assert read_image(path, 3).shape == (4, 5, 3)
    assert read_image(path, 1).shape == (4, 5, 1)


def test_files_with_as_many_channels_are_read(tmp_path) -> None:
    depth = read_image(png(tmp_path, WIDE), 1, InputSpec(kind="depth"))
    assert (np.asarray(depth)[..., 0] == WIDE).all()
    for kind in ("hha", "vectors"):
        assert (read_image(png(tmp_path, COLORS), 3, InputSpec(kind=kind)) == COLORS).all()
    assert (read_image(png(tmp_path, GRAY), 1, InputSpec(kind="map"))[..., 0] == GRAY).all()


def test_alpha_is_no_value_and_may_be_left_out(tmp_path, caplog) -> None:
    caplog.set_level("INFO", "pluxel")
    path = png(tmp_path, PICTURES["RGBA"])
    assert (read_image(path, 3, InputSpec(kind="vectors")) == COLORS).all()
    both = png(tmp_path, np.concatenate([GRAY[..., None], ALPHA], -1), "b.png")
    assert (read_image(both, 1, InputSpec(kind="map"))[..., 0] == GRAY).all()
    assert caplog.messages == [
        f"{path}: converted from RGBA to RGB",
        f"{both}: converted from grayscale with alpha to L",
    ]


def test_an_array_in_gray_is_no_hha(tmp_path) -> None:
    path = tmp_path / "a.npy"
    np.save(path, GRAY)
    with pytest.raises(ImageError) as caught:
        read_image(path, 3, InputSpec(kind="hha"))
    assert str(caught.value) == f"{path}: has shape (4, 5); expected (height, width, 3)"


@pytest.mark.parametrize(
    ("bands", "kind", "found", "count"),
    [
        (COLORS, "depth", "RGB", "1 channel"),
        (np.concatenate([COLORS, ALPHA], -1), "map", "RGBA", "1 channel"),
        (GRAY[..., None], "hha", "grayscale", "3 channels"),
        (np.concatenate([COLORS, ALPHA], -1), "hha", None, ""),
    ],
)
def test_tiff(tmp_path, bands, kind: InputKind, found, count) -> None:
    colored = {"photometric": "rgb"} if bands.shape[2] > 1 else {}
    colored |= {"alpha": "yes"} if bands.shape[2] == 4 else {}
    path = write(tmp_path / "a.tif", bands, **colored)
    spec, channels = InputSpec(kind=kind, scale=0.02), CHANNELS[kind]
    if found is None:
        values = np.asarray(read_image(path, channels, spec))
        assert np.allclose(values, COLORS / 0.02)
        return
    with pytest.raises(ImageError) as caught:
        read_image(path, channels, spec)
    assert str(caught.value) == (
        f"{path}: is {found}, but kind: {kind} needs {count} of values. Use the file with the "
        "values, not a picture of them"
    )


class TestDepthOf8Bits:
    @pytest.mark.parametrize("scale", [None, 1, 5])
    @pytest.mark.parametrize("suffix", ["png", "npy"])
    def test_it_would_end_at_255_millimeters(self, tmp_path, scale, suffix) -> None:
        path = tmp_path / f"a.{suffix}"
        np.save(path, GRAY) if suffix == "npy" else png(tmp_path, GRAY)
        with pytest.raises(ImageError) as caught:
            read_image(path, 1, InputSpec(kind="depth", scale=scale))
        assert str(caught.value) == (
            f"{path}: has 8 bits, so its depth in millimeters would end at 255. Use the original "
            "file, of 16 bits, or set scale: to the stored value of 1 mm, such as 0.0255 if 255 "
            "is 10 m"
        )

    def test_a_scale_makes_it_legal(self, tmp_path) -> None:
        depth = read_image(png(tmp_path, GRAY), 1, InputSpec(kind="depth", scale=0.0255))
        assert depth[3, 4, 0] == pytest.approx(19 / 0.0255)
