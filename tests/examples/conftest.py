"""The example packages, installed as a user would install them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from .. import warm
from ..conftest import Once

EXAMPLES = Path(__file__).parents[2] / "examples"
Installed = Callable[[str], dict[str, str]]


@pytest.fixture(scope="session")
def installed(once: Once) -> Installed:
    """Install an example by its name, once; return the environment to run ``pluxel`` in."""

    def environment(name: str) -> dict[str, str]:
        folder = once(f"installed-{name}", lambda folder: install(EXAMPLES / name, folder))
        return {
            **os.environ,
            "PYTHONPATH": str(folder / "site"),
            "OMP_NUM_THREADS": "1",
            "PLUXEL_CACHE": str(folder / "cache"),
        }

    return environment


@pytest.fixture(scope="session")
def installed_example(installed: Installed) -> dict[str, str]:
    """Install ``examples/acme-seg`` with pip; return the environment to run ``pluxel`` in."""
    return installed("acme-seg")


@pytest.fixture(scope="session")
def installed_hooks(installed: Installed) -> dict[str, str]:
    """Install ``examples/acme-hooks`` with pip; return its environment."""
    return installed("acme-hooks")


@pytest.fixture(scope="session")
def installed_words(installed: Installed) -> dict[str, str]:
    """Install ``examples/glove-6b-50d`` with pip; return its environment, with its own cache."""
    return installed("glove-6b-50d")


def pluxel(env: dict[str, str], folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ``pluxel …`` in a folder, where a package is installed."""
    return warm.run(arguments, folder, env)


def install(package: Path, folder: Path) -> None:
    """Install a package into ``folder/site``."""
    # From a copy: building leaves files beside the sources.
    source = shutil.copytree(
        package,
        folder / "sources" / package.name,
        ignore=shutil.ignore_patterns("build", "*.egg-info"),
    )
    site = folder / "site"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
    command += ["--no-build-isolation", "--target", str(site), str(source)]
    subprocess.run(command, check=True)
