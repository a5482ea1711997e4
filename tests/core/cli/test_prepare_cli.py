"""``pluxel data prepare`` from the command line, for any dataset that derives files."""

from __future__ import annotations

from pathlib import Path
from shutil import rmtree

import numpy as np
import pytest
from PIL import Image
from pluxel.core.cli import main

from ...plugins.datasets.paper import make_nyudv2

PLUGIN = '''
from pathlib import Path
from functools import partial

from pluxel.core.authoring import DerivedFile
from pluxel.plugins.datasets.shapes import Shapes
from pluxel.registry import Component, hookimpl


def write(text, path):
    path.write_text(text)


class Notes(Shapes):
    """Shapes with notes.

    ``root``: the folder of the notes. ``word``: what to note.
    """

    def __init__(self, split: str, *, root: Path, word: str = "note") -> None:
        super().__init__("train", length=2)
        self.endless = False
        self.split, self.root, self.word = split, root, word

    def derived_files(self, index):
        return [DerivedFile(self.root / f"{self.split}_{index}", partial(write, self.word))]


class Cards(Notes):
    """Notes with splits of its own.

    ``root``: the folder of the notes.
    """

    derived_splits = ("front", "back")

    def __init__(self, split: str, *, root: Path) -> None:
        super().__init__(split, root=root)


@hookimpl
def pluxel_datasets():
    return [
        Component("notes", f"{__name__}:Notes", "Shapes with notes."),
        Component("cards", f"{__name__}:Cards", "Notes with splits of its own."),
    ]
'''


@pytest.fixture(scope="module")
def plugin(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("plugin") / "dataset_of_notes.py"
    path.write_text(PLUGIN)
    return path


@pytest.fixture
def prepare(plugin, tmp_path, monkeypatch, capsys):
    """Run ``pluxel data prepare …`` in ``tmp_path``; return the exit code and what it wrote."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            main(["--plugin", str(plugin), "data", "prepare", *arguments])
        written = capsys.readouterr()
        return int(left.value.code or 0), written.out, written.err

    return run


def test_files_are_written_once(prepare, tmp_path) -> None:
    assert prepare("notes", "root=new") == (0, "4 files written\n", "")
    names = sorted(path.name for path in (tmp_path / "new").iterdir())
    assert names == ["train_0", "train_1", "val_0", "val_1"]
    (tmp_path / "new" / "val_0").unlink()
    assert prepare("notes", "root=new") == (0, "1 file written; 3 files existed already\n", "")
    code, out, _ = prepare("notes", "root=new", "word=more", "--overwrite", "--split", "val")
    assert (code, out) == (0, "2 files written\n")
    assert (tmp_path / "new" / "val_1").read_text() == "more"
    assert (tmp_path / "new" / "train_1").read_text() == "note"


def test_splits_of_the_dataset(prepare, tmp_path) -> None:
    assert prepare("cards", "root=new")[:2] == (0, "4 files written\n")
    names = sorted(path.name for path in (tmp_path / "new").iterdir())
    assert names == ["back_0", "back_1", "front_0", "front_1"]


def test_parts_of_splits(prepare, tmp_path) -> None:
    given = ("notes", "root=new", "--split", "train[1:]", "--split", "val + train")
    assert prepare(*given)[:2] == (0, "4 files written\n")
    assert prepare("notes", "root=part", "--split", "train[1:]")[:2] == (0, "1 file written\n")
    assert [path.name for path in (tmp_path / "part").iterdir()] == ["train_1"]


PIPELINE = "backbone: vgg16\ndecoder: fcn8s\nloss: cross_entropy\ntraining: {steps: 1}\n"


def test_of_a_configuration(prepare, tmp_path) -> None:
    """A configuration states which splits it uses; a part of one derives no other files."""
    (tmp_path / "mine.yaml").write_text(
        f"{PIPELINE}dataset: {{type: notes, root: here}}\n"
        "splits: {train: 'all[:1]', val: test, more: test}\n"
    )
    assert prepare("mine.yaml", "dataset.word=x", "--split", "some")[:2] == (0, "2 files written\n")
    assert (tmp_path / "here" / "some_0").read_text() == "x"
    assert prepare("./mine.yaml", "dataset.root=new")[:2] == (0, "3 files written\n")
    names = sorted(path.name for path in (tmp_path / "new").iterdir())
    assert names == ["all_0", "test_0", "test_1"]
    (tmp_path / "mine.yaml").rename(tmp_path / "plain")
    assert prepare("plain", "dataset.root=also")[:2] == (0, "3 files written\n")


def test_a_dataset_goes_before_a_file_of_its_name(prepare, tmp_path) -> None:
    (tmp_path / "notes").write_text("no configuration")
    assert prepare("notes", "root=new")[:2] == (0, "4 files written\n")


@pytest.mark.parametrize(
    "dataset",
    [
        "{type: masked, dataset: {type: notes, root: here}, keep: shape}",
        "{type: concat, datasets: {a: {type: notes, root: here}, b: shapes}, classes_of: a, "
        "splits: {train: {a: train, b: 'train[:2]'}, val: {a: val}}}",
    ],
)
def test_of_a_dataset_within_another(prepare, tmp_path, dataset) -> None:
    (tmp_path / "mine.yaml").write_text(f"{PIPELINE}dataset: {dataset}\n")
    assert prepare("mine.yaml")[:2] == (0, "4 files written\n")
    names = sorted(path.name for path in (tmp_path / "here").iterdir())
    assert names == ["train_0", "train_1", "val_0", "val_1"]


def test_of_a_shipped_configuration(prepare, tmp_path) -> None:
    """The recipe of HHA opens before there is any."""
    root = make_nyudv2(tmp_path / "nyudv2")
    rmtree(root / "data" / "hha")
    name = "nyudv2_heavy_fcn32s_hha_vgg16"
    given = (f"dataset.root={root}", "--split", "test[:1]")
    images = [f"img_{number}" for number in (5001, 5002)]
    depth = np.full((425, 560), 2000, np.uint16)
    for image in images:
        (root / "data" / "depth" / f"{image}.png").unlink()
        Image.fromarray(depth).save(root / "data" / "depth" / f"{image}.png")
    for config in (name, f"{name}.yaml"):
        assert prepare(config, *given)[:2] == (0, "1 file written\n")
        (root / "data" / "hha" / "img_5001.png").unlink()
    assert prepare(
        name, f"dataset.root={root}", "splits.train='test[:2]'", "splits.val='test[1:2]'"
    )[:2] == (0, "2 files written\n")
    assert sorted(path.stem for path in (root / "data" / "hha").iterdir()) == images


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["shapes"], "the dataset 'shapes' has no files to prepare"),
        (["nots", "root=x"], "unknown dataset 'nots'. Did you mean 'notes'?"),
        (["notes"], "override 'dataset=notes': dataset 'notes' needs the parameter 'root'"),
        (["notes", "root=x", "wrd=y"], "Did you mean 'word'?"),
        (["none.yaml"], "there is no file 'none.yaml'"),
        (["notes", "root=x", "--split", "train[:"], "split 'train[:': write name, name[from:to]"),
        (["notes", "root=x", "--split", "train[2:]"], "split 'train[2:]' is empty"),
    ],
)
def test_mistakes(prepare, arguments, message) -> None:
    code, _, err = prepare(*arguments)
    assert code == 2
    assert message in err
