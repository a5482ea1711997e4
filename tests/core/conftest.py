"""What the tests of every part of the core share."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest


def _import(name: str) -> ModuleType:
    path = Path(__file__).parent / "fakes" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def acme() -> Iterator[ModuleType]:
    yield _import("fake_seg")
    del sys.modules["fake_seg"]
