"""Further inputs of the user's own data, such as depth beside color."""

from pathlib import Path

import numpy as np
import pytest
from pluxel.core.authoring import SplitError
from pluxel.core.contracts.inputs import InputSpec
from pluxel.core.data.splits import MissingData
from pluxel.plugins.datasets.folder import Folder, FolderError, FolderInput
from pluxel.registry import PluxelError

from .conftest import photograph, save

CLASSES = ["ground", "car"]
DEPTH = FolderInput(folder=Path("depth"), kind="depth")


def dataset(root: Path, split: str = "all", **parameters) -> Folder:
    usual = {"images": Path("photos"), "masks": Path("masks"), "classes": CLASSES}
    return Folder(split, root=root, **(usual | {"inputs": {"depth": DEPTH}} | parameters))


def fill(root: Path, *names: str, photo="photos/{}.jpg", depth="depth/{}.png") -> Path:
    for number, name in enumerate(names):
        save(root / photo.format(name), photograph(4, 6))
        save(root / "masks" / f"{name}.png", np.zeros((4, 6), np.uint8))
        save(root / depth.format(name), np.full((4, 6), 1000 + number, np.uint16))
    return root


def test_a_further_input_is_read_as_its_kind(tmp_path):
    data = dataset(fill(tmp_path, "a", "b"))
    assert data.channels == {"image": 3, "depth": 1}
    assert data.inputs == {"image": InputSpec(), "depth": InputSpec(kind="depth")}
    sample = data[1]
    assert (sample.inputs["depth"] == 1001).all()
    assert sample.inputs["depth"].dtype == np.float32
    assert sample.paths["depth"] == tmp_path / "depth" / "b.png"


def test_splits_apply_to_all_inputs(tmp_path):
    fill(tmp_path, "train/a", "val/b")
    assert dataset(tmp_path, "val")[0].inputs["depth"][0, 0, 0] == 1001
    assert len(dataset(tmp_path, "train")) == 1
    fractions = dataset(tmp_path, "train", fractions={"train": 1})
    assert [one["depth"].parent.name for one in (fractions[0].paths, fractions[1].paths)] == [
        *("train", "val"),
    ]


def test_inputs_may_share_a_folder_if_their_suffixes_differ(tmp_path):
    fill(tmp_path, "a", depth="photos/{}_depth.png")
    one = FolderInput(folder=Path("photos"), kind="depth", suffix="_depth")
    data = dataset(tmp_path, inputs={"depth": one})
    assert data.unpaired == ()
    assert data[0].paths["depth"].name == "a_depth.png"


def test_null_switches_the_value_without_data_off(tmp_path):
    fill(tmp_path, "a")
    save(tmp_path / "depth" / "a.png", np.zeros((4, 6), np.uint16))
    place = {"folder": Path("depth"), "kind": "depth", "missing": "ignore"}
    for given, is_missing in (({}, True), ({"nodata": None}, False), ({"nodata": 7}, False)):
        data = dataset(tmp_path, inputs={"depth": FolderInput.model_validate(place | given)})
        assert np.ma.getmaskarray(data[0].inputs["depth"]).all() == is_missing
    images = {"images": Path("depth"), "kind": "depth", "inputs": None}
    for given, nodata in (({}, 0), ({"nodata": None}, None), ({"nodata": 7}, 7)):
        assert dataset(tmp_path, **images, **given).inputs["image"].nodata == nodata


def test_any_name_but_that_of_the_masks_is_allowed(tmp_path):
    fill(tmp_path, "a")
    assert (dataset(tmp_path, inputs={"self": DEPTH})[0].inputs["self"] == 1000).all()
    with pytest.raises(PluxelError, match="^'semantic' is the name of an input and of a label map"):
        dataset(tmp_path, inputs={"semantic": DEPTH})


def test_only_images_may_have_another_kind(tmp_path):
    fill(tmp_path, "a")
    data = dataset(tmp_path, images=Path("depth"), kind="depth", inputs=None)
    assert data.channels == {"image": 1}
    assert (data[0].inputs["image"] == 1000).all()


def test_an_image_without_a_further_input_is_an_error(tmp_path):
    fill(tmp_path, "street", "b")
    (tmp_path / "depth" / "street.png").rename(tmp_path / "depth" / "streets.png")
    with pytest.raises(SplitError) as raised:
        dataset(tmp_path)
    assert raised.value.message == (
        f"input 'depth': {tmp_path}/depth has no file 'street' for {tmp_path}/photos/street.jpg. "
        "Did you mean 'streets'?"
    )


def test_a_missing_folder_and_a_second_image_are_errors(tmp_path):
    fill(tmp_path, "a")
    with pytest.raises(MissingData, match="^the files of input 'depth' not found: "):
        dataset(tmp_path, inputs={"depth": FolderInput(folder=Path("d"), kind="depth")})
    with pytest.raises(FolderError, match="'image' is the name of the images"):
        dataset(tmp_path, inputs={"image": DEPTH})
