"""NYUDv2 as Gupta et al. extracted it."""

from __future__ import annotations

from pathlib import Path
from shutil import rmtree

import numpy as np
import pytest
from PIL import Image
from pluxel.core.contracts.labels import LabelSpace
from pluxel.core.data.derived import write_derived
from pluxel.core.data.raw import raw_input
from pluxel.core.data.splits import MissingData, SplitError
from pluxel.plugins.datasets.nyudv2 import CAMERAS, NYUDv2, label_map
from pluxel.registry import PluxelError

from .paper import make_nyudv2
from .pictures import save

EVERYTHING = ["image", "depth", "hha"]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return make_nyudv2(tmp_path_factory.mktemp("nyudv2"))


@pytest.fixture
def own_root(tmp_path) -> Path:
    """Return the folder of a dataset that only one test changes."""
    return make_nyudv2(tmp_path / "own")


@pytest.mark.parametrize(
    ("classes", "names"),
    [
        (40, {0: "wall", 1: "floor", 39: "otherprop"}),
        (13, {0: "bed", 1: "books", 6: "objects", 12: "window"}),
        (4, {0: "floor", 1: "structure", 2: "furniture", 3: "props"}),
    ],
)
def test_classes(classes, names) -> None:
    space = LabelSpace(label_map(classes))
    assert space.num_classes == classes
    assert {index: space.class_names[index] for index in names} == names
    assert sorted(space.label_map.ids) == [*range(41)]
    assert space.encode(np.array([[0]])).item() == 255


def test_how_40_classes_make_up_others() -> None:
    raw = np.array([[1, 2, 5, 21, 25, 40]])  # wall, floor, chair, clothes, television, otherprop
    for classes, expected in (
        (13, ["wall", "floor", "chair", "objects", "tv", "objects"]),
        (4, ["structure", "floor", "furniture", "props", "props", "props"]),
    ):
        space = LabelSpace(label_map(classes))
        assert [space.class_names[index] for index in space.encode(raw)[0]] == expected


def test_splits(root) -> None:
    splits = {name: NYUDv2(name, root=root, classes=40) for name in ("train", "val", "test")}
    assert {name: len(one) for name, one in splits.items()} == {
        "train": 381, "val": 414, "test": 654
    }  # fmt: skip
    both = NYUDv2("trainval", root=root, classes=40).names
    assert sorted((*splits["train"].names, *splits["val"].names)) == [*both]
    assert len({*both, *splits["test"].names}) == 1449
    assert (splits["test"].names[0], splits["train"].names[0]) == ("img_5001", "img_5003")
    with pytest.raises(SplitError, match=r"'valid'; it has test, train, trainval, val\."):
        NYUDv2("valid", root=root, classes=40)


def test_samples(root) -> None:
    dataset = NYUDv2("val", root=root / "data", classes=40, inputs=EVERYTHING)
    sample = dataset[0]
    assert sample.paths["depth"] == root / "data" / "depth" / f"{sample.name}.png"
    assert sample.paths["semantic"] == root / "segmentation" / f"{sample.name}.mat"
    assert dataset.channels == {"image": 3, "depth": 1, "hha": 3}
    assert {name: spec.kind for name, spec in dataset.inputs.items()} == {
        "image": "color", "depth": "depth", "hha": "hha"
    }  # fmt: skip
    depth = raw_input(dataset, sample, "depth")
    assert depth.dtype == np.float32
    assert 500 <= depth.min() <= depth.max() < 9000
    assert sample.labels["semantic"].dtype == np.uint8
    assert set(NYUDv2("val", root=root, classes=40)[0].inputs) == {"image"}
    assert NYUDv2.inputs == dataset.inputs  # known without files


def replace(path: Path, array: np.ndarray) -> None:
    """Save an array without changing other names of the file, which share its content."""
    path.unlink()
    save(path, array)


@pytest.mark.parametrize(("missing", "found"), [("ignore", 0), ("mean", 0), ("fill", 2000)])
def test_holes_are_no_depth(own_root, missing, found) -> None:
    dataset = NYUDv2("val", root=own_root, classes=40, inputs=["depth"], missing=missing)
    depth = np.full((12, 16), 2000, np.uint16)
    depth[3, 4] = 0
    replace(dataset[1].paths["depth"], depth)
    assert dataset.inputs["depth"].missing == missing
    read = raw_input(dataset, dataset[1], "depth")
    hidden = np.argwhere(np.ma.getmaskarray(read)[..., 0]).tolist()
    assert hidden == ([[3, 4]] if missing == "ignore" else [])
    assert read[0, 0] == 2000
    assert np.asarray(read)[3, 4, 0] == found  # 0 becomes the mean after normalization


