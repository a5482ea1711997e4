"""Scores are products with vectors of names, on the grid of the inner decoder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pluxel.plugins
import pytest
import torch
from pluxel.core import Decoder, Factory, FeatureSpec, Grid
from pluxel.core.embeddings import UnknownWordError
from pluxel.registry import Host, PluxelError
from pydantic import TypeAdapter

HOST = Host({"pluxel": pluxel.plugins}, files=[Path(__file__).parents[1] / "words.py"])
SPECS = [FeatureSpec("deep", 6, Grid(8, 3), (7, 7), "computed")]


def build(names: list[str], **parameters: Any) -> Any:
    section = {"type": "semantic_projection", "decoder": "fcn32s", "embedding": "class_words"}
    adapter = TypeAdapter(Factory[Decoder])
    made: Any = adapter.validate_python(section | parameters, context={"host": HOST})(
        features=SPECS, num_classes=len(names), class_names=names
    )
    made.load_pretrained()
    return made


def unit(names: list[str]) -> torch.Tensor:
    target = HOST.load(HOST.get("embedding", "class_words"))()
    vectors = torch.stack([target.vectors[target.stoi[name]] for name in names])
    return vectors / vectors.norm(dim=1, keepdim=True)


def test_scores_are_products_of_pixels_and_names():
    decoder = build(["class2", "class7", "class1"])
    torch.nn.init.normal_(decoder.pixels.score.weight)
    maps = [torch.randn(2, 6, 4, 5)]
    pixels = decoder.pixels(maps)
    found = decoder(maps)
    expected = torch.einsum("ndhw,cd->nchw", pixels.tensor, unit(["class2", "class7", "class1"]))
    torch.testing.assert_close(found.tensor, expected)
    assert (found.grid, found.border) == (pixels.grid, pixels.border)


def test_vectors_of_several_embeddings_are_concatenated():
    decoder = build(["class0", "class1"], embedding=["class_words", "class_words"])
    assert decoder.dim == 8
    joined = torch.cat([unit(["class0", "class1"])] * 2, dim=1) / 2**0.5
    torch.testing.assert_close(decoder.class_vectors, joined)


def test_names_are_not_trained():
    decoder = build(["class0", "class1"])
    assert {name for name, _ in decoder.named_parameters()} == {
        "pixels.score.weight",
        "pixels.score.bias",
    }


def test_all_names_without_a_vector_are_reported_at_once():
    with pytest.raises(UnknownWordError, match=r"class 'zebra': .*; class 'lion': "):
        build(["class0", "zebra", "lion"])


def test_a_misspelled_name_has_a_suggestion():
    with pytest.raises(UnknownWordError, match="Did you mean 'class1'"):
        build(["clas1", "class2"])


def test_saved_vectors_follow_their_names():
    """In another order, with fewer or more classes, each class has the vector of its name."""
    state = build(["class3", "class5"]).state_dict()
    state["class_vectors"] = torch.tensor([[1.0, 0, 0, 0], [0, 1.0, 0, 0]])  # as trained before
    other = build(["class5", "class8", "class3"])
    adapted = other.adapt_state(state)
    assert bytes(adapted["class_names"].tolist()).decode() == "class5\nclass8\nclass3"
    torch.testing.assert_close(adapted["class_vectors"][0], state["class_vectors"][1])
    torch.testing.assert_close(adapted["class_vectors"][1], unit(["class8"])[0])
    torch.testing.assert_close(adapted["class_vectors"][2], state["class_vectors"][0])


def test_saved_vectors_of_the_same_names_are_unchanged():
    decoder = build(["class3", "class5"])
    state = decoder.state_dict()
    assert decoder.adapt_state(state) is state


def test_weights_of_another_decoder_are_not_adapted():
    state = {"score.weight": torch.zeros(2)}
    assert build(["class3", "class5"]).adapt_state(state) is state


@pytest.mark.parametrize("outer", ["atrous", "shift_and_stitch"])
def test_a_decoder_that_runs_the_backbone_cannot_be_inner(outer):
    with pytest.raises(PluxelError, match="runs the backbone itself"):
        build(["class0", "class1"], decoder={"type": outer, "decoder": "fcn32s"})
