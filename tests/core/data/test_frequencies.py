"""Counting the pixels of each class in a split."""

import numpy as np
import pytest
from pluxel.core.contracts.kinds import Sample
from pluxel.core.contracts.labels import LabelMap, LabelSpace
from pluxel.core.data.frequencies import class_frequencies
from pluxel.core.data.images import ImageError
from pluxel.core.data.samples import DataError, EvaluationData


def test_ignored_pixels_are_not_counted(toy, spaces):
    assert class_frequencies(toy(5), spaces) == {"semantic": [5 * 22, 5]}


def test_samples_are_read_once_for_all_targets(toy, spaces):
    dataset = toy(5)
    both = {**spaces, "second": LabelSpace(LabelMap({1: "thing", 0: "ignore", 9: "ignore"}))}
    found = class_frequencies(dataset, both, sources={"second": "semantic"})
    assert found == {"semantic": [5 * 22, 5], "second": [5]}
    assert dataset.reads == 5 * 3  # an image, and a label map for each target


def test_progress_is_reported(toy, spaces):
    seen = []
    class_frequencies(toy(3), spaces, progress=lambda: seen.append(1))
    assert len(seen) == 3


@pytest.mark.parametrize("workers", [0, 1])
def test_workers_count_the_same(toy, spaces, workers):
    found = class_frequencies(toy(5, sizes={3: (5, 7)}), spaces, workers=workers)
    assert found == {"semantic": [4 * 22 + 33, 5]}


def test_missing_labels_raise(toy, spaces):
    dataset = toy()
    dataset._label = lambda index: np.zeros((4, 6, 3), np.uint8)
    with pytest.raises(DataError, match=r"^toy/0.png: labels 'semantic' of Toy: uint8 of shape"):
        class_frequencies(dataset, spaces)


def test_a_stray_id_raises_with_its_file(toy, spaces):
    dataset = toy()
    dataset._label = lambda index: np.full((4, 6), 5 * (index == 7), np.uint8)
    with pytest.raises(DataError, match=r"^toy/7.png: label id 5"):
        class_frequencies(dataset, spaces)


def test_bad_samples_are_skipped_as_in_training(toy, spaces, caplog):
    class Damaged(toy):
        def __getitem__(self, index):
            if index == 2:
                raise ImageError("toy/2.png: cannot be read")
            return super().__getitem__(index)

    dataset = Damaged(6, bad=(3,))
    whole = [dataset._label(i) for i in range(6)]
    dataset._label = lambda index: whole[index] if index != 4 else np.full((4, 6), 5, np.uint8)
    counts = class_frequencies(dataset, spaces, on_bad_sample="skip")
    assert counts == {"semantic": [3 * 22, 3]}
    assert "skipped: toy/2.png: cannot be read" in caplog.text
    assert "skipped: toy/3.jpg: cannot be read: truncated" in caplog.text
    assert "skipped: toy/4.png: label id 5" in caplog.text
    with pytest.raises(DataError, match=r"^toy/2.png: cannot be read$"):
        class_frequencies(dataset, spaces)


class Holes:
    """Images and depths in memory, without paths; each has pixels without data."""

    channels = {"image": 1, "depth": 1}
    labels = {"semantic": LabelMap({0: "ground", 1: "thing"})}

    def __len__(self):
        return 2

    def __getitem__(self, index):
        image = np.full((4, 6, 1), 0.5, np.float32)
        depth = np.full((4, 6, 1), 7, np.uint16)
        image[0, :2] = np.nan
        hidden = np.zeros((4, 6, 1), bool)
        hidden[0, 1:4] = True
        labels = np.zeros((4, 6), np.uint8)
        labels[0] = 1
        inputs = {"image": image, "depth": np.ma.MaskedArray(depth, hidden)}
        return Sample(f"{index}", inputs, {"semantic": labels})


@pytest.mark.parametrize(
    ("inputs", "things"), [(["image"], 4), (["depth"], 3), (["image", "depth"], 2)]
)
def test_counts_equal_those_of_the_targets_that_training_reads(inputs, things):
    dataset, spaces = Holes(), {"semantic": LabelSpace(Holes.labels["semantic"])}
    found = class_frequencies(dataset, spaces, inputs=inputs)
    assert found == {"semantic": [2 * 18, 2 * things]}
    data = EvaluationData(dataset, spaces, inputs=inputs)
    targets = np.stack([data[index].targets["semantic"] for index in range(2)])
    assert found["semantic"] == [int((targets == k).sum()) for k in (0, 1)]
