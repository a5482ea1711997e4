"""Sheets of samples before and after augmentation: the right pixels, and samples that fail."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pluxel.core import load_config, prepare
from pluxel.core.engine.preparation import Prepared
from pluxel.core.engine.preview import SIDE, preview
from pluxel.core.engine.training.experiment import Experiment
from pluxel.core.pictures.sheet import Sheet, sheet_page, sheet_picture
from pluxel.registry import Host, PluxelError

FLIP = "augment={train: [{HorizontalFlip: {p: 1}}]}"
SCENES = """\
backbone: {type: toy}
decoder: {type: fcn32s}
loss: {type: cross_entropy}
dataset:
  type: folder
  root: .
  images: photos
  masks: masks
  classes: {0: ground, 1: "<script>alert('天空')</script>", 9: ignore}
splits: {train: all, val: all}
device: cpu
training: {steps: 1, pictures: 0}
"""


@pytest.fixture
def prepared(make: Callable[..., Experiment]) -> Callable[..., Prepared]:
    def prepared(*overrides: str, **options: str) -> Prepared:
        return make(*overrides, **options).whole

    return prepared


def write(folder: Path, name: str, image: np.ndarray, mask: np.ndarray) -> None:
    for kind, array in (("photos", image), ("masks", mask)):
        (folder / kind).mkdir(exist_ok=True)
        Image.fromarray(array).save(folder / kind / f"{name}.png")


@pytest.fixture
def scenes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write two samples, a and b, and work in their folder."""
    monkeypatch.chdir(tmp_path)
    mask = np.zeros((30, 40), np.uint8)
    mask[:10], mask[20:] = 1, 9
    for name, value in (("a", 60), ("b", 180)):
        write(tmp_path, name, np.full((30, 40, 3), value, np.uint8), mask)
    return tmp_path


def of_scenes(folder: Path, host: Host, *overrides: str) -> Prepared:
    (folder / "scenes.yaml").write_text(SCENES)
    return prepare(load_config(folder / "scenes.yaml", overrides, host=host))


def test_training_samples_are_those_that_the_network_gets(make) -> None:
    experiment = make(FLIP, "seed=3")
    experiment.initialize()
    data = experiment.training_data()
    sheet = preview(experiment.whole, "train", 12)
    assert [one.name for one in sheet.samples] == [data[n].name for n in range(12)]
    for n, sample in enumerate(sheet.samples):
        before, labels, after, flipped = sample.tiles
        assert [t.title for t in sample.tiles] == [
            "image", "semantic", "image, augmented", "semantic, augmented"
        ]  # fmt: skip
        assert np.array_equal(after.picture[::10, ::10], data[n].inputs["image"])
        assert np.array_equal(after.picture, before.picture[:, ::-1])
        assert not np.array_equal(flipped.picture, labels.picture)
    assert sheet.title == "train: 12 samples before and after augmentation"


def test_samples_without_augmentation_are_drawn_once(make) -> None:
    experiment = make("augment={train: []}", "seed=3")
    experiment.initialize()
    data = experiment.training_data()
    sheet = preview(experiment.whole, "train", 3)
    assert [one.name for one in sheet.samples] == [data[n].name for n in range(3)]
    assert all([t.title for t in one.tiles] == ["image", "semantic"] for one in sheet.samples)
    assert sheet.title == "train: 3 samples"
    cells = preview(make("augment={train: []}", "training.keep_cells=0.5").whole, "train", 1)
    assert len(cells.samples[0].tiles) == 4


def test_another_seed_shows_other_samples(prepared) -> None:
    whole = prepared()
    names = [[s.name for s in preview(whole, "train", 5, seed).samples] for seed in (None, 0, 1)]
    assert names[0] == names[1] != names[2]


def test_other_splits_are_shown_as_evaluation_reads_them(prepared) -> None:
    sheet = preview(prepared(FLIP), "val", 3, seed=5)
    assert all(len(sample.tiles) == 2 for sample in sheet.samples)
    assert len(preview(prepared(), "val", 100).samples) == 10
    assert [s.name for s in preview(prepared(), "val[2:4]", 9).samples] == ["val2", "val3"]
    assert len(preview(prepared(FLIP), "train[:1]", 2).samples[1].tiles) == 4
    with pytest.raises(PluxelError, match="split"):
        preview(prepared(), "val[", 3)


