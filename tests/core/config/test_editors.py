"""Editors complete, explain and check configurations, tried with a real language server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from pluxel.core.config._schema import config_schema
from pluxel.core.config.tree.files import shipped
from pluxel.registry import Host

from .language_server import Editor, Offered

# A language server is an independent implementation of JSON Schema.
pytestmark = [pytest.mark.slow, pytest.mark.peers]

MODELINE = "# yaml-language-server: $schema=pluxel.schema.json\n"
SMALL = "backbone: vgg16\ndecoder: fcn8s\nloss: dice\ndataset: shapes\n"
FCN8S = Host().get("decoder", "fcn8s").summary


@pytest.fixture(scope="module")
def editor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Editor]:
    """An editor in a folder with the schema of the built-in components."""
    folder = tmp_path_factory.mktemp("editor")
    text = json.dumps(config_schema(Host()))
    (folder / "pluxel.schema.json").write_text(text, encoding="utf-8")
    with Editor(folder) as editor:
        yield editor


def labels(offered: list[Offered]) -> set[str]:
    return {one.label for one in offered}


COMPLETED = {
    "sections": ("¦", {"backbone", "decoder", "loss", "dataset", "streams", "training", "base"}),
    "short form": ("decoder: ¦\n", {"fcn8s", "atrous"}),
    "type": ("loss:\n  type: ¦\n", {"dice", "cross_entropy", "weighted_sum"}),
    "type in braces": ("loss: {type: ¦}\n", {"dice", "cross_entropy"}),
    "parameters": ("decoder:\n  type: fcn8s\n  ¦\n", {"dropout", "skip_scales", "upsampling"}),
    "parameters in braces": ("decoder: {type: fcn8s, dr¦}\n", {"dropout"}),
    "qualified": ("loss:\n  type: pluxel/dice\n  ¦\n", {"smooth", "classes"}),
    "nested": ("decoder:\n  type: atrous\n  decoder:\n    type: fcn32s\n    ¦\n", {"stride"}),
    "nested name": ("decoder:\n  type: atrous\n  decoder: ¦\n", {"fcn32s"}),
    "listed": (
        "loss:\n  type: weighted_sum\n  terms:\n    - loss:\n        type: dice\n        ¦\n",
        {"smooth"},
    ),
    "enum": ("training:\n  precision: ¦\n", {"auto", "fp32", "bf16", "fp16"}),
    "enum of a parameter": (
        "loss:\n  type: cross_entropy\n  class_weights: ¦\n",
        {"median_frequency", "effective_number"},
    ),
    "optimizer": ("training:\n  optimizer: ¦\n", {"sgd", "adamw"}),
    "optimizer's keys": ("training:\n  optimizer:\n    type: sgd\n    ¦\n", {"lr", "momentum"}),
    "base": ("base: ¦\n", {"camvid_fcn8s_vgg16", "voc_fcn8s_vgg16"}),
    "of a base": ("base: x.yaml\ndecoder:\n  ¦\n", {"type", "dropout", "output_stride"}),
    "phase": ("training:\n  phases:\n    - name: a\n      ¦\n", {"steps", "decoder", "heads"}),
    "phase's decoder": ("training:\n  phases:\n    - decoder:\n        type: ¦\n", {"fcn16s"}),
    "stream": ("streams:\n  depth:\n    ¦\n", {"input", "backbone", "normalization"}),
    "stream's backbone": ("streams:\n  depth:\n    backbone: ¦\n", {"vgg16", "timm"}),
    "head": ("heads:\n  semantic:\n    ¦\n", {"decoder", "loss", "weight", "fusion"}),
    "head's loss": ("heads:\n  a:\n    loss:\n      type: focal\n      ¦\n", {"gamma"}),
    "input": (
        "dataset:\n  type: folder\n  inputs:\n    depth:\n      kind: ¦\n",
        {"color", "depth", "hha"},
    ),
    "words": ("embedding: ¦\n", {"glove", "fasttext"}),
    "words' parameters": ("embedding:\n  type: glove\n  ¦\n", {"name", "dim", "download"}),
}


@pytest.mark.parametrize("case", COMPLETED)
def test_completion(editor: Editor, case: str) -> None:
    text, expected = COMPLETED[case]
    assert expected <= labels(editor.complete(MODELINE + text))


def test_completion_offers_nothing_of_other_components(editor: Editor) -> None:
    offered = labels(editor.complete(f"{MODELINE}decoder:\n  type: fcn8s\n  ¦\n"))
    assert offered == {"dropout", "skip_scales", "upsampling"}
    assert "fcn8s" not in labels(editor.complete(f"{MODELINE}loss: ¦\n"))


@pytest.mark.parametrize("text", ["decoder: ¦\n", "decoder: {type: ¦}\n", "loss:\n  type: ¦\n"])
def test_each_component_is_offered_once(editor: Editor, text: str) -> None:
    offered = labels(editor.complete(MODELINE + text))
    assert "fcn8s" in offered or "dice" in offered
    assert not [name for name in offered if "/" in name]


def test_completion_leaves_out_what_only_runs_contain(editor: Editor) -> None:
    assert "pluxel" not in labels(editor.complete(f"{MODELINE}¦"))


def test_names_and_parameters_are_explained(editor: Editor) -> None:
    names = dict(editor.complete(f"{MODELINE}decoder: ¦\n"))
    assert names["fcn8s"] == FCN8S
    parameters = dict(editor.complete(f"{MODELINE}loss:\n  type: focal\n  ¦\n"))
    assert "0 gives cross-entropy" in parameters["gamma"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("dec¦oder: fcn8s\n", "Turns feature maps into scores."),
        ("decoder: fc¦n8s\n", f"`fcn8s`: {FCN8S}"),
        ("decoder: {type: fc¦n8s}\n", FCN8S),
        ("decoder: {type: fcn8s, drop¦out: 0}\n", "of the deepest map before scoring."),
        ("training: {preci¦sion: bf16}\n", "auto: bf16 if the device supports it, else fp32."),
        ("training: {optimizer: {type: sgd, mom¦entum: 0}}\n", "Fraction of the previous step"),
        ("heads: {semantic: {fu¦sion: sum}}\n", "How to fuse the scores of streams."),
    ],
)
def test_hover(editor: Editor, text: str, shown: str) -> None:
    assert shown in editor.hover(MODELINE + text)


def test_hover_names_the_component(editor: Editor) -> None:
    shown = editor.hover(f"{MODELINE}decoder: {{type: fcn8s, drop¦out: 0}}\n")
    assert shown.startswith("#### decoder fcn8s\n")


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        (SMALL, []),
        (SMALL.replace("fcn8s", "pluxel/fcn8s"), []),
        (SMALL.replace("fcn8s", "{type: pluxel/fcn8s}"), []),
        (f"{SMALL}training: {{steps: '${{env:STEPS,10}}'}}\n", []),
        ("base: camvid_fcn8s_vgg16\ndecoder: {dropout: 0}\n", []),
        (f"{SMALL}trainig: {{}}\n", ["6: Property trainig is not allowed."]),
        (f"{SMALL}seed: many\n", ['6: Incorrect type. Expected "integer | null".']),
        (
            SMALL.replace("fcn8s", "{type: fcn8s, dropuot: 1}"),
            ["3: Property dropuot is not allowed."],
        ),
        (SMALL.replace("fcn8s", "{dropout: 1}"), ['3: Missing property "type".']),
        ("base: x\ndecoder: {dropuot: 1}\n", ["3: Property dropuot is not allowed."]),
    ],
)
def test_mistakes_are_marked(editor: Editor, text: str, problems: list[str]) -> None:
    assert editor.problems(MODELINE + text) == problems


def test_an_unknown_name_is_marked_with_the_known_ones(editor: Editor) -> None:
    (problem,) = editor.problems(MODELINE + SMALL.replace("fcn8s", "fcn8"))
    assert problem.startswith('3: Value is not accepted. Valid values: "atrous",')
    assert '"fcn8s"' in problem


@pytest.mark.parametrize("path", shipped().values(), ids=lambda path: path.stem)
def test_shipped_files_are_valid_in_an_editor(editor: Editor, path: Path) -> None:
    """Each names the schema in its folder by a comment."""
    text = path.read_text(encoding="utf-8")
    folder = path.resolve().parent
    assert editor.problems(text, folder) == []
    mistaken = f"{text}\nmistaken: 1\n"
    assert editor.problems(mistaken, folder)[-1].endswith("Property mistaken is not allowed.")
