"""VGG as the FCN paper uses it."""

from __future__ import annotations

from fractions import Fraction

import pytest
import timm
import torch
import torchvision
from pluxel.core.model.weights import copy_matching
from pluxel.plugins.backbones._convolutional import Classifier, as_convolutions
from pluxel.plugins.backbones.vgg import VGG, VGG11, VGG11BN, VGG16
from torch import nn

from .measuring import count, meta, run, small


def test_vgg16_has_the_parameters_of_the_paper() -> None:
    backbone = meta(VGG16)
    assert count(backbone) == 134_260_544
    assert count(backbone.features) == 14_714_688
    assert count(backbone.classifier.fc6) == 102_764_544
    assert count(backbone.classifier.fc7) == 16_781_312
    assert count(meta(VGG16, fc=False)) == 14_714_688


def test_vgg16_has_a_receptive_field_of_404_pixels() -> None:
    assert meta(VGG16).feature_specs[-1].receptive_field == (404, 404)


@pytest.mark.parametrize(
    ("parameters", "sizes"),
    [
        ({}, [250, 125, 63, 32, 16]),
        ({"pool_rounding": "floor"}, [250, 125, 62, 31, 15]),
        ({"fc6_padding": "valid"}, [250, 125, 63, 32, 10]),
        ({"fc": False}, [250, 125, 63, 32, 16]),
    ],
)
def test_vgg16_gives_the_maps_after_its_pools(parameters: dict, sizes: list[int]) -> None:
    backbone = meta(VGG16, **parameters)
    assert [shape[-1] for shape in run(backbone, 500)] == sizes
    names = [
        "pool1",
        "pool2",
        "pool3",
        "pool4",
        "pool5" if parameters.get("fc") is False else "fc7",
    ]
    assert [spec.name for spec in backbone.feature_specs] == names
    offsets = [spec.grid.offset[0] for spec in backbone.feature_specs]
    start = Fraction(31, 2) + (96 if "fc6_padding" in parameters else 0)
    assert offsets == [Fraction(1, 2), Fraction(3, 2), Fraction(7, 2), Fraction(15, 2), start]


def test_with_floor_and_valid_the_minimum_size_grows() -> None:
    assert meta(VGG16, pool_rounding="floor", fc6_padding="valid").minimum_size == 224
    assert meta(VGG16, fc6_padding="valid").minimum_size == 193
    assert meta(VGG16).minimum_size == 1


def test_dropout_is_element_wise_and_only_in_training() -> None:
    classifier = Classifier(4, 3, "same", 0.5)
    assert type(classifier.dropout) is nn.Dropout
    with torch.no_grad():
        maps = classifier(torch.ones(1, 4, 3, 3))
        assert (maps[0] == 0).any(0).all()
        classifier.eval()
        assert torch.equal(classifier(torch.ones(1, 4, 3, 3)), classifier(torch.ones(1, 4, 3, 3)))


def test_vgg_with_batch_normalization() -> None:
    plain, normed = meta(VGG11, fc=False), meta(VGG11BN, fc=False)
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in plain.features)
    assert sum(isinstance(layer, nn.BatchNorm2d) for layer in normed.features) == 8
    assert run(plain, 64) == run(normed, 64)


@pytest.mark.parametrize("source", [torchvision.models.vgg16, lambda: timm.create_model("vgg16")])
def test_names_of_both_libraries_are_accepted(source) -> None:
    with torch.device("meta"):
        state = source().state_dict()
    backbone = meta(VGG16)
    report = copy_matching(backbone, backbone.own_names(small(state)))
    assert len(report.loaded) == 30
    assert [*report.missing, *report.mismatched] == []
    heads = {"classifier.6.weight", "classifier.6.bias"}, {"head.fc.weight", "head.fc.bias"}
    assert set(report.unexpected) in heads


def test_the_classifier_on_one_window_equals_the_fully_connected_one() -> None:
    own = Classifier(6, 3, "valid", 0.5).eval()
    linear = nn.Sequential(
        nn.Linear(54, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU()
    ).eval()
    holder = nn.ModuleDict({"classifier": own})
    state = {f"classifier.{name}": value for name, value in linear.state_dict().items()}
    report = copy_matching(holder, as_convolutions(state, holder, VGG.renamed))
    assert len(report.loaded) == 4
    image = torch.randn(1, 6, 3, 3)
    with torch.no_grad():
        torch.testing.assert_close(own(image).flatten(1), linear(image.flatten(1)))


@pytest.mark.slow
def test_the_trunk_equals_torchvisions() -> None:
    theirs = torchvision.models.vgg11().features.eval()
    backbone = VGG11(3, fc=False, pool_rounding="floor").eval()
    backbone.features.load_state_dict(theirs.state_dict())
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(backbone(image)[-1], theirs(image))
