"""``pluxel data`` from the command line."""

import json
import re
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest
from PIL import Image
from pluxel.core.cli import main

from .conftest import TOYS

rng = np.random.default_rng(0)


@pytest.fixture
def here(tmp_path, monkeypatch, capsys):
    """Run ``pluxel …`` in ``tmp_path``, in this process to save time."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> CompletedProcess[str]:
        with pytest.raises(SystemExit) as left:
            main(["--plugin", str(TOYS), *arguments])
        written = capsys.readouterr()
        return CompletedProcess(arguments, int(left.value.code or 0), written.out, written.err)

    return run


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """Folders photos/ and masks/ with five pairs and the ids 0, 1 and 2."""
    for name in ("photos", "masks"):
        (tmp_path / name).mkdir()
    for i in range(5):
        image = rng.integers(0, 256, (33, 47, 3)).astype(np.uint8)
        Image.fromarray(image).save(tmp_path / "photos" / f"{i}.jpg")
        mask = rng.integers(0, 3, (33, 47)).astype(np.uint8)
        Image.fromarray(mask).save(tmp_path / "masks" / f"{i}.png")
    return tmp_path


def test_from_two_folders_to_a_trained_run(pluxel, here, folders):
    done = pluxel("data", "init", "photos", "masks", "--output", "mine.yaml")
    assert done.returncode == 0, done.stderr
    assert "mine.yaml: 5 images with masks, 3 label ids" in done.stdout
    assert "pluxel data check mine.yaml" in done.stdout
    done = here("data", "check", "mine.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "train: 4 images (4 of 33×47; height × width)" in done.stdout
    assert "class_2" in done.stdout
    assert "no problems" in done.stdout
    quick = ("training.steps=2", "training.batch_size=2", "training.schedule.warmup_steps=0")
    small = ("backbone={type: toy}", "decoder={type: fcn32s}", "device=cpu")
    done = here("train", "mine.yaml", *quick, *small)
    assert done.returncode == 0, done.stderr


def test_init_gives_editors_a_schema_of_all_plugins(here, folders):
    done = here("data", "init", "photos", "masks")
    assert "pluxel.schema.json: completion and checks in editors" in done.stdout
    lines = (folders / "pipeline.yaml").read_text().splitlines()
    assert "# yaml-language-server: $schema=pluxel.schema.json" in lines
    schema = folders / "pluxel.schema.json"
    names = json.loads(schema.read_text())["$defs"]["backbone"]["anyOf"][0]["enum"]
    assert {"vgg16", "toy"} <= {*names}
    schema.write_text("mine")
    assert "schema" not in here("data", "init", "photos", "masks", "--overwrite").stdout
    assert schema.read_text() == "mine"


def test_init_does_not_overwrite_by_default(here, folders):
    (folders / "pipeline.yaml").write_text("precious")
    done = here("data", "init", "photos", "masks")
    assert done.returncode == 2
    assert "pipeline.yaml already exists; --overwrite replaces it" in done.stderr
    assert (folders / "pipeline.yaml").read_text() == "precious"
    assert here("data", "init", "photos", "masks", "--overwrite").returncode == 0
    assert "backbone:" in (folders / "pipeline.yaml").read_text()


def test_init_reports_a_missing_folder(here, folders):
    done = here("data", "init", "photos", "elsewhere")
    assert done.returncode == 2
    assert done.stderr.strip() == "elsewhere is not a folder"


BROKEN = """\
backbone: {type: toy}
decoder: {type: fcn32s}
loss: {type: cross_entropy}
dataset:
  type: folder
  images: photos
  masks: masks
  classes: {0: ground, 1: car, 7: bus}
splits: {train: "all[:4]", val: "all[4:]"}
"""


@pytest.fixture
def broken(folders: Path) -> Path:
    """Folders with faults of every kind."""
    (folders / "broken.yaml").write_text(BROKEN)
    photo = folders / "photos" / "1.jpg"
    photo.write_bytes(photo.read_bytes()[:500])
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(folders / "masks" / "2.png")
    (folders / "photos" / "4.jpg").write_bytes((folders / "photos" / "3.jpg").read_bytes())
    Image.new("RGB", (4, 4)).save(folders / "photos" / "alone.png")
    return folders


def test_check_finds_every_kind_of_fault(here, broken):
    done = here("data", "check", "broken.yaml")
    assert done.returncode == 1, done.stderr
    for line in (
        "photos/alone.png: has no counterpart",
        "photos/1.jpg: cannot be read: ",
        "masks/2.png: is 9×9, its image is 33×47 (height × width)",
        "label id 2 is not in the label map",
        "  map: {2: ignore}",
        "train: semantic: class 'bus' occurs in no image",
        "photos/4.jpg: is also in split train, as photos/3.jpg",
    ):
        assert line in done.stdout, line
    assert "Traceback" not in done.stdout + done.stderr


def test_check_finds_a_changed_copy_in_another_split(here, folders):
    (folders / "broken.yaml").write_text(BROKEN.replace("7: bus", "2: bus"))
    with Image.open(folders / "photos" / "0.jpg") as photo:
        copy = photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    copy.resize((470, 330)).save(folders / "photos" / "4.jpg", quality=90)
    Image.fromarray(np.zeros((330, 470), np.uint8)).save(folders / "masks" / "4.png")
    done = here("data", "check", "broken.yaml", "training.workers=1")
    assert done.returncode == 1, done.stderr
    line = "photos/4.jpg: shows the same as photos/0.jpg of split train (similarity 0."
    assert line in done.stdout
    assert "near duplicate: 1\n" in done.stdout
    assert done.stdout.endswith("\n1 problem\n")


def test_check_prints_json(here, broken):
    done = here("data", "check", "broken.yaml", "--json", "labels.map={2: ignore}")
    assert done.returncode == 1, done.stderr
    report = json.loads(done.stdout)
    kinds = {finding["kind"] for finding in report["findings"]}
    expected = {"unpaired", "unreadable", "size mismatch", "empty class", "duplicate", "note"}
    assert kinds == expected
    assert report["splits"]["train"]["classes"]["semantic"]["car"]["images"] == 3
    assert report["problems"] == len([f for f in report["findings"] if f["kind"] != "note"])


def test_check_points_to_the_dataset_in_the_file(here, folders):
    (folders / "broken.yaml").write_text(BROKEN)
    done = here("data", "check", "broken.yaml", "dataset.images=elsewhere")
    assert done.returncode == 2
    assert re.match(r"broken.yaml:\d+:\d+: the images not found: elsewhere", done.stderr)
