"""VOC and SBD as one training set, without the images that are evaluated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pluxel.core.data.splits import SplitError
from pluxel.plugins.datasets.voc_sbd import VOCAndSBD

from .conftest import make_voc, voc_ids
from .paper import make_sbd, save_gtcls
from .pictures import photograph, save

BOTH, EVALUATED = "2012_train_000001", "2012_val_000000"


@pytest.fixture
def roots(tmp_path: Path) -> dict[str, Path]:
    """SBD trains on three images of its own, one that VOC trains on, one that VOC evaluates."""
    voc, sbd = make_voc(tmp_path / "voc"), make_sbd(tmp_path / "sbd")
    folder = sbd / "benchmark_RELEASE" / "dataset"
    for name in (BOTH, EVALUATED):
        save(folder / "img" / f"{name}.jpg", photograph())
        save_gtcls(folder / "cls" / f"{name}.mat", voc_ids() % 255)
    with (folder / "train.txt").open("a") as file:
        file.write(f"{BOTH}\n{EVALUATED}\n")
    return {"voc": voc, "sbd": sbd}


def test_training_has_both_without_the_evaluated_images(roots, caplog) -> None:
    caplog.set_level("INFO", "pluxel")
    names = VOCAndSBD("train", **roots, validation="val").names
    own = [f"2012_train_{i:06d}" for i in range(3)]
    assert names == (*own, *(f"2008_train_{i:06d}" for i in range(3)))
    assert caplog.messages == ["1 of 5 SBD images are in val; left out"]


def test_no_overlap_is_reported_too(roots, caplog) -> None:
    caplog.set_level("INFO", "pluxel")
    assert EVALUATED in VOCAndSBD("train", **roots).names
    assert caplog.messages == ["0 of 5 SBD images are in seg11valid; left out"]


def test_images_of_voc_that_are_evaluated_are_left_out_too(roots, caplog) -> None:
    lists = roots["voc"] / "VOCdevkit/VOC2012/ImageSets/Segmentation"
    (lists / "own.txt").write_text(f"{BOTH}\n")
    caplog.set_level("INFO", "pluxel")
    assert BOTH not in VOCAndSBD("train", **roots, validation="own").names
    assert caplog.messages == [
        "1 of 3 VOC images are in own; left out",
        "1 of 5 SBD images are in own; left out",
    ]


def test_masks_of_voc_count_where_both_have_one(roots) -> None:
    dataset = VOCAndSBD("train", **roots, validation="val")
    by_name = {sample.name: sample for sample in dataset}
    assert by_name[BOTH].paths["semantic"].suffix == ".png"
    assert 255 in np.unique(by_name[BOTH].labels["semantic"])
    other = by_name["2008_train_000000"]
    assert other.paths["semantic"].suffix == ".mat"
    assert other.paths["image"].is_relative_to(roots["sbd"])
    assert other.labels["semantic"].max() <= 20


def test_other_splits_are_those_of_voc(roots) -> None:
    assert VOCAndSBD("val", **roots).names == (EVALUATED, "2012_val_000001")
    with pytest.raises(SplitError, match="it has seg11valid, train, val"):
        VOCAndSBD("test", **roots)


def test_all_of_sbd(roots) -> None:
    names = VOCAndSBD("train", **roots, validation="val", sbd_split="train+val").names
    assert names[-2:] == ("2008_val_000000", "2008_val_000001")
    assert len(names) == 8


def test_sbd_alone_keeps_its_own_masks(roots, caplog) -> None:
    caplog.set_level("INFO", "pluxel")
    dataset = VOCAndSBD("train", **roots, validation="val", voc_train=False)
    assert dataset.names == (*(f"2008_train_{i:06d}" for i in range(3)), BOTH)
    assert {sample.paths["semantic"].suffix for sample in dataset} == {".mat"}
    assert caplog.messages == ["1 of 5 SBD images are in val; left out"]
    assert len(VOCAndSBD("val", **roots, voc_train=False)) == 2
