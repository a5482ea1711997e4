"""``pluxel config check`` notes data that are not here, and refuses data that are incomplete."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

CONFIG = """\
backbone: {type: vgg16, pretrained: false}
decoder: fcn32s
loss: cross_entropy
dataset: {type: TYPE, root: data MORE}
"""
Pluxel = Callable[..., tuple[object, str, str]]


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Pluxel) -> Pluxel:
    """Run ``pluxel config check x.yaml`` in a folder with ``data``."""
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    return partial(command, "config", "check", "x.yaml")


def configure(kind: str, more: str = "") -> None:
    Path("x.yaml").write_text(CONFIG.replace("TYPE", kind).replace(" MORE", more))


def save(*paths: str) -> None:
    for path in map(Path, paths):
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros((8, 8), np.uint8)).save(path)


def camvid(root: str) -> None:
    for folder in ("train", "trainannot", "val", "valannot"):
        save(f"{root}/{folder}/a.png")


FOLDER = ", images: photos, masks: masks, classes: [a, b], fractions: {train: 0.5, val: 0.5}"


def test_data_that_are_not_here_are_noted(check: Pluxel) -> None:
    configure("camvid")
    code, out, err = check()
    assert (code, err) == (0, "")
    assert "note: missing data: x.yaml:4:11: CamVid not found: no train and trainannot in " in out


@pytest.mark.parametrize(
    ("files", "error"),
    [
        (["train/a.png"], "CamVid is incomplete: data has train, but no trainannot\n"),
        (
            ["train/a.png", "trainannot/a.png", "valannot/a.png"],
            "the images of split 'val' not found: data/val (only ",
        ),
    ],
)
def test_a_part_of_a_dataset_is_an_error(check: Pluxel, files, error) -> None:
    configure("camvid")
    save(*(f"data/{file}" for file in files))
    code, out, err = check()
    assert (code, out) == (2, "")
    assert f"x.yaml:4:11: {error}" in err


def test_one_mask_of_six_is_missing(check: Pluxel) -> None:
    """Training refuses what the lists of a published dataset name and its folders lack."""
    configure("camvid")
    names = [f"{i}.png" for i in range(6)]
    for split in ("train", "val"):
        save(*(f"data/{split}/{name}" for name in names))
        save(*(f"data/{split}annot/{name}" for name in names[split == "val" :]))
        lines = (f"x/{name} y/{name}\n" for name in names)
        Path(f"data/{split}.txt").write_text("".join(lines))
    code, out, err = check()
    assert (code, out) == (2, "")
    assert "x.yaml:4:11: data/val.txt:1: data/valannot/0.png does not exist" in err


def test_only_splits_that_training_reads_must_be_complete(check: Pluxel) -> None:
    configure("camvid")
    camvid("data")
    Path("data/testannot").mkdir()
    code, out, _ = check("splits={train: train, val: val, test: test}")
    assert code == 0
    assert "note: missing data: x.yaml:4:11: the images of split 'test' not found: " in out


@pytest.mark.parametrize(
    ("files", "code", "text"),
    [
        ([], 0, "note: missing data: x.yaml:4:11: the images not found: "),
        (["masks/a.png"], 2, "x.yaml:4:11: the images not found: "),
        (["photos/a.png"], 2, "x.yaml:4:11: the masks not found: "),
    ],
)
def test_folders_of_the_user(check: Pluxel, files, code, text) -> None:
    configure("folder", FOLDER)
    save(*(f"data/{file}" for file in files))
    found, out, err = check()
    assert found == code
    assert text in (err if code else out)


def test_a_root_one_level_too_high_is_mentioned(check: Pluxel, caplog) -> None:
    configure("camvid")
    camvid("data/deep")
    code, out, _ = check()
    assert code == 0
    assert out.startswith("ok: x.yaml: ")
    expected = "CamVid: root is data, but the dataset is in data/deep; using that"
    assert caplog.messages.count(expected) == 1
