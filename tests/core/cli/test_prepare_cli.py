"""``pluxel data prepare`` from the command line, for any dataset that derives files."""

from __future__ import annotations

from pathlib import Path

import pytest
from pluxel.core.cli import main

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

    derived_splits = ("train", "val")

    def __init__(self, split: str, *, root: Path, word: str = "note") -> None:
        super().__init__("train")
        names = [f"{split}_{i}" for i in range(2)]
        self.derived_files = [DerivedFile(root / name, partial(write, word)) for name in names]


@hookimpl
def pluxel_datasets():
    return [Component("notes", f"{__name__}:Notes", "Shapes with notes.")]
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


def test_of_a_configuration(prepare, tmp_path) -> None:
    (tmp_path / "mine.yaml").write_text(
        "backbone: vgg16\ndecoder: fcn8s\nloss: cross_entropy\n"
        "dataset: {type: notes, root: here}\ntraining: {steps: 1}\n"
    )
    assert prepare("mine.yaml", "dataset.word=x", "--split", "test")[:2] == (0, "2 files written\n")
    assert (tmp_path / "here" / "test_0").read_text() == "x"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["shapes"], "the dataset 'shapes' has no files to prepare"),
        (["nots", "root=x"], "unknown dataset 'nots'. Did you mean 'notes'?"),
        (["notes"], "override 'dataset=notes': dataset 'notes' needs the parameter 'root'"),
        (["notes", "root=x", "wrd=y"], "Did you mean 'word'?"),
        (["none.yaml"], "none.yaml"),
    ],
)
def test_mistakes(prepare, arguments, message) -> None:
    code, _, err = prepare(*arguments)
    assert code == 2
    assert message in err
