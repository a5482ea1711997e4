"""What prediction wrote is not taken for images or masks the next time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pluxel.core import Pipeline
from pluxel.core.common.logs import log_once
from pluxel.core.data.images import image_files
from pluxel.core.data.pairing import images_in
from pluxel.core.data.results import FOLDERS
from pluxel.core.data.survey import survey
from pluxel.core.engine.inference.choosing import find_images
from pluxel.core.engine.inference.outputs import OUTPUT_KINDS
from pluxel.core.engine.inference.saving import predict_files
from pluxel.core.pictures.saving import save_png
from pluxel.plugins.datasets.folder import Folder

from ...data.tiffs import write
from .nets import PLACE, image, pipeline

KINDS = [kind.name for kind in OUTPUT_KINDS]


@pytest.fixture(scope="module")
def net() -> Pipeline:
    return pipeline()


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    (folder / "color").mkdir(parents=True)  # the user's own folder of this name
    Image.fromarray(image(40, 60)).save(folder / "a.png")
    Image.fromarray(image(40, 60)).save(folder / "color" / "c.png")
    write(folder / "b.tif", image(40, 60), photometric="rgb", **PLACE)
    return folder


def test_folders_are_those_of_the_kinds() -> None:
    assert {*KINDS} == {*FOLDERS}


@pytest.mark.parametrize("inside", ["out", "", "deep/er"])
def test_results_inside_of_the_input_are_left_out(net, photos: Path, inside: str, caplog) -> None:
    log_once.cache_clear()
    caplog.set_level("INFO")
    before = image_files(photos)
    assert len(before) == 3
    for _ in range(3):
        predict_files(net, [photos], photos / inside, KINDS, overwrite=True)
    assert len([*photos.rglob("*.tif"), *photos.rglob("*.png")]) == 3 + 3 * 3 + 1
    assert image_files(photos) == before
    assert [path for path, _ in find_images([photos])] == before
    assert [*images_in(photos)] == ["a", "b", "color/c"]
    assert f"left out 13 files that Pluxel wrote below {photos}, such as {photos}" in caplog.text


def test_pictures_of_a_training_are_left_out(photos: Path) -> None:
    drawn = np.zeros((4, 4, 3), np.uint8)
    for name in ("run/results/panel.png", "run/results/history/panel-00000010.png"):
        save_png(photos / name, drawn)
    save_png(photos / "index" / "mask.png", drawn)  # not a result
    assert len(image_files(photos)) == 3 + 1


def test_results_of_several_heads_are_left_out(photos: Path) -> None:
    several = pipeline(heads=("roof", "road"))
    predict_files(several, [photos], photos / "out", KINDS)
    assert (photos / "out" / "roof" / "index" / "a.png").exists()
    assert len(image_files(photos)) == 3


def test_survey_and_folder_dataset_leave_them_out(net, photos: Path, tmp_path: Path) -> None:
    masks = tmp_path / "masks"
    (masks / "color").mkdir(parents=True)
    for name in ("a", "b", "color/c"):
        Image.fromarray(np.tile(np.uint8([7, 9]), (40, 30))).save(masks / f"{name}.png")
    for folder in (photos, masks):
        predict_files(net, [photos], folder / "out", KINDS)
    found = survey(photos, masks)
    assert [pair.name for pair in found.pairs] == ["a", "b", "color/c"]
    assert not found.unpaired
    dataset = Folder("all", images=photos, masks=masks, classes={7: "x", 9: "y"})
    assert dataset.names == ("a", "b", "color/c")
    assert dataset.unpaired == ()


def test_selected_results_are_images(net, photos: Path) -> None:
    """They may be the masks of a next training."""
    (photos / "color").rename(photos / "more")
    predict_files(net, [photos], photos / "out", ["index"])
    index = photos / "out" / "index"
    assert image_files(index) == [index / "a.png", index / "b.tif", index / "more" / "c.png"]
    assert find_images([index / "a.png"]) == [(index / "a.png", Path("a.png"))]
    dataset = Folder("all", images=photos, masks=index, classes={7: "x", 300: "y", 9: "z"})
    assert dataset.names == ("a", "b", "more/c")


def test_pictures_that_someone_edited_are_their_own(net, photos: Path) -> None:
    predict_files(net, [photos], photos / "out", ["index"])
    edited = photos / "out" / "index" / "a.png"
    Image.fromarray(np.asarray(Image.open(edited))).save(edited)
    assert edited in image_files(photos)


@pytest.mark.parametrize("suffix", [".png", ".npz", ".tif"])
def test_folder_with_the_name_of_a_result(net, tmp_path: Path, suffix: str) -> None:
    """A folder may be called ``dir.png``."""
    folder = tmp_path / "photos"
    (folder / f"dir{suffix}").mkdir(parents=True)
    for name in ("dir.jpg", f"dir{suffix}/a.jpg", "dir-2.bmp"):
        Image.fromarray(image(40, 60)).save(folder / name)
    predict_files(net, [folder], tmp_path / "out", ["index", "prob"])
    found = sorted(str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*.*"))
    files = [one for one in found if (tmp_path / "out" / one).is_file()]
    assert files == sorted(
        f"{kind}/{name}{end}"
        for kind, end in (("index", ".png"), ("prob", ".npz"))
        for name in (f"dir{suffix}/a", "dir-2", "dir-3")
    )
