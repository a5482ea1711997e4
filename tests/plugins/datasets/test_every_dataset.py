"""Tests of every registered dataset."""

import logging
import pickle

import numpy as np
import pytest
from pluxel.core.contracts.labels import LabelSpace
from pluxel.core.data.pixels import ImageError
from pluxel.core.data.raw import raw_input
from pluxel.core.data.samples import TrainingData
from pluxel.core.data.splits import SplitError, open_split
from pluxel.registry import Host

from .conftest import PARAMETERS, SECOND

NAMES = [c.name for c in Host().components("dataset") if c.provider == "pluxel"]


def test_all_datasets_are_covered():
    assert sorted(NAMES) == sorted(PARAMETERS)


@pytest.fixture(params=NAMES)
def make(request, tmp_path, host):
    """``make(split)`` makes a built-in dataset."""
    target = host.load(host.get("dataset", request.param))
    parameters = PARAMETERS[request.param](tmp_path)
    return lambda split: target(split, **parameters)


@pytest.fixture
def second(make, request):
    """A split beside ``train``."""
    return make(SECOND.get(request.node.callspec.params["make"], "val"))


def test_samples_of_another_split_are_consistent(second):
    """Sizes match, every id is in the label map, and types follow the contract."""
    spaces = {name: LabelSpace(one) for name, one in second.labels.items()}
    for i in range(min(len(second), 10)):
        sample = second[i]
        image = sample.inputs["image"]
        assert image.dtype == np.uint8
        assert set(sample.labels) == set(spaces)
        for name, labels in sample.labels.items():
            assert spaces[name].encode(labels, sample.paths.get(name)).shape == image.shape[:2]
        for name, channels in second.channels.items():
            assert raw_input(second, sample, name).shape == (*image.shape[:2], channels)
        assert all(path.is_file() for path in sample.paths.values())


def test_splits_share_no_samples(make, second):
    pictures = [
        {dataset[i].inputs["image"].tobytes() for i in range(len(dataset))}
        for dataset in (make("train"), second)
    ]
    assert not pictures[0] & pictures[1]


def test_reads_lazily(make, monkeypatch):
    """Names and paths need no file access and no drawing."""
    dataset = make("train")

    def fail(*arguments: object, **options: object) -> None:
        raise AssertionError("read too early")

    monkeypatch.setattr("PIL.Image.open", fail)
    monkeypatch.setattr("cv2.fillPoly", fail)
    monkeypatch.setattr("scipy.io.loadmat", fail)
    assert dataset[0].name
    assert set(dataset[0].inputs) == set(dataset.channels)
    with pytest.raises((AssertionError, ImageError), match="read too early"):
        dataset[0].labels["semantic"]


def test_can_be_pickled_for_workers(make):
    """Without fork, workers receive pickled data, including transforms."""
    dataset = make("train")
    spaces = {"semantic": LabelSpace(dataset.labels["semantic"])}
    flips = ["HorizontalFlip", {"OneOf": {"transforms": ["Blur", "RandomGamma"]}}]
    data = TrainingData(dataset, spaces, flips, seed=4)
    data[0]
    copy = pickle.loads(pickle.dumps(data))
    assert (copy[3].inputs["image"] == data[3].inputs["image"]).all()


def test_supports_slices(make):
    assert open_split(make, "train[:2]")[1].name == make("train")[1].name


def test_an_unknown_split_lists_the_available_ones(make):
    with pytest.raises(SplitError) as caught:
        make("trian")
    assert "'trian'" in str(caught.value)
    assert "Did you mean 'train'?" in str(caught.value)


def test_good_files_are_not_logged(make, caplog):
    dataset = make("train")
    assert not [one for one in caplog.records if one.levelno >= logging.WARNING]
    caplog.clear()
    caplog.set_level(logging.INFO, "pluxel")
    sample = dataset[0]
    sample.inputs["image"], sample.labels["semantic"]
    assert not caplog.records
