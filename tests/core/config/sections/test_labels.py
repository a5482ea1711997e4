"""``labels.align``: valid values and error messages."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator
from pluxel.core import load_config
from pluxel.core.config._schema import config_schema
from pluxel.core.config.sections.labels import LabelsConfig, declared_labels, declared_map
from pluxel.core.config.tree.problems import ConfigError
from pluxel.core.contracts.labels import LabelMap
from pluxel.plugins.datasets.camvid import LABELS, CamVid
from pluxel.plugins.datasets.folder import Folder
from pluxel.plugins.datasets.nyudv2 import NYUDv2
from pluxel.plugins.datasets.pascal_context import PascalContext
from pluxel.registry import Host, PluxelError

CORE = Path(__file__).parents[2]
TEXT = """\
backbone: {type: toy}
decoder: fcn32s
loss: cross_entropy
dataset: squares
labels:
"""


@pytest.fixture(scope="module")
def host() -> Host:
    return Host(files=[CORE / "engine" / "toys.py", CORE / "street_words.py"])


@pytest.fixture
def load(host, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def load(labels: str) -> LabelsConfig:
        (tmp_path / "a.yaml").write_text(f"{TEXT}  {labels}\n")
        return load_config("a.yaml", host=host).pipeline.heads["semantic"].labels

    return load


def test_a_dataset_name_is_replaced_by_its_classes(load):
    align = load("align: {to: camvid, embedding: street_words}").align
    assert align is not None
    assert align.to == list(LABELS.class_names)
    assert "ignore" not in align.to
    assert (align.threshold, align.matching, align.partial) == (0.8, "many_to_one", False)
    assert load("align: {to: pluxel/camvid, embedding: street_words}").align == align


def test_several_embeddings(load):
    one = load("align: {to: [car], embedding: [street_words, {type: words}]}").align
    assert one is not None
    assert [str(factory) for factory in one.embedding] == [
        "embedding 'street_words'",
        "embedding 'words'",
    ]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (
            "align: {to: camvod, embedding: street_words}",
            "a.yaml:6:15: unknown dataset 'camvod'. Did you mean 'camvid'?\n"
            "  note: a list of classes is accepted too",
        ),
        (
            "align: {to: folder, embedding: street_words}",
            "a.yaml:6:15: the classes of dataset 'folder' are not determined by its name\n"
            "  note: a list of classes is accepted too",
        ),
        (
            "align: {to: camvid, embedding: street_wrods}",
            "a.yaml:6:34: unknown embedding 'street_wrods'. Did you mean 'street_words'?",
        ),
        (
            "align: {to: [car, car], embedding: words}",
            "a.yaml:6:15: labels.align.to: class 'car' is listed 2 times",
        ),
        (
            "align: {to: [car, ignore], embedding: words}",
            "a.yaml:6:15: labels.align.to: 'ignore' is not a class",
        ),
        (
            "align: {to: [], embedding: words}",
            "a.yaml:6:15: labels.align.to: expected at least 1 item, not an empty list",
        ),
        (
            "align: {to: [car], embedding: []}",
            "a.yaml:6:33: labels.align.embedding: expected at least 1 item, not an empty list",
        ),
        (
            "align: {to: [car], embedding: words, threshold: 1.5}",
            "a.yaml:6:51: labels.align.threshold: expected a number of at most 1, not 1.5",
        ),
        (
            "align: {to: [car], embedding: words, threshold: -2}",
            "a.yaml:6:51: labels.align.threshold: expected a number of at least -1, not -2",
        ),
        (
            "align: {to: [car], embedding: words, matching: one_to_many}",
            "a.yaml:6:50: labels.align.matching: expected 'many_to_one' or 'one_to_one', not "
            "'one_to_many'",
        ),
        ("align: {embedding: words}", "a.yaml:6:10: missing 'to' in labels.align"),
        ("align: {to: [car]}", "a.yaml:6:10: missing 'embedding' in labels.align"),
        (
            "align: {to: [car], embeding: words}",
            "a.yaml:6:22: unknown key 'embeding' in labels.align. Did you mean 'embedding'?",
        ),
    ],
)
def test_align_errors(load, labels, message):
    with pytest.raises(ConfigError) as caught:
        load(labels)
    assert message in str(caught.value)


def test_declared_labels_are_those_of_the_class():
    assert declared_labels(CamVid) == {"semantic": LABELS}
    assert declared_labels(Folder) == {}
    assert declared_labels(property) == {}


def test_labels_that_follow_from_parameters_are_declared_with_them():
    for dataset, counts in ((NYUDv2, (40, 13, 4)), (PascalContext, (59, 60))):
        assert declared_labels(dataset) == {}
        for count in counts:
            labels = declared_labels(dataset, {"classes": count, "root": Path("missing")})
            assert len(labels["semantic"].class_names) == count
    assert declared_labels(CamVid, {"root": Path("missing")}) == {"semantic": LABELS}


def test_the_main_label_map_is_used(host):
    assert declared_map(host, "squares") == LabelMap({0: "ground", 7: "square", 9: "ignore"})
    with pytest.raises(PluxelError, match="'folder' are not determined by its name"):
        declared_map(host, "folder")


@pytest.mark.parametrize(("to", "fits"), [("camvid", True), (["car"], True), (3, False)])
def test_the_schema_accepts_a_name_or_a_list(host, to, fits):
    labels = {"align": {"to": to, "embedding": "street_words"}}
    document = yaml.safe_load(TEXT) | {"labels": labels}
    assert Draft202012Validator(config_schema(host)).is_valid(document) == fits
