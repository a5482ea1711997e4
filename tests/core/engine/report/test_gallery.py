"""The pictures of a page: one table of photographs, and notes that count images."""

from __future__ import annotations

from pathlib import Path

import pytest
from pluxel.core import Run, Trainer, load_config, prepare
from pluxel.core.engine.evaluation.image_statistics import ImageStatistics
from pluxel.core.engine.training.experiment import Experiment
from pluxel.registry import Host

from .read_page import page_of

pytestmark = pytest.mark.slow

TWO_HEADS = """\
backbone: toy
heads:
  semantic: {decoder: fcn32s, loss: cross_entropy}
  halves: {decoder: fcn32s, loss: cross_entropy}
dataset: squares
device: cpu
training: {steps: 2, precision: fp32, pictures: 0}
"""


@pytest.fixture
def two_heads(tmp_path: Path, toys: Host) -> Run:
    path = tmp_path / "two.yaml"
    path.write_text(TWO_HEADS)
    run = Run(tmp_path / "two heads")
    Trainer(Experiment(prepare(load_config(path, host=toys)), run)).train()
    return run


def test_heads_share_photographs(two_heads: Run, toys: Host) -> None:
    data = page_of(two_heads, toys).data
    assert len({*data["photos"]}) == len(data["photos"])
    names: dict[int, str] = {}
    for head in data["heads"]:
        for picture in head["pictures"]:
            assert names.setdefault(picture["photo"], picture["name"]) == picture["name"]
    assert [*range(len(data["photos"]))] == sorted(names)
    assert len(names) < sum(len(head["pictures"]) for head in data["heads"])


def test_an_image_of_two_heads_changed_once(two_heads: Run, toys: Host) -> None:
    kept = ImageStatistics.read(two_heads.statistics_of("val"))
    for head in kept.heads.values():
        head.rows["counts"].values[:] += 1
    kept.write(two_heads.statistics_of("val"))
    shown = {image for head in kept.heads.values() for image in head.examples}
    (note,) = page_of(two_heads, toys).notes
    assert note.startswith(f"{len(shown)} images or their ground truth changed since")
