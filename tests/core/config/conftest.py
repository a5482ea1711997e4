"""A host with a third-party plugin, and small configuration files for it."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import settings
from pluxel.core import load_config
from pluxel.core.config._config import Config
from pluxel.registry import Host

# Deadlines fail on a busy machine.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


@pytest.fixture(scope="session")
def host(acme: ModuleType) -> Host:
    host = Host(plugins={"acme-seg": acme})
    assert not host.failures
    return host


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder of the test."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


Write = Callable[[str, str], Path]
Load = Callable[..., Config]


@pytest.fixture
def write(folder: Path) -> Write:
    """Write an indented text to a file in the working folder."""

    def write(name: str, text: str) -> Path:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return Path(name)

    return write


@pytest.fixture
def load(write: Write, host: Host) -> Load:
    """Load a text as the file ``x.yaml``; overrides may follow."""

    def load(text: str, *overrides: str, host: Host = host) -> Config:
        return load_config(write("x.yaml", text), overrides, host=host)

    return load


@pytest.fixture
def small() -> str:
    """A minimal configuration of five lines; appended text begins at line 6."""
    return """\
backbone: vgg
decoder:
  type: fcn8s
loss: cross_entropy
dataset: {type: shapes}
"""
