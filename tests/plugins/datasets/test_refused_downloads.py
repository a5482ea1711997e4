"""``download: true`` for a dataset whose terms do not permit it says what to fetch instead."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from pluxel.core.common.downloads import without_downloads
from pluxel.plugins.datasets.pascal_context import PascalContext
from pluxel.registry import Host, PluxelError

from .paper import make_siftflow
from .test_every_dataset import NAMES

REFUSED = {
    "ade20k": ("ADE20K", "ADEChallengeData2016.zip", "images/training and annotations/training"),
    "camvid": ("CamVid", "the folder CamVid of the SegNet tutorial", "train, trainannot, "),
    "cityscapes": ("Cityscapes", "leftImg8bit_trainvaltest.zip", "leftImg8bit and gtFine"),
    "coco_stuff": ("COCO-Stuff", "train2017.zip from the site of COCO", "train2017 and stuff"),
    "mapillary_vistas": ("Mapillary Vistas", "mapillary-vistas-dataset", "training/images and "),
    "nyudv2": ("NYUDv2", "nyu_depth_v2_labeled.mat", "nyu_depth_v2_labeled.mat"),
    "pascal_context": ("PASCAL-Context", "trainval.tar.gz", "context/trainval/ID.mat"),
    "siftflow": ("SIFT Flow", "SiftFlowDataset.zip", "Images/spatial_envelope"),
}
"""Dataset -> what it is called, and how what to fetch and the layout begin."""

PERMITTED = {"loveda", "oxford_pets", "sbd", "voc"}
GIVEN: dict[str, dict[str, Any]] = {
    "mapillary_vistas": {"version": "2.0"},
    "pascal_context": {"classes": 59},
}


def published() -> list[str]:
    """Return the built-in datasets with a root of their own."""
    host = Host()
    targets = {name: host.load(host.get("dataset", name)) for name in NAMES}
    with_root = {n for n, one in targets.items() if "root" in inspect.signature(one).parameters}
    return sorted(with_root - {"folder"})


def test_every_published_dataset_either_permits_downloads_or_refuses_them() -> None:
    assert published() == sorted({*REFUSED} | PERMITTED)


@pytest.mark.parametrize("name", REFUSED)
def test_what_to_fetch(tmp_path, host, name) -> None:
    root = tmp_path / "data"
    make = host.load(host.get("dataset", name))
    with without_downloads(), pytest.raises(PluxelError) as caught:
        make("train", root=root, download=True, **GIVEN.get(name, {}))
    what, fetch, layout = REFUSED[name]
    expected = f"Pluxel cannot download {what}: its terms do not permit that"
    assert caught.value.message == expected
    first, second = caught.value.notes
    assert first.startswith(f"fetch {fetch}")
    assert second.startswith(f"so that {root} contains {layout}")


def test_data_that_are_there_need_no_download(tmp_path, host) -> None:
    make = host.load(host.get("dataset", "siftflow"))
    assert len(make("train", root=make_siftflow(tmp_path, tests=3), download=True)) == 3


def test_images_are_not_downloaded_without_labels(tmp_path, monkeypatch) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise AssertionError("downloads images that nobody can use")

    monkeypatch.setattr("pluxel.core.data.origins._install", fail)
    with pytest.raises(PluxelError, match="^Pluxel cannot download PASCAL-Context: "):
        PascalContext("train", root=tmp_path, classes=59, download=True)
    (tmp_path / "trainval").mkdir()
    with pytest.raises(AssertionError, match="downloads images"):
        PascalContext("train", root=tmp_path, classes=59, download=True)
