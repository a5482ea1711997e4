"""``pluxel labels align`` from the command line."""

from __future__ import annotations

import json
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import yaml
from pluxel.core.cli import main
from pluxel.core.cli.labels import align
from pluxel.core.config.sections.labels import LabelsConfig
from pluxel.core.contracts.labels import LabelSpace
from pluxel.core.contracts.options import MATCH_THRESHOLD
from pluxel.core.model.blueprint import merge_labels
from pluxel.plugins.datasets.voc import LABELS

WORDS = Path(__file__).parents[1] / "street_words.py"
TOYS = Path(__file__).parents[1] / "engine" / "toys.py"


@pytest.fixture
def labels(tmp_path, monkeypatch, capsys):
    """Run ``pluxel labels align … --embedding street_words`` in ``tmp_path`` and this process."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.txt").write_text("Street\n\n  truck  \nheaven\nsignsymbol\nother\n")
    (tmp_path / "wanted.txt").write_text("sky\nroad\ncar\nsign\nsymbol\n")

    def run(*arguments: str, embedding: str = "street_words") -> CompletedProcess[str]:
        plugins = ["--plugin", str(WORDS), "--plugin", str(TOYS)]
        with pytest.raises(SystemExit) as left:
            main([*plugins, "labels", "align", *arguments, "--embedding", embedding])
        written = capsys.readouterr()
        return CompletedProcess(arguments, int(left.value.code or 0), written.out, written.err)

    return run


PRINTED = """\
# Matches of mine.txt in wanted.txt with cosines of at least 0.8. Word vectors find related
# meanings, not only equal ones: check each line.
map:
  0: road    # Street      0.98; next: sign 0.22, symbol 0.21
  1: car     # truck       0.95; next: symbol 0.07, sky 0.00
  2: sky     # heaven      0.99; next: symbol 0.02, road 0.00
  3: sign    # signsymbol  doubtful: 0.99; next: symbol 0.99, sky 0.00
  4: ignore  # other       none: generic name