def test_missing_inputs_are_named(own_root) -> None:
    root = own_root
    dataset = NYUDv2("val", root=root, classes=4, inputs=["image", "hha"])
    assert len(dataset) == 414
    (root / "data" / "hha" / f"{dataset.names[3]}.png").unlink()
    (root / "data" / "depth" / f"{dataset.names[3]}.png").unlink()
    with pytest.raises(MissingData) as caught:
        NYUDv2("val", root=root, classes=4, inputs=["hha"])
    assert str(caught.value) == (
        f"split 'val': 1 sample of 1 without a file in {root}/data/depth; the first is "
        f"{dataset.names[3]}.png"
    )
    (root / "data" / "depth").rename(root / "gone")
    with pytest.raises(MissingData, match="^the depth of NYUDv2, from which HHA is computed, not"):
        NYUDv2("val", root=root, classes=4, inputs=["hha"])
    with pytest.raises(MissingData, match="^the input 'depth' of NYUDv2 not found: "):
        NYUDv2("val", root=root, classes=4, inputs=["image", "depth"])
    with pytest.raises(PluxelError, match="has no raw depth: set root to nyu_depth_v2_labeled.mat"):
        NYUDv2("val", root=root, classes=4, inputs=["depth"], raw_depth=True)


def test_what_to_fetch(tmp_path) -> None:
    with pytest.raises(MissingData) as caught:
        NYUDv2("val", root=tmp_path, classes=40)
    assert caught.value.notes == (
        "fetch nyu_depth_v2_labeled.mat, from the page of the NYU Depth Dataset V2 (Silberman et "
        "al., NYU)",
        f"so that {tmp_path} contains nyu_depth_v2_labeled.mat, or data/images, data/depth, "
        "data/hha and segmentation of Gupta et al.",
    )


def test_hha_is_prepared_from_depth(own_root, caplog) -> None:
    """A wall of 2 m: disparity 31000 / 200, an angle of 90° + 38.

    It is the same before it is prepared.
    """
    caplog.set_level("INFO", "pluxel")
    root = own_root
    rmtree(root / "data" / "hha")
    dataset = NYUDv2("val", root=root, inputs=["depth", "hha"])
    assert caplog.messages == [
        "HHA of 414 of 414 images is computed whenever it is read; to store it, run:  pluxel data "
        f"prepare nyudv2 root={root}"
    ]
    (file,) = dataset.derived_files(5)
    assert file.path == root / "data" / "hha" / f"{dataset.names[5]}.png"
    depth = np.full((425, 560), 2000, np.uint16)
    depth[100, 100] = 0
    replace(dataset[5].paths["depth"], depth)
    assert write_derived([file]) == 1
    hha = np.asarray(Image.open(file.path))
    assert (dataset[5].inputs["hha"] == hha).all()
    assert "hha" not in dataset[5].paths
    prepared = NYUDv2("val", root=root, inputs=["hha"])
    assert prepared[5].paths["hha"] == file.path
    assert (prepared[5].inputs["hha"] == hha).all()
    assert "hha" not in prepared[6].paths
    assert caplog.messages[1].startswith("HHA of 413 of 414 images is computed")
    assert hha.shape == (425, 560, 3)
    assert (hha[..., 0] == 155).all()
    assert (hha[20:-20, 20:-20, 2] == 128).all()
    assert hha[208, 280, 1] == 130  # the horizon: the camera is assumed 130 cm above the ground
    camera = CAMERAS[425, 560]
    rise = hha[300, 280, 1].astype(float) - hha[400, 280, 1]
    assert rise == pytest.approx(100 * 200 / camera.fy, abs=1)


def test_depth_of_another_size_has_no_camera(root, tmp_path) -> None:
    dataset = NYUDv2("val", root=root)
    with pytest.raises(PluxelError) as caught:
        dataset.derived_files(0)[0].write(tmp_path / "hha.png")
    assert str(caught.value) == (
        f"the depth of {dataset.names[0]} is 12×16 (height × width); HHA needs the camera, "
        "which is known for 480×640 and for 425×560, the sizes of the original files"
    )
