"""The folders are the architecture: what is built, what it contains, and who may import whom."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import pluxel.core
import pytest
from pluxel.core import authoring

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
SETUPTOOLS: dict[str, Any] = PYPROJECT["tool"]["setuptools"]
FOLDERS: dict[str, str] = SETUPTOOLS["package-dir"]
LINT_IMPORTS = Path(sysconfig.get_path("scripts")) / "lint-imports"


def in_package(path: Path) -> PurePosixPath:
    """Return where a file of the tree lies in the wheel."""
    relative = path.relative_to(ROOT)
    # The longest folder first: core/_top lies within core, but is pluxel itself.
    for package, folder in sorted(FOLDERS.items(), key=lambda item: -len(item[1])):
        if relative.is_relative_to(folder):
            return PurePosixPath(*package.split("."), *relative.relative_to(folder).parts)
    raise AssertionError(f"{relative} is in no mapped folder")


def tree(pattern: str) -> Iterator[Path]:
    """Yield the files of the mapped folders that match."""
    for folder in {folder.partition("/")[0] for folder in FOLDERS.values()}:
        yield from (path for path in (ROOT / folder).rglob(pattern) if path.is_file())


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from a copy of what it is built from; building leaves files behind."""
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


def test_the_packages_of_pyproject_are_those_of_the_tree() -> None:
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


def test_the_wheel_holds_every_module_recipe_and_type_marker(
    contents: set[PurePosixPath],
) -> None:
    for pattern in ("*.py", "*.yaml", "py.typed"):
        expected = {in_package(path) for path in tree(pattern)}
        assert expected, pattern
        assert expected <= contents


def test_the_wheel_holds_nothing_else(contents: set[PurePosixPath]) -> None:
    info = f"pluxel-{PYPROJECT['project']['version']}.dist-info"
    assert {path.parts[0] for path in contents} == {"pluxel", info}
    ours = {path for path in contents if path.parts[0] == "pluxel"}
    assert ours <= {in_package(path) for path in tree("*")}


@pytest.fixture
def installed(wheel: Path, tmp_path: Path) -> Path:
    """Unpack the wheel, which is all that installing it does; return the folder to import from."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    return tmp_path


def run(folder: Path, *command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a process that imports from this folder first."""
    env = {**os.environ, "PYTHONPATH": str(folder), "PLUXEL_PLUGINS_ALLOW": "pluxel"}
    return subprocess.run(command, check=False, cwd=folder, env=env, capture_output=True, text=True)


def test_what_the_wheel_installs_runs(installed: Path) -> None:
    code = "import pluxel; print(pluxel.__file__, pluxel.Host().get('decoder', 'fcn8s').qualified)"
    shown = run(installed, sys.executable, "-c", code)
    assert shown.stdout == f"{installed}/pluxel/__init__.py pluxel/fcn8s\n", shown.stderr


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """Copy the tree as the wheel holds it, without building one; return the folder above it."""
    for path in tree("*.py"):
        copy = tmp_path / in_package(path)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    return tmp_path


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """Check the layers of a package; of an editable install import-linter sees only the top."""
    return run(folder, LINT_IMPORTS, "--no-cache", "--config", ROOT / "pyproject.toml")


def test_the_layers_hold(package: Path) -> None:
    shown = lint_imports(package)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert "registry <- core <- plugins KEPT" in shown.stdout


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("registry/_host.py", "from ..core import geometry"),
        ("registry/_host.py", "from ..plugins import decoders"),
        ("core/geometry/grid.py", "def late():\n    from ...plugins.decoders import fcn"),
    ],
)
def test_a_violation_of_the_layers_is_found(package: Path, module: str, line: str) -> None:
    with (package / "pluxel" / module).open("a") as file:
        file.write(f"\n\n{line}\n")
    shown = lint_imports(package)
    assert shown.returncode == 1, shown.stderr
    assert "registry <- core <- plugins BROKEN" in shown.stdout


def imports(path: Path, package: str) -> Iterator[str]:
    """Yield the full name of everything that a file of this package imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            outer = package.split(".")
            base = outer[: len(outer) - node.level + 1] if node.level else []
            module = [*base, *filter(None, [node.module])]
            yield from (".".join([*module, alias.name]) for alias in node.names)


PUBLIC = {
    f"{room.__name__}.{name}" for room in (pluxel.core, authoring) for name in room.__all__
} | {"pluxel.core.authoring"}


def is_private(name: str) -> bool:
    """Return whether a name belongs to the core but is not among those that it offers."""
    return name.startswith("pluxel.core.") and name not in PUBLIC


def plugin_files() -> Iterator[tuple[Path, str]]:
    """Yield what plugins are made of, the built-in ones and the example, and their packages."""
    for path in sorted((ROOT / "plugins").rglob("*.py")):
        yield path, ".".join(in_package(path).parent.parts)
    for path in sorted((ROOT / "examples").rglob("*.py")):
        yield path, path.parent.name


def test_plugins_use_public_names_of_the_core_alone() -> None:
    found = {name for path, package in plugin_files() for name in imports(path, package)}
    assert {"pluxel.core.authoring.StateDict", "pluxel.core.FeatureSpec"} <= found
    assert {name for name in found if is_private(name)} == set()


@pytest.mark.parametrize(
    "line",
    [
        "from ...core.geometry.tracing._probing import probe",
        "from ...core.geometry.grid import FeatureSpec",
        "from ...core.authoring.losses import SegmentationLoss",
        "from ...core import engine",
        "from ...core.geometry.resampling import _banded",
        "import pluxel.core.cli.train",
        "from pluxel.core.engine.evaluation import _confusion as c",
        "def late():\n    from ...core.engine import Run",
    ],
)
def test_a_private_name_is_found(tmp_path: Path, line: str) -> None:
    (tmp_path / "unet.py").write_text(f"from ...core import Grid\n{line}\n")
    found = [*imports(tmp_path / "unet.py", "pluxel.plugins.decoders")]
    assert len([name for name in found if is_private(name)]) == 1
