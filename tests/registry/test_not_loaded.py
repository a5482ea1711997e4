"""A plugin that is installed but not loaded is never called "not installed"."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pluxel.core import load_config
from pluxel.core.conformance import subjects_of
from pluxel.registry import Host, PluxelError, UnknownComponent

OFFER = """
from pluxel.registry import Component, hookimpl

@hookimpl
def pluxel_decoders():
    return [Component("wnet", "acme_seg:Net", "One.")]
"""
EXCLUDED = "is excluded (--deny-plugin or PLUXEL_PLUGINS)"
OTHERS = "is not among the permitted plugins (--no-plugins, --allow-plugin or PLUXEL_PLUGINS)"
FAILED = "failed to load: run pluxel plugins doctor"
FAILURE = "plugin acme-seg (ModuleNotFoundError: No module named 'torchh') failed to load"


@pytest.fixture(
    params=[("-Acme_Seg", OFFER, EXCLUDED), ("", OFFER, OTHERS), (None, "import torchh", FAILED)],
    ids=["excluded", "not permitted", "failed"],
)
def reason(request: pytest.FixtureRequest, site: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    variable, code, reason = request.param
    if variable is not None:
        monkeypatch.setenv("PLUXEL_PLUGINS", variable)
    site.install("acme-seg", code)
    return reason


def test_a_run_says_why(reason: str, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(
        "pluxel: {version: 0.1.0, providers: {acme-seg: '1.0'}}\n"
        "base: shapes_fcn8s_resnet18\ndecoder: Acme.seg/wnet\n"
    )
    with pytest.raises(PluxelError) as caught:
        load_config(path, host=Host())
    first, *notes, second = (
        line for line in str(caught.value).splitlines() if "may provide it" not in line
    )
    place = f"{path}:1:48: this file was written with acme-seg 1.0, which "
    assert first == place + reason
    assert notes == ([f"  note: {FAILURE}"] if reason == FAILED else [])
    assert second == f"{path}:3:10: unknown decoder 'Acme.seg/wnet': plugin Acme.seg {reason}"


@pytest.mark.parametrize("name", ["acme-seg/wnet", "Acme_Seg/other"])
def test_a_qualified_name_says_why(reason: str, name: str) -> None:
    with pytest.raises(UnknownComponent) as caught:
        Host().get("decoder", name)
    provider = name.partition("/")[0]
    assert caught.value.message == f"unknown decoder {name!r}: plugin {provider} {reason}"


def test_the_conformance_kit_says_why(reason: str) -> None:
    with pytest.raises(PluxelError) as caught:
        subjects_of("acme-seg")
    expected = FAILURE if reason == FAILED else f"plugin acme-seg {reason}"
    assert caught.value.message == expected


def test_a_known_plugin_is_not_offered_in_any_spelling(
    reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pluxel.registry._known.KNOWN", {("decoder", "wnet"): "Acme.Seg[fast]"})
    with pytest.raises(UnknownComponent) as caught:
        Host().get("decoder", "wnet")
    assert "pip install" not in caught.value.message


def test_other_plugins_are_not_installed(reason: str) -> None:
    assert Host().absence("zeta-seg") is None
    assert Host().absence("pluxel") is None
