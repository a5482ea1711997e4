"""Of a hundred installed plugins, ten are broken in ten ways; ninety work, and ten are named."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from pluxel.core.cli import main
from pluxel.registry import Host

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def many(site: Any, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Install the plugins of benchmarks/plugins.py; return the broken ones and their causes."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    module = import_module("_many_plugins")
    causes = module.install(site.folder, 100)
    assert len(set(module.BROKEN)) == len(causes) == 10
    return causes


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    def run(*arguments: str) -> str:
        with pytest.raises(SystemExit):
            main(arguments)
        return capsys.readouterr().out

    return run


def test_ninety_are_usable_and_ten_are_named(many: dict[str, str]) -> None:
    host = Host()
    losses = [one for one in host.components("loss") if one.provider != "pluxel"]
    assert len(losses) == 90
    for one in losses:
        assert host.get("loss", one.name) is one
        assert host.load(one)(factor=2.0).factor == 2
    assert {failure.provider for failure in host.failures} == many.keys()
    for failure in host.failures:
        assert many[failure.provider] in failure.error


def test_the_list_and_the_doctor(many: dict[str, str], printed: Callable[..., str]) -> None:
    lines = printed("plugins", "list").splitlines()
    assert sum("The loss dummy_" in line for line in lines) == 90
    for provider, cause in many.items():
        (line,) = (one for one in lines if one.startswith(f"plugin {provider} ("))
        assert cause in line
        assert line.endswith("failed to load: run pluxel plugins doctor for details")
    shown = printed("--deny-plugin", "pluxel", "plugins", "doctor")
    assert shown.count("ok      loss dummy-") == 90
    assert all(f"FAILED  {provider}: " in shown for provider in many)
    assert shown.endswith("\n10 broken\n")
