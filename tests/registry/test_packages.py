"""The error for a missing package names the command that installs it."""

from __future__ import annotations

import importlib
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pluxel.registry import (
    Component,
    MissingPackage,
    _packages,
    missing_package,
    needed_by,
)
from pluxel.registry._target import load_target

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[<>=!~\[ ]", requirement)[0] for requirement in requirements}


NO_USER = {"test", "peers", "dev", "docs"}
"""Extras for those who work on Pluxel itself."""

OF_TRACKERS = {"mlflow", "tensorboard", "trackio", "wandb"}
"""Extras that only the tracker of the same name needs, whose error names the extra."""


def test_the_table_lists_every_dependency() -> None:
    extras = PROJECT["optional-dependencies"]
    needed = {name: names(extras[name]) for name in extras if name not in NO_USER | OF_TRACKERS}
    listed = set(_packages.DISTRIBUTIONS.values())
    assert listed == names(PROJECT["dependencies"]).union(*needed.values())
    assert {
        (extra, _packages.DISTRIBUTIONS[module]) for module, extra in _packages.EXTRAS.items()
    } == {(extra, package) for extra, packages in needed.items() for package in packages}


@pytest.mark.parametrize("module", sorted(_packages.DISTRIBUTIONS))
def test_modules_in_the_table_exist(module) -> None:
    assert importlib.util.find_spec(module)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            ModuleNotFoundError("No module named 'cv2'", name="cv2"),
            "drawing needs opencv-python-headless, which is not installed: "
            "pip install opencv-python-headless",
        ),
        (
            ModuleNotFoundError("No module named 'timm.layers'", name="timm.layers"),
            "drawing needs timm, which cannot be imported (No module named 'timm.layers'): "
            "pip install --upgrade timm",
        ),
        (
            ModuleNotFoundError("No module named 'rasterio'", name="rasterio"),
            "drawing needs rasterio, which is not installed: pip install rasterio",
        ),
        (
            ImportError("libGL.so.1: cannot open", name="cv2"),
            "drawing needs opencv-python-headless, which cannot be imported "
            "(libGL.so.1: cannot open): pip install opencv-python-headless",
        ),
        (
            ModuleNotFoundError("No module named 'psutil'", name="psutil"),
            "drawing needs the module 'psutil', which is not installed",
        ),
    ],
)
def test_the_error_names_the_install_command(error, message) -> None:
    with pytest.raises(MissingPackage) as caught, needed_by("drawing"):
        raise error
    assert str(caught.value) == message
    assert caught.value.__cause__ is error
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    "error",
    [
        ModuleNotFoundError("No module named 'pluxel.core.x'", name="pluxel.core.x"),
        ImportError("cannot import name 'x' from 'json'", name="json"),
        ImportError("no name"),
    ],
)
def test_other_import_errors_are_unchanged(error) -> None:
    assert missing_package(error, "drawing") is None
    with pytest.raises(type(error)) as caught, needed_by("drawing"):
        raise error
    assert caught.value is error


def test_the_error_of_a_component_names_the_install_command(
    site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.module("acme_timm", "import timm")
    monkeypatch.setitem(sys.modules, "timm", None)
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(MissingPackage) as caught:
        load_target(Component("wnet", "acme_timm:UNet", "U-Net.", provider="acme"))
    assert str(caught.value) == "acme/wnet needs timm, which is not installed: pip install timm"


def test_the_error_names_all_missing_packages_of_a_part(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("cv2", "timm", "rasterio", "tifffile"):
        monkeypatch.setitem(sys.modules, module, None)
    timm = ModuleNotFoundError("No module named 'timm'", name="timm")
    assert str(missing_package(timm, "pluxel train", ["PIL", "cv2", "timm"])) == (
        "pluxel train needs opencv-python-headless and timm, which are not installed: "
        "pip install opencv-python-headless timm"
    )
    with pytest.raises(MissingPackage) as caught, needed_by("a raster"):
        import rasterio  # noqa: F401, PLC0415
    assert str(caught.value) == (
        "a raster needs rasterio and tifffile, which are not installed: "
        "pip install rasterio tifffile"
    )


def test_the_error_of_a_part_names_what_uses_it() -> None:
    timm = ModuleNotFoundError("No module named 'timm'", name="timm")
    with pytest.raises(MissingPackage) as caught, needed_by("pluxel.core.Pipeline"):
        raise timm
    assert str(missing_package(caught.value, "acme/wnet")) == (
        "acme/wnet needs timm, which is not installed: pip install timm"
    )
