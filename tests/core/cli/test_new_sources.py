"""The source distribution of a new package holds what its tests need."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from pluxel.registry import KINDS

pytestmark = pytest.mark.slow

REPOSITORY = {".github/workflows/publish.yml", ".github/workflows/test.yml", ".gitignore"}
"""What belongs to the repository of a package only."""


def files_in(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("kind", KINDS)
def test_it_holds_what_was_written(
    command: Callable[..., tuple[object, str, str]],
    kind: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert command("new", kind, "acme-new")[0] == 0
    written = files_in(Path("acme-new"))
    build = [sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", "dist"]
    subprocess.run([*build, "acme-new"], check=True, capture_output=True)
    (built,) = Path("dist").glob("*.tar.gz")
    with tarfile.open(built) as archive:
        archive.extractall("unpacked", filter="data")
    (folder,) = Path("unpacked").iterdir()
    assert written - files_in(folder) == REPOSITORY
    if kind == "dataset":  # which reads files from its tests
        check_own_tests(folder)


def check_own_tests(folder: Path) -> None:
    """Run the tests of an unpacked package; its metadata is beside its modules."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-k", "samples", "-p", "no:cacheprovider"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder.absolute())},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
