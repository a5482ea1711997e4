"""The own tests of each example pass with this checkout, each in a process of its own.

``make test-plugins`` runs this file alone.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from .conftest import EXAMPLES, Installed

pytestmark = pytest.mark.slow

BROKEN = "broken-seg"
"""It has no tests: its README shows how it fails, and test_readmes.py compares."""

PACKAGES = sorted(file.parent.name for file in EXAMPLES.glob("*/pyproject.toml"))


@pytest.mark.parametrize("name", [name for name in PACKAGES if name != BROKEN])
def test_the_own_tests_of_a_package(name: str, installed: Installed, tmp_path: Path) -> None:
    tests = shutil.copytree(EXAMPLES / name / "tests", tmp_path / "tests")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--rootdir", str(tmp_path), str(tests)],
        env=installed(name),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_declares_itself_as_one_of_a_stranger(name: str) -> None:
    project = tomllib.loads((EXAMPLES / name / "pyproject.toml").read_text("utf-8"))["project"]
    assert "pluxel" in project["dependencies"]
    assert project["entry-points"]["pluxel"]
    assert project["classifiers"] == ["Private :: Do Not Upload"]
    if name != BROKEN:
        assert project["optional-dependencies"] == {"test": ["pytest>=8"]}


def test_there_is_a_package_of_every_kind() -> None:
    hooks = "".join(file.read_text("utf-8") for file in EXAMPLES.glob("*/*/plugin.py"))
    for hook in ("backbones", "decoders", "losses", "datasets", "embeddings", "commands"):
        assert f"def pluxel_{hook}(" in hooks
