"""The base class of datasets in files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pluxel.core.authoring import FileDataset, InputFiles, LabelFiles
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
