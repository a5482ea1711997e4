"""What each kind of input implies, and what a dataset declares beside it."""

import pytest
from pluxel.core import Normalization
from pluxel.core.contracts.inputs import KINDS, PLAIN, InputSpec
from pluxel.core.contracts.offers import input_specs
from pydantic import ValidationError


class DeclaresNothing:
    """A dataset with two inputs."""

    labels: dict = {}
    channels = {"left": 3, "right": 3}

    def __len__(self):
        return 0

    def __getitem__(self, index):
        raise IndexError(index)


class Declares(DeclaresNothing):
    """A dataset with three inputs, of which it specifies one."""

    channels = {"depth": 1, "image": 3, "mystery": 2}
    inputs = {"depth": InputSpec(kind="depth")}


def test_the_kind_gives_the_defaults():
    depth, hha = InputSpec(kind="depth"), InputSpec(kind="hha")
    assert (depth.scale, depth.nodata, depth.missing) == (1, 0, "mean")
    assert depth.interpolation == "nearest"
    assert depth.normalization == Normalization(mean=(7.844,), std=(1,), transform="log")
    assert hha.interpolation == "bilinear"
    assert hha.normalization == Normalization(mean=(132.431, 94.076, 118.477), range=255)
    assert hha.normalization.channel_order == "rgb"  # no swap of the order in files
    assert (PLAIN.kind, PLAIN.normalization, PLAIN.missing) == ("color", None, "ignore")


def test_declared_values_replace_the_defaults():
    own = Normalization(mean=(6.0,), transform="log")
    depth = InputSpec(kind="depth", scale=0.001, missing="fill", normalization=own)
    assert (depth.scale, depth.missing, depth.normalization, depth.nodata) == (
        *(0.001, "fill", own, 0),
    )


@pytest.mark.parametrize("kind", KINDS)
def test_an_explicit_none_means_that_no_value_is_missing(kind):
    spec = InputSpec(kind=kind, nodata=None)
    assert spec.nodata is None
    assert InputSpec.model_validate(spec.model_dump(mode="json")) == spec
    others = spec.model_copy(update={"nodata": InputSpec(kind=kind).nodata})
    assert others == InputSpec(kind=kind)


def test_vectors_with_a_scale_are_signed():
    assert InputSpec(kind="vectors").normalization == Normalization(mean=(0.5,), std=(0.5,))
    signed = InputSpec(kind="vectors", scale=1)
    assert signed.normalization == Normalization(mean=(0,), std=(1,))


@pytest.mark.parametrize("kind", KINDS)
def test_a_specification_survives_json(kind):
    spec = InputSpec(kind=kind, scale=4, nodata=-1)
    assert InputSpec.model_validate(spec.model_dump(mode="json")) == spec


def test_unknown_kinds_and_fields_are_refused():
    with pytest.raises(ValidationError, match="'color', 'depth', 'hha', 'vectors' or 'map'"):
        InputSpec(kind="dept")
    for odd in ([], ["depth"], {}, {"depth": 1}, 1):
        with pytest.raises(ValidationError, match=r"kind\n  Input should be 'color', 'depth'"):
            InputSpec.model_validate({"kind": odd})
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        InputSpec(skale=1)


def test_inputs_without_a_specification_are_one_image_and_maps():
    assert {name: spec.kind for name, spec in input_specs(Declares()).items()} == {
        "depth": "depth",
        "image": "color",
        "mystery": "map",
    }
    found = input_specs(DeclaresNothing())
    assert {name: spec.kind for name, spec in found.items()} == {"left": "color", "right": "map"}
