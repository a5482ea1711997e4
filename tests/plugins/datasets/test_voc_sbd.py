"""VOC and SBD as one training set, without the images that are evaluated."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from pluxel.core.data.derived import all_derived_files, write_derived
from pluxel.core.data.splits import MissingData, SplitError, open_split
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
    dataset = VOCAndSBD("val", **roots, validation="val")
    assert dataset.names == (EVALUATED, "2012_val_000001")
    assert not dataset.derived_files(0)
    with pytest.raises(SplitError, match="it has seg11valid, train, val"):
        VOCAndSBD("test", **roots)


def write_list(roots: dict[str, Path], name: str, *names: str) -> Path:
    """Write a list of VOC, and return it."""
    path = roots["voc"] / "VOCdevkit/VOC2012/ImageSets/Segmentation" / f"{name}.txt"
    path.write_text("".join(f"{one}\n" for one in names))
    return path


def test_a_split_that_shares_images_with_training_is_refused(roots) -> None:
    with pytest.raises(SplitError) as caught:
        VOCAndSBD("val", **roots)
    assert caught.value.message == (
        "1 of 2 images of split 'val' are also in the split 'train', which leaves out the images "
        "of 'seg11valid' only: scores on 'val' would be too high. To train without them, set "
        "validation: val; or evaluate on 'seg11valid'"
    )
    with pytest.raises(SplitError, match="^1 of 2 images of split 'val' are also in"):
        open_split(partial(VOCAndSBD, **roots), "val[:1]")


@pytest.mark.parametrize(
    ("names", "voc_train", "shared"),
    [
        ([EVALUATED, "2012_val_000001"], True, 1),  # EVALUATED is in SBD's training set
        (["2012_val_000001"], True, 0),
        (["2012_val_000001", "2012_train_000000", BOTH], True, 2),
        (["2012_val_000001", "2012_train_000000", BOTH], False, 1),
    ],
)
def test_names_decide_not_the_name_of_the_split(roots, names, voc_train, shared) -> None:
    listing = write_list(roots, "own", *names)
    for split in ("own", str(listing)):
        if not shared:
            assert VOCAndSBD(split, **roots, voc_train=voc_train).names == tuple(names)
            continue
        with pytest.raises(SplitError, match=f"^{shared} of {len(names)} images of split '"):
            VOCAndSBD(split, **roots, voc_train=voc_train)


def test_images_that_only_part_of_sbd_has(roots) -> None:
    write_list(roots, "own", "2012_val_000001")
    with (roots["sbd"] / "benchmark_RELEASE/dataset/val.txt").open("a") as file:
        file.write("2012_val_000001\n")
    for kind, name in (("img", "jpg"), ("cls", "mat")):
        folder = roots["sbd"] / "benchmark_RELEASE/dataset" / kind
        (folder / f"2012_val_000001.{name}").hardlink_to(folder / f"{EVALUATED}.{name}")
    assert len(VOCAndSBD("own", **roots)) == 1
    with pytest.raises(SplitError, match="^1 of 1 images of split 'own' are also in"):
        VOCAndSBD("own", **roots, sbd_split="train+val")


def test_evaluation_on_held_out_images_needs_voc_alone(roots, tmp_path) -> None:
    write_list(roots, "own", "2012_val_000001")
    own = roots | {"sbd": tmp_path / "none"}
    assert len(VOCAndSBD("val", **own, validation="val")) == 2
    assert len(VOCAndSBD("own", **own, validation="val")) == 1
    with pytest.raises(MissingData, match="^SBD not found"):
        VOCAndSBD("val", **own, validation="own")


def test_masks_of_sbd_are_prepared(roots) -> None:
    dataset = VOCAndSBD("train", **roots, validation="val")
    paths = [file.path for index in range(len(dataset)) for file in dataset.derived_files(index)]
    folder = roots["sbd"] / "benchmark_RELEASE/dataset/cls_png"
    assert paths == [folder / f"2008_train_{i:06d}.png" for i in range(3)]
    assert write_derived(all_derived_files([dataset])) == 3
    again = VOCAndSBD("train", **roots, validation="val")
    assert {sample.paths["semantic"].suffix for sample in again} == {".png"}
    for one, other in zip(dataset, again, strict=True):
        assert (one.labels["semantic"] == other.labels["semantic"]).all()


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
    assert len(VOCAndSBD("val", **roots, validation="val", voc_train=False)) == 2
