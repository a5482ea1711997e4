"""The base class of datasets in files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pluxel.core import MissingData
from pluxel.core.authoring import (
    BrokenData,
    FileDataset,
    InputFiles,
    LabelFiles,
    SplitError,
    split_pairs,
)
from pluxel.registry import PluxelError


def save(path: Path, value: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((2, 3), value, np.uint8)).save(path)
    return path


def test_any_name_may_be_that_of_an_input_or_label_map(tmp_path) -> None:
    names = ("self", "key", "makers", "name", "data")
    inputs = {
        name: InputFiles({"a": save(tmp_path / name / "a.png", i)}, channels=1)
        for i, name in enumerate(names)
    }
    masks = {
        f"{name} ids": LabelFiles({"a": save(tmp_path / f"{name} ids" / "a.png", i)})
        for i, name in enumerate(names)
    }
    (sample,) = FileDataset(["a"], inputs, masks)
    assert {name: array.max() for name, array in sample.inputs.items()} == {
        name: i for i, name in enumerate(names)
    }
    assert [sample.labels[f"{name} ids"].max() for name in names] == [*range(5)]


@pytest.mark.parametrize("name", ["semantic", "parts"])
def test_an_input_with_the_name_of_a_label_map_raises(name) -> None:
    """`Sample.paths` has one entry for each name, so one of both would lose its path."""
    labels = {"semantic": LabelFiles(), "parts": LabelFiles()}
    with pytest.raises(PluxelError) as caught:
        FileDataset([], {"image": InputFiles(), name: InputFiles()}, labels)
    assert str(caught.value) == (
        f"'{name}' is the name of an input and of a label map: rename the input"
    )


def test_samples_without_a_file_of_their_own(tmp_path) -> None:
    """``entry`` is for these samples only, and they have no path."""

    def entry(name: str) -> np.ndarray:
        return np.full((2, 3), len(name), np.uint8)

    path = save(tmp_path / "a.png", 7)
    images = InputFiles({"a": path}, channels=1, entry=entry)
    dataset = FileDataset(
        ["a", "bb"], {"image": images}, {"ids": LabelFiles({"a": path}, entry=entry)}
    )
    one, other = dataset
    assert [each.inputs["image"].max() for each in (one, other)] == [7, 2]
    assert [each.labels["ids"].max() for each in (one, other)] == [7, 2]
    assert one.paths == {"image": path, "ids": path}
    assert not other.paths


def test_the_pairs_of_a_split_are_files_of_equal_names(tmp_path: Path) -> None:
    images, masks = tmp_path / "images", tmp_path / "masks"
    for name in ("b", "a", "alone"):
        save(images / "train" / f"{name}.png", 0)
    for name in ("a", "b", "lost"):
        save(masks / "train" / f"{name}_gt.png", 0)
    pairs, unpaired = split_pairs("train", images, masks, mask_suffix="_gt")
    assert [(pair.name, pair.mask.name) for pair in pairs] == [("a", "a_gt.png"), ("b", "b_gt.png")]
    assert [path.name for path in unpaired] == ["alone.png", "lost_gt.png"]


def test_splits_without_pairs(tmp_path: Path) -> None:
    images, masks = tmp_path / "images", tmp_path / "masks"
    with pytest.raises(MissingData) as missing:
        split_pairs("train", images, masks)
    assert str(missing.value) == f"the images not found: {images} (only {tmp_path} exists)"
    for folder in (images, masks):
        (folder / "train").mkdir(parents=True)
    with pytest.raises(SplitError) as unknown:
        split_pairs("trian", images, masks)
    assert str(unknown.value) == (
        f"{images} has no split 'trian'; it has train. Did you mean 'train'?"
    )
    with pytest.raises(SplitError, match="split 'train' is empty: no image of .* has a mask in"):
        split_pairs("train", images, masks)
    (masks / "train").rmdir()
    masks.rmdir()
    save(images / "train" / "a.png", 0)
    with pytest.raises(BrokenData, match="the masks not found: "):
        split_pairs("train", images, masks)
