"""The example package, installed as a user would install it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "acme-seg"


@pytest.fixture(scope="session")
def installed_example(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Install ``examples/acme-seg`` with pip; return the environment to run ``pluxel`` in."""
    folder = tmp_path_factory.mktemp("acme-seg")
    # From a copy: building leaves files beside the sources.
    source = shutil.copytree(
        EXAMPLE, folder / "source", ignore=shutil.ignore_patterns("build", "*.egg-info")
    )
    site = folder / "site"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
    command += ["--no-build-isolation", "--target", str(site), str(source)]
    subprocess.run(command, check=True)
    return {**os.environ, "PYTHONPATH": str(site)}