def test_labels_have_colors_stripes_and_a_legend(scenes: Path, host: Host) -> None:
    sheet = preview(of_scenes(scenes, host), "val", 2)
    image, labels = sheet.samples[0].tiles
    assert image.picture[0, 0].tolist() == [60] * 3
    assert image.caption == "40×30"
    names, colors = zip(*sheet.entries, strict=True)
    assert names == ("ground", "1 <script>alert('□□')</script>", "ignore")
    expected = np.rint(0.55 * np.array(colors[1]) + 0.45 * 60)
    assert labels.picture[0, 0].tolist() == expected.tolist()
    assert {*np.unique(labels.picture[130:]).tolist()} == {205, 120}
    assert labels.caption == "33 % ignored"
    assert sheet.samples[0].source == "photos/a.png\nmasks/a.png"


def test_a_page_escapes_names_and_loads_nothing(scenes: Path, host: Host) -> None:
    page = sheet_page(preview(of_scenes(scenes, host), "val", 2))
    assert "<script" not in page
    assert "&lt;script&gt;alert(&#39;天空&#39;)&lt;/script&gt;" in page
    assert page.count("<img ") == page.count('src="data:image/') == 4
    assert "http" not in page.replace("http-equiv", "")
    assert 'title="a\nphotos/a.png\nmasks/a.png"' in page
    assert "prefers-color-scheme: dark" in page
    assert "default-src &#39;none&#39;" in page


def test_a_sample_that_cannot_be_read_is_named(
    scenes: Path, host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    (scenes / "photos" / "a.png").write_bytes(b"no image")
    write(scenes, "c", np.zeros((30, 40, 3), np.uint8), np.full((30, 40), 7, np.uint8))
    with caplog.at_level(logging.WARNING, "pluxel"):
        sheet = preview(of_scenes(scenes, host, FLIP), "train", 3)
    assert len(sheet.samples) == 3
    broken = {one.name: one for one in sheet.samples if (one.tiles[0].picture == 232).any()}
    assert len(broken) == 2
    assert "a.png: " in caplog.text
    assert "label id 7 is not in the label map" in caplog.text
    good = next(one for one in sheet.samples if one.name == "b")
    assert good.tiles[0].picture[0, 0].tolist() == [180] * 3
    assert sheet_picture(sheet).shape[2] == 3
    assert len(sheet_page(sheet)) > 1000


def test_a_failed_augmentation_shows_the_sample_before_it(scenes: Path, host: Host) -> None:
    crop = "augment={train: [{RandomCrop: {height: 500, width: 500}}]}"
    sample = preview(of_scenes(scenes, host, crop), "train", 1).samples[0]
    assert sample.name in "ab"
    assert sample.tiles[0].picture[0, 0, 0] in (60, 180)
    assert sample.tiles[2].picture[0, 0].tolist() == [232] * 3


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (3000, 2000)])
def test_pictures_of_any_size_are_small(scenes: Path, host: Host, size: tuple[int, int]) -> None:
    for file in scenes.rglob("?.png"):
        file.unlink()
    write(scenes, "z", np.full((*size, 3), 9, np.uint8), np.zeros(size, np.uint8))
    sheet = preview(of_scenes(scenes, host), "val", 5)
    (sample,) = sheet.samples
    for tile in sample.tiles:
        assert max(tile.picture.shape) <= SIDE
    assert sample.tiles[0].picture[0, 0].tolist() == [9] * 3


def test_several_inputs_and_heads(prepared) -> None:
    text = """\
streams: {both: {input: [image, depth], backbone: toy}}
dataset: {type: squares, kind: depth}
device: cpu
training: {steps: 1, monitor: null}
heads:
  one: {decoder: fcn32s, loss: cross_entropy, target: semantic}
  two: {decoder: fcn32s, loss: cross_entropy, target: halves}
"""
    sheet = preview(prepared(text=text), "val", 2)
    assert [tile.title for tile in sheet.samples[0].tiles] == ["image", "depth", "one", "two"]
    assert sheet.samples[0].tiles[1].caption.endswith(" m")
    assert [title for title, _ in sheet.legends] == ["one", "two"]
    drawn: Sheet = sheet
    assert sheet_picture(drawn).shape[1] == 4 * SIDE + 5 * 6