# Ignored, since their names are generic: other.
# Doubtful, decide about each: signsymbol.
# Classes without a match: symbol.
"""


def test_prints_an_editable_map(labels):
    done = labels("mine.txt", "wanted.txt")
    assert done.returncode == 0, done.stderr
    assert done.stdout == PRINTED


def test_printed_map_works_in_a_configuration(labels):
    done = labels("voc", "wanted.txt", "--threshold", "-1", "--set", "unknown=zero")
    assert done.returncode == 0, done.stderr
    config = LabelsConfig.model_validate_json(json.dumps(yaml.safe_load(done.stdout)))
    assert set(config.map) == set(LABELS.ids)
    assert LabelSpace(merge_labels(LABELS, config)).label_map.ids[7] == "car"
    assert "7: car" in done.stdout
    assert "by name" in done.stdout
    assert "255: ignore" in done.stdout


def test_doubtful_classes_are_marked(labels):
    lines = labels("mine.txt", "wanted.txt", "--threshold", "0.97").stdout.splitlines()
    assert "  1: ignore  # truck       doubtful: none; nearest: car 0.95, symbol 0.07" in lines
    assert "# Doubtful, decide about each: truck, signsymbol." in lines


def test_lists_of_synonyms(labels):
    """The classes of ADE20K have such names."""
    Path("mine.txt").write_text("car, auto, automobile\ntruck / street; way\nheaven\n")
    lines = labels("mine.txt", "wanted.txt").stdout.splitlines()
    assert lines[3] == "  0: car   # car, auto, automobile  by name"
    assert lines[4].startswith("  1: road  # truck / street; way    doubtful: 0.98; next: car 0.95")
    assert lines[5].startswith("  2: sky   # heaven                 0.99;")


def test_many_to_one_and_one_to_one(labels):
    (Path("mine.txt")).write_text("car\ntruck\nstreet\n")
    many = yaml.safe_load(labels("mine.txt", "wanted.txt").stdout)["map"]
    assert many == {0: "car", 1: "car", 2: "road"}
    one = yaml.safe_load(labels("mine.txt", "wanted.txt", "--one-to-one").stdout)["map"]
    assert one == {0: "car", 1: "ignore", 2: "road"}
    assert yaml.safe_load(labels("mine.txt", "wanted.txt", "--many-to-one").stdout)["map"] == many


def test_json(labels):
    done = labels("mine.txt", "wanted.txt", "--json", "--threshold", "0.96")
    record = json.loads(done.stdout)
    first, second, *_, last = record["matches"]
    assert first["ids"] == [0]
    assert first["class"] == "Street"
    assert first["target"] == "road"
    assert first["cosine"] == pytest.approx(0.976, abs=0.001)
    assert first["margin"] == pytest.approx(0.92, abs=0.01)
    assert first["doubtful"] is False
    assert first["nearest"][0] == {"class": "sign", "cosine": pytest.approx(0.22, abs=0.01)}
    assert second["target"] is None
    assert second["cosine"] is None
    assert second["nearest"][0] == {"class": "car", "cosine": pytest.approx(0.949, abs=0.001)}
    assert second["doubtful"] is True
    nothing = {"cosine": None, "margin": None, "doubtful": False, "nearest": []}
    assert last == {"ids": [4], "class": "other", "target": None, **nothing}
    assert record["without"] == ["car", "symbol"]


def test_output_is_not_overwritten_by_default(labels):
    assert labels("mine.txt", "wanted.txt", "--output", "map.yaml").stdout == ""
    assert Path("map.yaml").read_text() == PRINTED
    Path("map.yaml").write_text("edited")
    done = labels("mine.txt", "wanted.txt", "--output", "map.yaml")
    assert done.returncode == 2
    assert done.stderr == "map.yaml already exists; --overwrite replaces it\n"
    assert Path("map.yaml").read_text() == "edited"
    assert labels("mine.txt", "wanted.txt", "--output", "map.yaml", "--overwrite").returncode == 0
    assert Path("map.yaml").read_text() == PRINTED


PIPELINE = "backbone: {type: toy}\ndecoder: fcn32s\nloss: cross_entropy\n"


def test_configuration_as_dataset(labels):
    Path("toy.yaml").write_text(PIPELINE + "dataset: {type: voc, root: elsewhere}\n")
    done = labels("toy.yaml", "wanted.txt", "--set", "unknown=zero")
    assert "7: car" in done.stdout, done.stderr
    # A dataset of type folder declares its classes, but its folders must exist.
    own = "dataset: {type: folder, images: photos, masks: masks, classes: {'#00ff00': street}}\n"
    Path("own.yaml").write_text(PIPELINE + own)
    done = labels("own.yaml", "wanted.txt")
    assert done.returncode == 2
    assert done.stderr.startswith("own.yaml:4:")
    assert "the images not found: photos" in done.stderr
    Path("squares.yaml").write_text(PIPELINE + "dataset: squares\n")
    assert "7: ignore" in labels("squares.yaml", "wanted.txt", "--set", "unknown=zero").stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("camvit", "voc"), "unknown dataset 'camvit'. Did you mean 'camvid'?"),
        (("camvit", "voc"), "  note: the file camvit does not exist either\n"),
        (("folder", "voc"), "the classes of dataset 'folder' are not determined by its name"),
        (
            ("folder", "voc"),
            "  note: give a configuration, FILE.yaml, or a text file with one class",
        ),
        (("none.yaml", "voc"), "there is no file 'none.yaml'"),
        (("empty.txt", "voc"), "empty.txt contains no classes; write one per line"),
        (("twice.txt", "voc"), "twice.txt: class 'car' occurs 2 times"),
        (
            ("slips.txt", "wanted.txt"),
            "class 'roda': 'roda' is not one of the 9 words. Did you mean 'road'?",
        ),
        (("mine.txt", "wanted.txt", "--threshold", "1.5"), "1.5 is not in the range -1<=x<=1"),
    ],
)
def test_mistakes(labels, arguments, message):
    Path("empty.txt").write_text("\n \n")
    Path("twice.txt").write_text("car\nsky\ncar\n")
    Path("slips.txt").write_text("roda\nsky\n")
    done = labels(*arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_error_for_a_class_without_a_vector_suggests_fixes(labels):
    Path("slips.txt").write_text("roda\nsky\n")
    done = labels("slips.txt", "wanted.txt")
    assert done.returncode == 2
    assert "class 'roda': 'roda' is not one of" in done.stderr
    assert "map the class by name, or give --set unknown=zero for the embedding" in done.stderr


def test_an_unknown_embedding(labels):
    done = labels("mine.txt", "wanted.txt", embedding="street_word")
    assert done.returncode == 2
    assert "unknown embedding 'street_word'. Did you mean 'street_words'?" in done.stderr


def test_help_shows_the_default_threshold():
    (option,) = (one for one in align.params if one.name == "threshold")
    assert f"[default: {MATCH_THRESHOLD}]" in str(getattr(option, "help", ""))
