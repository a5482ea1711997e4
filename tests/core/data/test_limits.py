"""Limits of Pillow have a way out, and do not reject real files."""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier

import numpy as np
import pytest
from PIL import Image, PngImagePlugin
from pluxel.core.data.images import convert, image_shape, read_image, read_index_mask
from pluxel.core.data.limits import pillow_limits
from pluxel.core.data.orientation import orientation_conflict
from pluxel.core.data.pixels import ImageError

from .image_files import exif, save
from .tiffs import write

PIXELS = np.arange(20 * 30, dtype=np.uint8).reshape(20, 30)


@pytest.fixture
def _low_limit(monkeypatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 200)


@pytest.mark.usefixtures("_low_limit")
@pytest.mark.parametrize("read", [read_image, read_index_mask, image_shape])
def test_a_large_image_needs_the_variable(tmp_path, read, monkeypatch) -> None:
    path = save(tmp_path / "a.png", PIXELS, exif=exif(6))
    with pytest.raises(ImageError) as caught:
        read(path)
    assert str(caught.value) == (
        f"{path}: cannot be read: it has more than 400 pixels. This limit protects against damaged "
        "files; if the image really is that large, set the environment variable PLUXEL_MAX_PIXELS "
        "to a larger number"
    )
    monkeypatch.setenv("PLUXEL_MAX_PIXELS", "600")
    read(path)
    monkeypatch.setenv("PLUXEL_MAX_PIXELS", "598")
    with pytest.raises(ImageError, match="it has more than 598 pixels"):
        read(path)
    assert Image.MAX_IMAGE_PIXELS == 200


@pytest.mark.usefixtures("_low_limit")
def test_the_variable_holds_for_images_in_memory_and_for_tags(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("PLUXEL_MAX_PIXELS", "1000")
    path = save(tmp_path / "a.png", PIXELS, exif=exif(6))
    other = save(tmp_path / "b.png", PIXELS)
    conflict = orientation_conflict({"image": path, "semantic": other})
    assert conflict is not None
    assert f"{path}: 6, {other}: 1" in conflict
    assert convert(Image.fromarray(PIXELS), 3, "it").shape == (20, 30, 3)


@pytest.mark.parametrize("value", ["many", "-1", "0", "1e9"])
def test_the_variable_must_be_a_number(tmp_path, monkeypatch, value) -> None:
    monkeypatch.setenv("PLUXEL_MAX_PIXELS", value)
    with pytest.raises(ImageError, match=f"PLUXEL_MAX_PIXELS is '{value}'; set it to a number of"):
        read_image(save(tmp_path / "a.png", PIXELS))


@pytest.mark.parametrize("kind", ["zTXt", "iTXt", "iCCP"])
def test_png_may_have_much_text(tmp_path, kind) -> None:
    """Editors save histories and profiles of megabytes; Pillow rejects more than one."""
    info, options = PngImagePlugin.PngInfo(), {}
    if kind == "zTXt":
        info.add_text("Comment", "x" * 3_000_000, zip=True)
    elif kind == "iTXt":
        info.add_itxt("XML:com.adobe.xmp", "x" * 3_000_000, zip=True)
    else:
        options["icc_profile"] = bytes(3_000_000)
    path = save(tmp_path / "a.png", PIXELS, pnginfo=info, **options)
    limit = PngImagePlugin.MAX_TEXT_CHUNK
    with pytest.raises(ValueError, match="MAX_TEXT_CHUNK"), Image.open(path) as image:
        image.load()
    assert np.array_equal(read_image(path, 1)[..., 0], PIXELS)
    assert np.array_equal(read_index_mask(path), PIXELS)
    assert image_shape(path) == (20, 30, 3)
    assert orientation_conflict({"image": path}) is None
    assert limit == PngImagePlugin.MAX_TEXT_CHUNK


def limits() -> tuple[object, ...]:
    texts = PngImagePlugin.MAX_TEXT_CHUNK, PngImagePlugin.MAX_TEXT_MEMORY
    return Image.MAX_IMAGE_PIXELS, *texts, [*warnings.filters]


def test_threads_share_the_limits_and_restore_them(monkeypatch) -> None:
    """The first thread leaves while the second one reads, and the second one leaves last."""
    monkeypatch.setenv("PLUXEL_MAX_PIXELS", "1000")
    usual, seen = limits(), []
    turns = Barrier(2, timeout=30)

    def first() -> None:
        with pillow_limits("a"):
            turns.wait()  # the second one enters
            turns.wait()
        turns.wait()

    def second() -> None:
        turns.wait()
        with pillow_limits("b"):
            turns.wait()  # the first one leaves
            turns.wait()
            seen.append(limits())

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(first), pool.submit(second)]:
            done.result()
    assert seen[0][:3] == (500, 1 << 28, 1 << 28)
    assert limits() == usual


@pytest.mark.usefixtures("_low_limit")
def test_many_threads_that_read_leave_no_trace(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("PLUXEL_MAX_PIXELS", "1000")
    paths = [save(tmp_path / f"{i}.png", PIXELS) for i in range(8)]
    tiffs = [tmp_path / f"{i}.tif" for i in range(8)]
    for path in tiffs:
        write(path, PIXELS[..., None])
    usual = limits()
    with ThreadPoolExecutor(8) as pool:
        found = [*pool.map(partial(read_image, channels=1), 20 * [*paths, *tiffs])]
    assert all(np.array_equal(image[..., 0], PIXELS) for image in found)
    assert limits() == usual


def test_folder_is_not_a_file(tmp_path) -> None:
    (tmp_path / "dir.png").mkdir()
    for read in (read_image, read_index_mask, image_shape):
        with pytest.raises(ImageError, match=r"dir\.png: a folder, not a file$"):
            read(tmp_path / "dir.png")
