"""NYUDv2 from its labeled MATLAB file."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pluxel.core.authoring import Camera, encode_hha
from pluxel.core.data.derived import all_derived_files, write_derived
from pluxel.core.data.pixels import ImageError
from pluxel.core.data.raw import raw_input
from pluxel.plugins.datasets.nyudv2 import CAMERAS, LABELED, NYUDv2
from pluxel.registry import PluxelError
from scipy.io import savemat

from ...core.data.mat73_files import save_mat73
from .pictures import save

rng = np.random.default_rng(5)

NAMES = ("book", "wall", "floor", "chair", "ceiling")
CLASSES = np.array([0, 40, 1, 2, 5, 22])
"""The classes, of 40, of no label and of these names."""

ARRAYS = {
    "images": rng.integers(0, 256, (4, 6, 3, 1449)).astype(np.uint8),
    "depths": rng.uniform(0.5, 9, (4, 6, 1449)).astype(np.float32),
    "rawDepths": rng.uniform(0.5, 9, (4, 6, 1449)).astype(np.float32),
    "labels": rng.integers(0, 6, (4, 6, 1449)).astype(np.uint16),
}
ARRAYS["rawDepths"][1, 2, :] = 0


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("nyudv2")
    save_mat73(folder / LABELED, ARRAYS, {"names": NAMES})
    return folder


@pytest.mark.parametrize("place", ["", LABELED])
def test_samples_are_those_of_matlab(root, place) -> None:
    dataset = NYUDv2("test", root=root / place, classes=40, inputs=["image", "depth"])
    assert len(dataset) == 654
    assert dataset.names[2] == "img_5009"
    sample = dataset[2]
    assert not sample.paths  # no file of its own
    assert (sample.inputs["image"] == ARRAYS["images"][..., 8]).all()
    assert (sample.labels["semantic"] == CLASSES[ARRAYS["labels"][..., 8]]).all()
    depth = raw_input(dataset, sample, "depth")
    assert depth.shape == (4, 6, 1)
    assert depth[..., 0] == pytest.approx(1000 * ARRAYS["depths"][..., 8])


def test_raw_depth_has_holes(root) -> None:
    dataset = NYUDv2(
        "train", root=root, classes=4, inputs=["depth"], missing="ignore", raw_depth=True
    )
    depth = raw_input(dataset, dataset[0], "depth")
    assert np.argwhere(np.ma.getmaskarray(depth)[..., 0]).tolist() == [[1, 2]]
    assert depth[0, 0, 0] == pytest.approx(1000 * ARRAYS["rawDepths"][0, 0, 2])


def test_workers_receive_the_dataset(root) -> None:
    dataset = pickle.loads(pickle.dumps(NYUDv2("val", root=root, classes=13)))
    assert (dataset[0].inputs["image"] == ARRAYS["images"][..., 9]).all()


@pytest.mark.parametrize(("raw", "place"), [(False, "hha"), (True, "hha_raw")])
def test_hha_is_computed_from_the_depth_that_is_read(tmp_path, monkeypatch, caplog, raw, place):
    """Prepared HHA of filled and of raw depth are different files."""
    caplog.set_level("INFO", "pluxel")
    camera = Camera(fx=6, fy=6, cx=3, cy=2)
    monkeypatch.setitem(CAMERAS, (4, 6), camera)
    save_mat73(tmp_path / LABELED, ARRAYS, {"names": NAMES})
    dataset = NYUDv2("test", root=tmp_path, inputs=["hha"], raw_depth=raw)
    depth = 1000 * ARRAYS["rawDepths" if raw else "depths"][..., 8]
    expected = encode_hha(depth, camera, missing="fill")
    assert (dataset[2].inputs["hha"] == expected).all()
    assert not dataset[2].paths
    assert caplog.messages == [
        "HHA of 654 of 654 images is computed whenever it is read; to store it, run:  pluxel data "
        f"prepare nyudv2 root={tmp_path}{' raw_depth=true' if raw else ''}"
    ]
    write_derived(dataset.derived_files(2))
    path = tmp_path / "data" / place / "img_5009.png"
    assert NYUDv2("test", root=tmp_path, inputs=["hha"], raw_depth=raw)[2].paths == {"hha": path}
    assert not NYUDv2("test", root=tmp_path, inputs=["hha"], raw_depth=not raw)[2].paths
    assert (np.asarray(Image.open(path)) == expected).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": ARRAYS["labels"][..., :1000]}, "has 1000 images, but split 'test' needs image"),
        ({"labels": None}, "has no variable 'labels'; it has 'depths', 'images', 'names', 'rawD"),
    ],
)
def test_another_file_is_an_error(tmp_path, changes, message) -> None:
    arrays = {name: one for name, one in {**ARRAYS, **changes}.items() if one is not None}
    path = save_mat73(tmp_path / LABELED, arrays, {"names": NAMES})
    with pytest.raises(PluxelError) as caught:
        NYUDv2("test", root=tmp_path, classes=40)
    assert str(caught.value).startswith(f"{path}: {message}")


def test_other_names_are_an_error(tmp_path) -> None:
    path = save_mat73(tmp_path / LABELED, ARRAYS, {"names": ("wall", "roof")})
    with pytest.raises(PluxelError) as caught:
        NYUDv2("test", root=tmp_path, classes=40)
    assert str(caught.value) == f"{path}: the class 'roof' is not one of NYUDv2"
    save_mat73(path, ARRAYS, {"names": ("wall", "floor")})
    with pytest.raises(PluxelError) as caught:
        NYUDv2("test", root=tmp_path, classes=40)[0].labels["semantic"]
    assert str(caught.value) == f"{path}: the labels of img_5001 must be integers from 0 to 2"


def test_a_file_of_version_5_is_an_error(tmp_path) -> None:
    savemat(tmp_path / LABELED, {"labels": np.zeros((4, 6, 3))})
    with pytest.raises(ImageError, match=r"expected a MATLAB file of version 7\.3 \(HDF5\), but"):
        NYUDv2("test", root=tmp_path, classes=40)


def test_hha_is_prepared_beside_the_file(tmp_path) -> None:
    root = tmp_path
    save_mat73(root / LABELED, ARRAYS, {"names": NAMES})
    dataset = NYUDv2("trainval", root=root)
    assert len(all_derived_files([dataset])) == 795
    assert dataset.derived_files(0)[0].path == root / "data" / "hha" / "img_5003.png"
    for name in dataset.names:
        save(root / "data" / "hha" / f"{name}.png", np.full((4, 6, 3), 7, np.uint8))
    sample = NYUDv2("train", root=root, inputs=["image", "hha"])[0]
    assert (sample.inputs["hha"] == 7).all()
    assert sample.paths == {"hha": root / "data" / "hha" / "img_5003.png"}
