"""The log has one line for each kind of conversion, not one for each image."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pluxel.core.common.logs import images_counted, log_image
from pluxel.core.contracts.labels import LabelSpace
from pluxel.core.data.check import check_data
from pluxel.core.data.frequencies import class_frequencies
from pluxel.core.data.images import read_image
from pluxel.core.data.loading import evaluation_loader
from pluxel.core.data.samples import EvaluationData
from pluxel.core.data.survey import survey
from pluxel.plugins.datasets.folder import Folder

from .image_files import SIDEWAYS, exif


@pytest.fixture(autouse=True)
def _all_levels(caplog) -> None:
    caplog.set_level(logging.INFO, "pluxel")


@pytest.fixture
def dataset(tmp_path: Path) -> Folder:
    """Thirty images in grayscale, one with a palette; three turned; masks with equal channels."""
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    for i in range(31):
        gray = Image.fromarray(np.full((4, 5), i, np.uint8))
        tags = exif(SIDEWAYS) if i < 3 else None
        image = gray.quantize(4) if i == 30 else gray
        image.save(tmp_path / "images" / f"{i:02}.png", exif=tags)
        gray.point(lambda _: 1).convert("RGB").save(tmp_path / "masks" / f"{i:02}.png", exif=tags)
    return Folder(
        "all", images=tmp_path / "images", masks=tmp_path / "masks", classes=["ground", "road"]
    )


def lines(folder: Path) -> list[str]:
    images, masks = folder / "images", folder / "masks"
    return [
        f"6 images turned upright by EXIF orientation, such as {images}/00.png",
        f"30 images converted from grayscale to RGB, such as {images}/00.png",
        f"31 images read as ids from equal channels of RGB, such as {masks}/00.png",
        f"{images}/30.png: converted from palette to RGB",
    ]


def test_check(dataset: Folder, tmp_path: Path, caplog) -> None:
    check_data({"train": dataset}, {"semantic": LabelSpace(dataset.labels["semantic"])})
    assert sorted(caplog.messages) == sorted(lines(tmp_path))


@pytest.mark.parametrize("workers", [0, 2])
def test_loader(dataset: Folder, tmp_path: Path, caplog, workers: int) -> None:
    data = EvaluationData(dataset, {"semantic": LabelSpace(dataset.labels["semantic"])})
    with images_counted() as conversions:
        for epoch in range(2):
            assert len([*evaluation_loader(data, 4, workers=workers)]) >= 8
            if not epoch:
                conversions.log()
    assert sorted(caplog.messages) == sorted(lines(tmp_path))


@pytest.mark.parametrize("workers", [0, 2])
def test_frequencies(dataset: Folder, tmp_path: Path, caplog, workers: int) -> None:
    class_frequencies(
        dataset, {"semantic": LabelSpace(dataset.labels["semantic"])}, workers=workers
    )
    assert sorted(caplog.messages) == sorted(lines(tmp_path))


@pytest.mark.parametrize("workers", [0, 2])
def test_warnings_of_samples(dataset: Folder, tmp_path: Path, caplog, workers: int) -> None:
    for i in range(3):  # the images keep their orientation
        path = tmp_path / "masks" / f"{i:02}.png"
        Image.fromarray(np.zeros((5, 4), np.uint8)).save(path)
    data = EvaluationData(dataset, {"semantic": LabelSpace(dataset.labels["semantic"])})
    with images_counted():
        list(evaluation_loader(data, 1, workers=workers))
    assert [(r.levelname, r.getMessage()) for r in caplog.records if r.levelname == "WARNING"] == [
        (
            "WARNING",
            "3 images with another EXIF orientation than other files of the same sample, so labels "
            "may belong to other pixels (save all files upright, without this tag), such as "
            f"{tmp_path}/images/00.png",
        )
    ]


def test_survey(dataset: Folder, tmp_path: Path, caplog) -> None:
    assert len(dataset) == 31
    survey(tmp_path / "images", tmp_path / "masks")
    assert caplog.messages == [
        f"3 images turned upright by EXIF orientation, such as {tmp_path}/masks/00.png",
        f"31 images read as ids from equal channels of RGB, such as {tmp_path}/masks/00.png",
    ]


def test_lossy_masks_are_one_warning(tmp_path: Path, caplog) -> None:
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
        for i in range(3):
            Image.fromarray(np.full((8, 8), 255 * (i % 2), np.uint8)).save(
                tmp_path / folder / f"{i}.jpg"
            )
    survey(tmp_path / "images", tmp_path / "masks")
    assert [(r.levelname, r.getMessage()) for r in caplog.records] == [
        (
            "WARNING",
            "3 images saved with lossy compression, which gives wrong ids along the edges of a "
            f"mask, such as {tmp_path}/masks/0.jpg",
        )
    ]


def test_single_images_are_logged_at_once_and_once(dataset: Folder, tmp_path: Path, caplog) -> None:
    path = tmp_path / "images" / "07.png"
    for _ in range(2):
        read_image(path)
    assert caplog.messages == [f"{path}: converted from grayscale to RGB"]


def test_inner_blocks_leave_the_lines_to_the_outer_one(caplog) -> None:
    with images_counted():
        for name in "ab":
            with images_counted():
                log_image(name, "converted")
        assert not caplog.messages
    assert caplog.messages == ["2 images converted, such as a"]
