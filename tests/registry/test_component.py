"""A component record checks itself, so that the error points at the plugin's own line."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace

import pytest
from pluxel.registry import Component, PluginError

UNET = Component("wnet", "acme_seg.wnet:UNet", "U-Net.", aliases=("u_net",), renamed_from=("un",))


def test_a_record_is_frozen_and_lists_its_names() -> None:
    assert replace(UNET, provider="acme-seg").qualified == "acme-seg/wnet"
    assert UNET.answers_to == ("wnet", "u_net", "un")
    with pytest.raises(FrozenInstanceError):
        UNET.name = "other"


def test_names_may_be_given_as_a_list() -> None:
    component = Component("wnet", "a:B", "U-Net.", aliases=["u_net"])
    assert component.aliases == ("u_net",)
    assert hash(component)


@pytest.mark.parametrize("target", ["m:C", "acme_seg.wnet:UNet", "m:Outer.Inner"])
def test_valid_targets_are_accepted(target: str) -> None:
    assert Component("wnet", target, "U-Net.").target == target


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (
            {"name": "U-Net"},
            "component name 'U-Net' does not match [a-z][a-z0-9_]*. Did you mean 'u_net'?",
        ),
        ({"name": "8s"}, "component name '8s' does not match [a-z][a-z0-9_]*."),
        (
            {"name": "wnet\n"},
            "component name 'wnet\\n' does not match [a-z][a-z0-9_]*. Did you mean 'wnet'?",
        ),
        ({"name": None}, "component name None does not match [a-z][a-z0-9_]*."),
        (
            {"aliases": ("UNet",)},
            "component name 'UNet' does not match [a-z][a-z0-9_]*. Did you mean 'unet'?",
        ),
        (
            {"renamed_from": "unet1"},
            "component 'wnet': renamed_from must be a tuple of names, not 'unet1'",
        ),
        (
            {"target": "acme_seg.wnet.UNet"},
            "component 'wnet': target 'acme_seg.wnet.UNet' is not 'package.module:Class'. "
            "Did you mean 'acme_seg.wnet:UNet'?",
        ),
        (
            {"target": "./wnet.py:UNet"},
            "component 'wnet': target './wnet.py:UNet' is not 'package.module:Class'.",
        ),
        ({"target": ":UNet"}, "component 'wnet': target ':UNet' is not 'package.module:Class'."),
        ({"summary": ""}, "component 'wnet' needs a one-line summary"),
        ({"summary": "One.\nTwo."}, "component 'wnet' needs a one-line summary"),
    ],
)
def test_invalid_records_are_rejected(arguments: dict[str, object], error: str) -> None:
    with pytest.raises(PluginError) as caught:
        Component(**{"name": "wnet", "target": "m:C", "summary": "U-Net.", **arguments})
    assert str(caught.value) == error
