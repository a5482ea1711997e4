"""Plugins declare the version of the API that they need; former names of hooks still work."""

from __future__ import annotations

from types import MappingProxyType, SimpleNamespace
from typing import Any

import pytest
from pluxel.registry import API_VERSION, OLDEST_API_VERSION, Component, Host, hookimpl

CODE = """
from pluxel.registry import Component, hookimpl

pluxel_api_version = {version}

@hookimpl
def pluxel_decoders():
    return [Component("wnet", "acme_seg:C", "One.")]
{more}
"""


def install(site: Any, version: object, more: str = "") -> Host:
    site.install("acme-seg", CODE.format(version=version, more=more))
    return Host(allow=["acme-seg"])


@pytest.mark.parametrize("version", [OLDEST_API_VERSION, API_VERSION])
def test_supported_versions_load(site: Any, version: int) -> None:
    host = install(site, version)
    assert not host.failures
    assert host.get("decoder", "wnet").provider == "acme-seg"


def test_a_plugin_for_a_newer_pluxel(site: Any) -> None:
    # Its unknown hook is not what the user must hear about.
    host = install(site, API_VERSION + 1, "@hookimpl\ndef pluxel_exporters(): return []")
    (failure,) = host.failures
    assert str(failure) == (
        f"plugin acme-seg (it needs version {API_VERSION + 1} of the plugin API, but this Pluxel "
        f"has version {API_VERSION}: pip install --upgrade pluxel) failed to load"
    )
    assert not failure.traceback


def test_an_old_file_is_not_upgraded_by_pip(site: Any) -> None:
    code = f"pluxel_api_version = {OLDEST_API_VERSION - 1}"
    (failure,) = Host(files=[site.module("my_head", code)]).failures
    assert failure.error == (
        f"it was written for version {OLDEST_API_VERSION - 1} of the plugin API, but this Pluxel "
        f"supports version {OLDEST_API_VERSION} and later: get a newer file"
    )


def test_a_plugin_for_an_older_pluxel(site: Any) -> None:
    (failure,) = install(site, OLDEST_API_VERSION - 1).failures
    assert failure.error == (
        f"it was written for version {OLDEST_API_VERSION - 1} of the plugin API, but this Pluxel "
        f"supports version {OLDEST_API_VERSION} and later: pip install --upgrade acme-seg"
    )


@pytest.mark.parametrize("version", ["'1'", 1.0, True, None])
def test_a_version_is_a_whole_number(site: Any, version: object) -> None:
    (failure,) = install(site, version).failures
    assert failure.error.startswith(
        f"pluxel_api_version must be a whole number, such as {API_VERSION}, not "
    )


def test_an_import_that_an_older_pluxel_does_not_have(site: Any) -> None:
    site.install("acme-seg", "from pluxel.registry import Exporter")
    (failure,) = Host().failures
    assert failure.error.startswith("ImportError: cannot import name 'Exporter' from 'pluxel.reg")
    assert failure.error.endswith(
        f"; this Pluxel has version {API_VERSION} of the plugin API; "
        "pip install --upgrade pluxel may help"
    )


def test_a_former_name_of_a_hook(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    renamed = MappingProxyType(
        {"pluxel_heads": "pluxel_decoders", "pluxel_scored": "pluxel_evaluated"}
    )
    for module in ("hookspecs", "_collect", "_host"):
        monkeypatch.setattr(f"pluxel.registry.{module}.RENAMED", renamed)
    seen: list[object] = []

    @hookimpl
    def pluxel_heads() -> list[Component]:
        return [Component("wnet", "m:C", "One.")]

    @hookimpl
    def pluxel_scored(results: object) -> None:
        seen.append(results)

    host = Host({"acme": SimpleNamespace(pluxel_heads=pluxel_heads, pluxel_scored=pluxel_scored)})
    assert host.get("decoder", "wnet").provider == "acme"
    host.notify("pluxel_evaluated", run=None, results=3)
    assert seen == [3]
    assert sorted(caplog.messages) == [
        "plugin acme: hook pluxel_heads is now called pluxel_decoders",
        "plugin acme: hook pluxel_scored is now called pluxel_evaluated",
    ]

    @hookimpl
    def wrong(optimizer: object) -> None: ...

    wrong = hookimpl(specname="pluxel_scored")(wrong)
    (failure,) = Host({"acme": SimpleNamespace(wrong=wrong)}).failures
    assert "optimizer" in failure.error
