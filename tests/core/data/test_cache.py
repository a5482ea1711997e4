"""A dataset that is decoded once."""

import numpy as np
import pytest
from pluxel.core.data import CachedDataset

IMAGE, LABEL = 4 * 6 * 3, 4 * 6


def read_all(dataset) -> None:
    for i in range(len(dataset)):
        dataset[i].inputs["image"]
        dataset[i].labels["semantic"]


def test_reads_once(toy):
    dataset = toy()
    cached = CachedDataset(dataset)
    read_all(cached)
    read_all(cached)
    assert dataset.reads == 20
    assert (cached[3].inputs["image"] == dataset[3].inputs["image"]).all()
    assert cached[3].name == "toy_3"
    assert cached[3].paths == dataset[3].paths
    assert list(cached[3].inputs) == ["image"]
    assert cached.labels == dataset.labels
    assert cached.channels == dataset.channels


def test_reads_nothing_that_is_not_asked_for(toy):
    dataset = toy()
    CachedDataset(dataset)[0]
    assert dataset.reads == 0


def test_gives_nobody_the_means_to_spoil_it(toy):
    image = CachedDataset(toy())[0].inputs["image"]
    with pytest.raises(ValueError, match="read-only"):
        image[0] = 1


@pytest.mark.parametrize("kept", [0, 1, 4])
def test_keeps_no_more_than_its_limit(toy, kept):
    dataset = toy()
    cached = CachedDataset(dataset, limit=kept * (IMAGE + LABEL))
    read_all(cached)
    dataset.reads = 0
    read_all(cached)
    assert dataset.reads == 2 * (10 - kept)


def test_fills_in_advance(toy):
    dataset, seen = toy(), []
    cached = CachedDataset(dataset)
    cached.fill(lambda done, count: seen.append((done, count)))
    assert seen[-1] == (10, 10)
    assert dataset.reads == 20
    read_all(cached)
    assert dataset.reads == 20


def test_fills_no_further_than_its_limit(toy):
    dataset = toy()
    CachedDataset(dataset, limit=3 * (IMAGE + LABEL)).fill()
    assert dataset.reads <= 8


def test_passes_an_endless_dataset_through(toy):
    endless = toy(10**9)
    endless.endless = True
    cached = CachedDataset(endless)
    assert cached.endless
    cached.fill()
    for _ in range(2):
        cached[10**8].inputs["image"]
    assert endless.reads == 2
    assert np.shares_memory(cached[0].inputs["image"], cached[0].inputs["image"]) is False
