"""Counting the pixels of each class in a split."""

import numpy as np
import pytest
from pluxel.core.contracts.labels import LabelError
from pluxel.core.data.frequencies import class_frequencies
from pluxel.core.data.pixels import ImageError
from pluxel.core.data.samples import DataError


def test_ignored_pixels_are_not_counted(toy, spaces):
    assert class_frequencies(toy(5), spaces["semantic"]) == [5 * 22, 5]


def test_only_labels_are_read(toy, spaces):
    dataset = toy(5)
    class_frequencies(dataset, spaces["semantic"])
    assert dataset.reads == 5


def test_progress_is_reported(toy, spaces):
    seen = []
    class_frequencies(toy(3), spaces["semantic"], progress=lambda: seen.append(1))
    assert len(seen) == 3


def test_missing_labels_raise(toy, spaces):
    dataset = toy()
    dataset._label = lambda index: np.zeros((4, 6, 3), np.uint8)
    with pytest.raises(DataError, match=r"^toy/0.png: labels 'semantic' of Toy: uint8 of shape"):
        class_frequencies(dataset, spaces["semantic"])


def test_a_stray_id_raises_with_its_file(toy, spaces):
    dataset = toy()
    dataset._label = lambda index: np.full((4, 6), 5 * (index == 7), np.uint8)
    with pytest.raises(LabelError, match=r"^toy/7.png: label id 5"):
        class_frequencies(dataset, spaces["semantic"])


def test_bad_samples_are_skipped_as_in_training(toy, spaces, caplog):
    class Damaged(toy):
        def __getitem__(self, index):
            if index == 2:
                raise ImageError("toy/2.png: cannot be read")
            return super().__getitem__(index)

    dataset = Damaged(5)
    whole = [dataset._label(i) for i in range(5)]
    dataset._label = lambda index: whole[index] if index != 4 else np.full((4, 6), 5, np.uint8)
    seen = []
    counts = class_frequencies(
        dataset, spaces["semantic"], on_bad_sample="skip", progress=lambda: seen.append(1)
    )
    assert counts == [3 * 22, 3]
    assert len(seen) == 5
    assert "skipped: toy/2.png: cannot be read" in caplog.text
    assert "skipped: toy/4.png: label id 5" in caplog.text
    with pytest.raises(ImageError):
        class_frequencies(dataset, spaces["semantic"])
