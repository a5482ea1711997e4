"""Versions that wrote a configuration."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import pytest
from pluxel.core.config._provenance import _release
from pluxel.core.config.tree.problems import ConfigError
from pluxel.registry import Host


@pytest.fixture
def versioned(acme: Any, monkeypatch: Any) -> Host:
    """A host whose plugin is acme-seg 1.2.0."""
    host = Host(plugins={"acme-seg": acme})
    providers = {name: replace(p, version="1.2.0") for name, p in host.providers.items()}
    monkeypatch.setattr(Host, "providers", providers)
    return host


def test_a_dump_lists_every_provider(load: Any, small: str, versioned: Host) -> None:
    text = load(small, host=versioned).dump()
    assert "\n  providers:\n    acme-seg: 1.2.0\n" in text


@pytest.mark.parametrize("recorded", ["1.2", "1.2.0", "1.1.9", "0.9rc1", "null", "'1.2'"])
def test_current_versions_do_not_warn(
    load: Any, small: str, versioned: Host, caplog: Any, recorded: str
) -> None:
    text = f"pluxel: {{version: 0.0.1, providers: {{acme-seg: {recorded}}}}}\n{small}"
    assert load(text, host=versioned).pipeline.pluxel is None
    assert not caplog.records


@pytest.mark.parametrize("recorded", ["1.2.1", "1.10", "2"])
def test_an_outdated_provider_warns_with_a_location(
    load: Any, small: str, versioned: Host, caplog: Any, recorded: str
) -> None:
    text = f"pluxel: {{providers: {{acme-seg: {recorded}}}}}\n{small}"
    with caplog.at_level(logging.WARNING, "pluxel"):
        load(text, host=versioned)
    assert caplog.messages == [
        f"x.yaml:1:32: this file was written with acme-seg {recorded}; 1.2.0 is installed: "
        f"pip install --upgrade 'acme-seg>={recorded}'"
    ]


def test_an_outdated_provider_is_listed_with_errors(load: Any, small: str, versioned: Host) -> None:
    text = f"pluxel: {{version: 99.0, providers: {{acme-seg: 3}}}}\n{small}sede: 1\n"
    with pytest.raises(ConfigError) as caught:
        load(text, host=versioned)
    first, second, third = str(caught.value).splitlines()
    assert first.startswith("x.yaml:1:19: this file was written with pluxel 99.0; ")
    assert second.startswith(
        "x.yaml:1:47: this file was written with acme-seg 3; 1.2.0 is installed: "
    )
    assert third == "x.yaml:7:1: unknown key 'sede'. Did you mean 'seed'?"


def test_an_absent_provider_names_the_install_command(
    load: Any, small: str, versioned: Host
) -> None:
    text = (
        "pluxel: {version: 0.1.0, providers: {nice-heads: 1.4, my_head.py: null}}\n"
        + small.replace("fcn8s", "nice-heads/unet")
    )
    with pytest.raises(ConfigError) as caught:
        load(text, host=versioned)
    assert str(caught.value).splitlines() == [
        "x.yaml:1:50: this file was written with nice-heads 1.4, which is not installed: "
        "pip install 'nice-heads>=1.4'",
        "x.yaml:1:67: this file was written with my_head.py, which is not loaded: "
        "pass --plugin my_head.py",
        "x.yaml:4:3: unknown decoder 'nice-heads/unet'. Available: bare, fcn16s, fcn8s, wrap",
    ]


def test_a_malformed_block_is_located(load: Any, small: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(f"pluxel: {{version: [1], provider: 3}}\n{small}")
    assert str(caught.value).splitlines() == [
        "x.yaml:1:19: pluxel.version: expected text, not a list of length 1",
        "x.yaml:1:24: unknown key 'provider' in pluxel. Did you mean 'providers'?",
    ]


def test_versions_of_a_base_are_ignored(load: Any, write: Any, small: str, versioned: Host) -> None:
    write("low.yaml", f"pluxel: {{providers: {{nice-heads: 1}}}}\n{small}")
    load("base: low.yaml\n", host=versioned)


@pytest.mark.parametrize(
    ("version", "numbers"),
    [("1.2.0", (1, 2)), ("1.10", (1, 10)), ("2rc1", (2,)), ("0", ()), ("dev", ())],
)
def test_releases(version: str, numbers: tuple[int, ...]) -> None:
    assert _release(version) == numbers
