"""The wheel contains exactly the mapped folders and works; the source distribution is complete."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
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
EXAMPLES = sorted(ROOT.glob("examples/*/pyproject.toml"))


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


def files_of_the_repository() -> set[Path]:
    """Return the files that git does not ignore; all of them in a source distribution."""
    if not (ROOT / ".git").exists():
        return {path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file()}
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.check_output(command, cwd=ROOT, text=True).split("\0")
    return {Path(name) for name in names if name and (ROOT / name).is_file()}


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the repository, because building leaves files behind; return the copy."""
    folder = tmp_path_factory.mktemp("source")
    for path in files_of_the_repository():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, folder / path)
    return folder


@pytest.fixture(scope="session")
def built(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the source distribution and from it the wheel, as a release does."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), "."]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="session")
def wheel(built: Path) -> Path:
    """Return the wheel."""
    (file,) = built.glob("*.whl")
    return file


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


def test_the_source_distribution_holds_the_repository(built: Path) -> None:
    """Its tests read the documentation, the examples and the workflows too."""
    (file,) = built.glob("*.tar.gz")
    with tarfile.open(file) as archive:
        held = {Path(*Path(one.name).parts[1:]) for one in archive if one.isfile()}
    assert files_of_the_repository() <= held
    others = {path for path in held - files_of_the_repository() if "egg-info" not in str(path)}
    assert others <= {Path("PKG-INFO"), Path("setup.cfg")}


@pytest.mark.parametrize("name", [path.parent.name for path in EXAMPLES])
def test_the_source_distribution_of_an_example_holds_its_tests(
    name: str, source: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir"]
    folder = source / "examples" / name
    subprocess.run([*command, str(tmp_path), "."], cwd=folder, check=True, capture_output=True)
    (file,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(file) as archive:
        held = {Path("examples", name, *Path(one.name).parts[1:]) for one in archive}
    assert {one for one in files_of_the_repository() if name in one.parts} <= held


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
    env = {**os.environ, "PYTHONPATH": str(folder), "PLUXEL_PLUGINS": ""}
    return subprocess.run(command, check=False, cwd=folder, env=env, capture_output=True, text=True)


def test_the_installed_wheel_works(installed: Path) -> None:
    code = "import pluxel; print(pluxel.__file__, pluxel.Host().get('decoder', 'fcn8s').qualified)"
    shown = run(installed, sys.executable, "-c", code)
    assert shown.stdout == f"{installed}/pluxel/__init__.py pluxel/fcn8s\n", shown.stderr
