"""The example packages, installed as a user would install them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="session")
def installed_example(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Install ``examples/acme-seg`` with pip; return the environment to run ``pluxel`` in."""
    return install("acme-seg", tmp_path_factory.mktemp("acme-seg"))


@pytest.fixture(scope="session")
def installed_words(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Install ``examples/glove-6b-50d`` with pip; return its environment, with its own cache."""
    folder = tmp_path_factory.mktemp("glove-6b-50d")
    return {**install("glove-6b-50d", folder), "PLUXEL_CACHE": str(folder / "cache")}


def install(name: str, folder: Path) -> dict[str, str]:
    """Install an example below a folder; return the environment in which it is found."""
    # From a copy: building leaves files beside the sources.
    source = shutil.copytree(
        EXAMPLES / name, folder / "source", ignore=shutil.ignore_patterns("build", "*.egg-info")
    )
    site = folder / "site"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
    command += ["--no-build-isolation", "--target", str(site), str(source)]
    subprocess.run(command, check=True)
    return {**os.environ, "PYTHONPATH": str(site)}
