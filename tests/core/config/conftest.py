"""A host with a third-party plugin, and small configuration files for it."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from jsonschema import Draft202012Validator
from pluxel.core import load_config
from pluxel.core.config._config import Config
from pluxel.core.config._schema import config_schema
from pluxel.core.config.tree.nodes import Location, plain
from pluxel.core.config.tree.parse import parse
from pluxel.core.config.tree.problems import Problems
from pluxel.registry import Host


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


@pytest.fixture(scope="session")
def accepts(host: Host) -> Draft202012Validator:
    """The JSON Schema of the host."""
    return Draft202012Validator(config_schema(host))


@pytest.fixture
def load(write: Write, host: Host, accepts: Draft202012Validator) -> Load:
    """Load a text as the file ``x.yaml``; overrides may follow.

    The schema accepts every text that loads without overrides.
    """

    def load(text: str, *overrides: str, host: Host = host) -> Config:
        config = load_config(path := write("x.yaml", text), overrides, host=host)
        if not overrides and host.components("loss") == given.components("loss"):
            tree = parse(path.read_text(encoding="utf-8"), lambda *_: Location("f"), Problems())
            assert tree
            accepts.validate(plain(tree))
        return config

    given = host
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
