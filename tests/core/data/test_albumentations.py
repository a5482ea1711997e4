"""Augmentation does not silently use another distribution of the module ``albumentations``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pluxel.core.data import _albumentations
from pluxel.core.data._transforms import load_albumentations
from pluxel.registry import MissingPackage

CORE = Path(_albumentations.__file__).parents[1]
SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
from pluxel.core.data._transforms import load_albumentations
from pluxel.registry import PluxelError
try:
    print(load_albumentations().MARK)
except PluxelError as error:
    print(error)
"""
REFUSED = """\
the module 'albumentations' comes from albumentationsx 2.5.1 (AGPL-3.0-only), \
not from albumentations (MIT)
  note: to use albumentations: pip uninstall -y albumentationsx && \
pip install --force-reinstall --no-deps albumentations
  note: to use albumentationsx under its license: set PLUXEL_ALBUMENTATIONS=albumentationsx
"""


def add(site: Path, name: str, version: str, license_line: str) -> None:
    """Install a distribution of the module, as pip would."""
    (site / "albumentations").mkdir(parents=True, exist_ok=True)
    (site / "albumentations/__init__.py").write_text(f"MARK = '{name}'\n")
    info = site / f"{name}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n{license_line}\n"
    )
    (info / "RECORD").write_text("albumentations/__init__.py,,\n")


def load(site: Path, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(site)],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
        env={**environment, "PYTHONUTF8": "1"},
    )
    return done.stdout


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    add(tmp_path, "albumentationsx", "2.5.1", "License-Expression: AGPL-3.0-only")
    return tmp_path


@pytest.mark.slow
def test_another_distribution_is_rejected(foreign) -> None:
    assert load(foreign) == REFUSED
    assert load(foreign, PLUXEL_ALBUMENTATIONS="fork") == REFUSED


def test_another_distribution_can_be_accepted(foreign) -> None:
    assert load(foreign, PLUXEL_ALBUMENTATIONS="albumentationsx") == "albumentationsx\n"


def test_both_installed_are_rejected(foreign) -> None:
    add(foreign, "albumentations", "2.0.8", "License: MIT License")
    assert load(foreign) == REFUSED


def test_the_distribution_of_the_same_name_is_accepted(tmp_path) -> None:
    add(tmp_path, "albumentations", "2.0.8", "License: MIT License")
    assert load(tmp_path) == "albumentations\n"


def test_a_plain_folder_is_accepted(tmp_path) -> None:
    (tmp_path / "albumentations").mkdir()
    (tmp_path / "albumentations/__init__.py").write_text("MARK = 'folder'\n")
    assert load(tmp_path) == "folder\n"


def test_the_usual_distribution_is_recognized_without_reading_all(monkeypatch) -> None:
    monkeypatch.delattr(_albumentations, "packages_distributions")
    _albumentations._providers.cache_clear()
    assert _albumentations._providers() == ("albumentations",)


def test_without_albumentations_the_error_names_the_command(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "albumentations", None)
    monkeypatch.setattr(_albumentations, "_providers", lambda: ())
    with pytest.raises(MissingPackage) as caught:
        load_albumentations()
    assert str(caught.value) == (
        "augmentation needs albumentations, which is not installed: pip install albumentations"
    )


def test_nothing_else_imports_it() -> None:
    root = CORE.parent
    importing = {
        path.relative_to(root).as_posix()
        for folder in ("core", "plugins", "registry")
        for path in (root / folder).rglob("*.py")
        if "import albumentations" in path.read_text(encoding="utf-8")
    }
    assert importing == {"core/data/_transforms.py"}
