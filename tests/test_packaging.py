"""The wheel contains exactly the mapped folders, and works after installation."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
SETUPTOOLS: dict[str, Any] = PYPROJECT["tool"]["setuptools"]
FOLDERS: dict[str, str] = SETUPTOOLS["package-dir"]


def in_package(path: Path) -> PurePosixPath:
    """Return the path in the wheel of a file in the source tree."""
    relative = path.relative_to(ROOT)
    # The longest folder first, because core/_top is within core but maps to pluxel itself.
    for package, folder in sorted(FOLDERS.items(), key=lambda item: -len(item[1])):
        if relative.is_relative_to(folder):
            return PurePosixPath(*package.split("."), *relative.relative_to(folder).parts)
    raise AssertionError(f"{relative} is in no mapped folder")


def tree(pattern: str) -> Iterator[Path]:
    """Yield the files of the mapped folders that match a pattern."""
    for folder in {folder.partition("/")[0] for folder in FOLDERS.values()}:
        yield from (path for path in (ROOT / folder).rglob(pattern) if path.is_file())


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from a copy of its sources, because building leaves files behind."""
    source = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for folder in {folder.partition("/")[0] for folder in FOLDERS.values()}:
        shutil.copytree(
            ROOT / folder, source / folder, ignore=shutil.ignore_patterns("__pycache__")
        )
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", "dist", "."]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (built,) = (source / "dist").iterdir()
    return built


@pytest.fixture(scope="session")
def contents(wheel: Path) -> set[PurePosixPath]:
    """Return the files in the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return {PurePosixPath(name) for name in archive.namelist()}


def test_pyproject_lists_all_packages() -> None:
    found = {".".join(in_package(path).parent.parts) for path in tree("__init__.py")}
    assert found == set(SETUPTOOLS["packages"])
    assert SETUPTOOLS["packages"] == sorted(SETUPTOOLS["packages"])


def test_every_folder_with_code_is_a_package() -> None:
    folders = {path.parent for path in tree("*.py")}
    assert [folder for folder in folders if not (folder / "__init__.py").exists()] == []


@pytest.mark.parametrize("package", FOLDERS)
def test_every_mapped_folder_is_typed(package: str) -> None:
    assert (ROOT / FOLDERS[package] / "py.typed").is_file()
    assert "py.typed" in SETUPTOOLS["package-data"][package]


def test_nothing_at_the_root_shadows_the_installed_package() -> None:
    assert not (ROOT / "pluxel").exists()
    assert not (ROOT / "__init__.py").exists()
    assert not (ROOT / "conftest.py").exists()


def test_the_wheel_contains_every_module_recipe_list_and_type_marker(
    contents: set[PurePosixPath],
) -> None:
    for pattern in ("*.py", "*.yaml", "*.json", "*.txt", "py.typed"):
        expected = {in_package(path) for path in tree(pattern)}
        assert expected, pattern
        assert expected <= contents


def test_the_wheel_contains_nothing_else(contents: set[PurePosixPath]) -> None:
    info = f"pluxel-{PYPROJECT['project']['version']}.dist-info"
    assert {path.parts[0] for path in contents} == {"pluxel", info}
    ours = {path for path in contents if path.parts[0] == "pluxel"}
    assert ours <= {in_package(path) for path in tree("*")}


@pytest.fixture
def installed(wheel: Path, tmp_path: Path) -> Path:
    """Unpack the wheel, which is equivalent to installing it; return the folder to import from."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    return tmp_path


def run(folder: Path, *command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a process that imports from a folder first."""
    env = {**os.environ, "PYTHONPATH": str(folder), "PLUXEL_PLUGINS_ALLOW": "pluxel"}
    return subprocess.run(command, check=False, cwd=folder, env=env, capture_output=True, text=True)


def test_the_installed_wheel_works(installed: Path) -> None:
    code = "import pluxel; print(pluxel.__file__, pluxel.Host().get('decoder', 'fcn8s').qualified)"
    shown = run(installed, sys.executable, "-c", code)
    assert shown.stdout == f"{installed}/pluxel/__init__.py pluxel/fcn8s\n", shown.stderr
